//! Pictures of a run: one self-contained HTML page (no network) with its curves and confusion matrix.

mod curve;
mod page;
mod run;
mod score;

pub use curve::{Curve, curves_svg};
pub use page::{Page, confusion_table};
pub use run::{losses_svg, run_report};
pub use score::score_sections;
