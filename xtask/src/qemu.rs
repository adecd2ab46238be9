//! Starts an image in the emulator.
//!
//! An emulator that this program starts ends with it, see [`lstm_link::emulator`].

use std::path::Path;
use std::process::Command;

use lstm_link::emulator;

use crate::boards::Board;

/// QEMU with the board's serial port on this terminal. The caller adds the image's path.
pub fn command(board: &Board) -> Command {
    emulator::command(board.machine)
}

/// QEMU with the plugin that counts the instructions between two executions of the instruction at `mark` and writes
/// the counts to `counts`. The caller adds the image's path.
pub fn counting(board: &Board, plugin: &Path, mark: u64, counts: &Path) -> Command {
    let plugin = plugin.display();
    let mut command = emulator::with_icount(board.machine, 0);
    command
        .args(["-serial", "null"])
        .arg("-plugin")
        .arg(format!("{plugin},mark={mark:x},out={}", counts.display()))
        .args(["-semihosting", "-kernel"]);
    command
}
