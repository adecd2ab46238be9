//! A part as endless streams: cells and decisions with a reset before each sequence and without.

use super::{Chart, Page, Series, beside, escape};
use crate::evaluate::StreamScore;

/// The page for the data `name`: the scores of each form of the network that there is.
pub fn stream_page(name: &str, scores: &[(&str, &Option<StreamScore>)]) -> String {
    let mut page = Page::new(&format!("{name} as a stream"));
    for (form, score) in scores {
        let Some(score) = score else { continue };
        let over =
            |name: &str, values: &[f64]| Series::over_positions(name, values.iter().copied());
        let x = "sequences since the stream began";
        let cells = vec![
            over("with resets", &score.cells.reset_by_position),
            over("without", &score.cells.stream_by_position),
        ];
        let errors = vec![
            over("with resets", &score.reset_errors),
            over("without", &score.stream_errors),
        ];
        let charts = [
            Chart::lines("How large the cells are", (x, "RMS of all cells"), cells),
            Chart::lines(score.error_name, (x, score.error_name), errors),
        ];
        let text = escape(&score.to_text());
        page.section(form, &format!("<pre>{text}</pre>{}", beside(&charts)));
    }
    page.finish()
}
