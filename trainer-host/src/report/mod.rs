//! Reports as HTML pages. Each page contains its pictures and needs no network connection.

mod bars;
mod bundle;
mod curve;
mod heat_map;
mod histogram;
mod network;
mod page;
mod parallel;
mod quantisation;
mod rate;
mod run;
mod scatter;
mod score;
mod stream;
mod svg;

pub use bars::bars;
pub use bundle::{Strand, bundle_svg};
pub use curve::{Curve, curves_svg};
pub use heat_map::{Scale, heat_map_svg};
pub use histogram::histogram_svg;
pub use network::network_sections;
pub use page::{Page, confusion_table, escape};
pub use parallel::{Axis, Line, parallel_svg};
pub use quantisation::quantisation_page;
pub use rate::rate_report;
pub use run::{losses_svg, run_report};
pub use scatter::{Cloud, scatter_svg};
pub use score::score_sections;
pub use stream::stream_page;
