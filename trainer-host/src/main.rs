//! The `trainer-host` command line.
fn main() {}
