//! The `trainer-host` command line.

fn main() -> std::process::ExitCode {
    trainer_host::cli::main()
}
