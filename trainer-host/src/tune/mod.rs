//! Finding the network that fits the chip. A study is a search whose trials are training runs. Each trial is
//! judged by its integers, and its cost on the chip is known before it begins.
//!
//! [`trial_config`] turns a point into a configuration, and [`estimate`](crate::run::estimate) computes what its model will need.
//! [`trial_training`] trains, quantises and judges it on [`trial_data`]; [`trial`] has the result. A [`study`]
//! lies in a [`database`], from which any number of [`worker`]s in any number of processes claim trainings. A [`plan`] says
//! which folds a trial trains. The [`finalists`] are trained again before [`best`] picks one.
//!
//! The points that are tried follow from the configuration alone, however many workers there are and whenever
//! they are killed: see [`SearchConfig::lag`](crate::search::SearchConfig).

pub mod base_point;
pub mod best;
mod claim;
mod contact;
pub mod cost_columns;
pub mod database;
pub mod default_space;
pub mod exported;
pub mod feasible;
pub mod finalists;
mod folders;
mod known_trials;
mod patience;
pub mod plan;
mod process;
#[cfg(feature = "plots")]
pub mod report;
pub mod stored_trial;
pub mod study;
pub mod trial;
pub mod trial_config;
pub mod trial_data;
pub mod trial_training;
mod watch;
pub mod worker;
