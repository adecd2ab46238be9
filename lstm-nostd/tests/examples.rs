//! The examples run to their end.

#[path = "../examples/classify.rs"]
mod classify;
#[cfg(feature = "write")]
#[path = "../examples/model_at_run_time.rs"]
mod model_at_run_time;
#[path = "../examples/several_streams.rs"]
mod several_streams;

#[test]
fn classify_runs() {
    classify::main().unwrap();
}

#[cfg(feature = "write")]
#[test]
fn model_at_run_time_runs() {
    model_at_run_time::main().unwrap();
}

#[test]
fn several_streams_runs() {
    several_streams::main().unwrap();
}
