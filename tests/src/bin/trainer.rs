//! `trainer-host`, built along with these tests.

fn main() -> std::process::ExitCode {
    trainer_host::cli::main()
}
