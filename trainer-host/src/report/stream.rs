//! A part as endless streams: cells and decisions with a reset before each sequence and without.

use super::{Curve, Page, curves_svg};
use crate::evaluate::StreamScore;

/// The page for the data `name`: the scores of each form of the network that there is.
pub fn stream_page(name: &str, scores: &[(&str, &Option<StreamScore>)]) -> String {
    let mut page = Page::new(&format!("{name} as a stream"));
    for (form, score) in scores {
        let Some(score) = score else { continue };
        page.text(form, &score.to_text());
        let cells = [
            curve("with resets", &score.cells.reset_by_position),
            curve("without", &score.cells.stream_by_position),
        ];
        let title = format!("{form}: how large the cells are");
        let labels = ("sequences since the stream began", "RMS of all cells");
        page.section(&title, &curves_svg(&title, labels.0, labels.1, &cells));
        let errors = [
            curve("with resets", &score.reset_errors),
            curve("without", &score.stream_errors),
        ];
        let title = format!("{form}: {}", score.error_name);
        page.section(
            &title,
            &curves_svg(&title, labels.0, score.error_name, &errors),
        );
    }
    page.finish()
}

fn curve(name: &str, values: &[f64]) -> Curve {
    Curve {
        name: name.into(),
        points: (values.iter().enumerate())
            .map(|(position, value)| (position as f64, *value))
            .collect(),
    }
}
