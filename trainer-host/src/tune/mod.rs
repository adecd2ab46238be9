//! Finding the network that fits the chip: a study is a search whose trials are training runs, judged
//! as integers, and whose costs are known before they begin.
//!
//! [`plan`] makes a run of a point and says what its model will need; a [`task`] trains, quantises and
//! judges it, on [`trial_data`], and a [`trial`] is what that came to. A [`study`] lies in a [`database`],
//! where any number of [`worker`]s of any number of processes take trials from. The [`finalists`] are
//! trained again before [`best`] picks from what was found.
//!
//! Which points are tried follows from the configuration alone, however many workers there are and
//! whenever they are killed: see [`SearchConfig::lag`](crate::search::SearchConfig).

pub mod base_point;
pub mod best;
pub mod database;
pub mod default_space;
pub mod feasible;
pub mod finalists;
mod folders;
mod patience;
pub mod plan;
mod process;
#[cfg(feature = "plots")]
pub mod report;
pub mod stored_trial;
pub mod study;
pub mod task;
pub mod trial;
pub mod trial_data;
pub mod worker;
