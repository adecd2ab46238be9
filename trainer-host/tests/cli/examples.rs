//! Do the library's example programs run to their end?

#[path = "../../examples/cost_before_training.rs"]
mod cost_before_training;
#[path = "../../examples/search_any_function.rs"]
mod search_any_function;
#[allow(dead_code, reason = "`main` takes the path from the command line")]
#[path = "../../examples/train_and_quantise.rs"]
mod train_and_quantise;

#[test]
fn cost_before_training_runs() {
    cost_before_training::main();
}

#[test]
fn search_any_function_runs() {
    search_any_function::main().unwrap();
}

#[test]
fn train_and_quantise_runs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("digits.lstm");
    train_and_quantise::train_and_quantise(&path).unwrap();
    assert!(path.is_file());
}
