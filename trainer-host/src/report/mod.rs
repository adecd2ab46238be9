//! Reports as HTML pages. Each page is one file, with its style, its script and its pictures, and needs no network
//! connection.
//!
//! | file | what it has |
//! | --- | --- |
//! | `page.rs` | the page, its tables, its style and script (`assets/report/`) |
//! | `chart.rs`, `axis.rs`, `dates.rs` | lines and points over two axes |
//! | `histogram.rs`, `heat_map.rs`, `parallel.rs`, `bars.rs`, `confusion.rs` | other pictures and tables |
//! | `run.rs`, `quantisation.rs`, `rate.rs`, `stream.rs` | a page each |
//! | `score.rs`, `threshold.rs`, `values.rs`, `wrong.rs`, `forecast.rs`, `quantised.rs`, `features.rs`, `network.rs` | sections of pages |

mod axis;
mod bars;
mod chart;
mod clock;
mod confusion;
mod dates;
mod features;
mod forecast;
mod heat_map;
mod histogram;
mod network;
mod page;
mod parallel;
mod quantisation;
mod quantised;
mod rate;
mod run;
mod score;
mod stream;
mod threshold;
mod values;
mod wrong;

pub use bars::bars;
pub use chart::{Chart, Look, Series, Ticks};
pub use confusion::confusion_table;
pub use heat_map::{HeatMap, Scale};
pub use histogram::histogram_svg;
pub use network::network_sections;
use page::columns;
pub use page::{Page, beside, data_table, escape, marked_table};
pub use parallel::{Axis, Line, parallel_svg};
pub use quantisation::quantisation_page;
pub use rate::rate_report;
pub use run::{JudgedPart, Progress, over_epochs, progress_page, run_report};
pub use stream::stream_page;
