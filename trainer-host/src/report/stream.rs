//! A part as endless streams: cells and decisions with a reset before each sequence and without.

use super::{Chart, Page, Series};
use crate::evaluate::StreamScore;

/// The page for the data `name`: the scores of each form of the network that there is.
pub fn stream_page(name: &str, scores: &[(&str, &Option<StreamScore>)]) -> String {
    let mut page = Page::new(&format!("{name} as a stream"));
    for (form, score) in scores {
        let Some(score) = score else { continue };
        page.text(form, &score.to_text());
        let over =
            |name: &str, values: &[f64]| Series::over_positions(name, values.iter().copied());
        let x = "sequences since the stream began";
        let cells = vec![
            over("with resets", &score.cells.reset_by_position),
            over("without", &score.cells.stream_by_position),
        ];
        let title = format!("{form}: how large the cells are");
        let chart = Chart::lines(&title, (x, "RMS of all cells"), cells);
        page.section(&title, &chart.figure());
        let errors = vec![
            over("with resets", &score.reset_errors),
            over("without", &score.stream_errors),
        ];
        let title = format!("{form}: {}", score.error_name);
        let chart = Chart::lines(&title, (x, score.error_name), errors);
        page.section(&title, &chart.figure());
    }
    page.finish()
}
