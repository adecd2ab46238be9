//! Writes `lstm-nostd/examples/tiny.lstm` anew:
//!
//! ```text
//! cargo run -p lstm-tests --example write_tiny_model -- lstm-nostd/examples/tiny.lstm
//! ```

use std::path::PathBuf;

fn main() -> std::io::Result<()> {
    let Some(path) = std::env::args_os().nth(1).map(PathBuf::from) else {
        return Err(std::io::Error::other("name the file to write"));
    };
    std::fs::write(&path, &*lstm_tests::tiny_model::tiny_model())?;
    println!("wrote {}", path.display());
    Ok(())
}
