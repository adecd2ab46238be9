//! How an image is started in the emulator.

use std::path::Path;
use std::process::Command;

use crate::boards::Board;
use crate::set_up::QEMU;

/// QEMU with the board's serial port on this terminal; the image's path is to be added.
///
/// With `-icount shift=7` an instruction takes 128 ns of emulated time, so that the firmware's counter
/// counts instructions.
pub fn command(board: &Board) -> Command {
    let mut command = Command::new(QEMU);
    command
        .args(["-M", board.machine, "-icount", "shift=7"])
        .args(["-display", "none", "-monitor", "none", "-serial", "stdio"])
        .args(["-semihosting", "-kernel"]);
    command
}

/// QEMU with the plugin that counts the instructions between two executions of the one at `mark`, and
/// writes its counts to `counts`; the image's path is to be added.
pub fn counting(board: &Board, plugin: &Path, mark: u64, counts: &Path) -> Command {
    let plugin = plugin.display();
    let mut command = Command::new(QEMU);
    command
        .args(["-M", board.machine, "-icount", "shift=0"])
        .args(["-display", "none", "-monitor", "none", "-serial", "null"])
        .arg("-plugin")
        .arg(format!("{plugin},mark={mark:x},out={}", counts.display()))
        .args(["-semihosting", "-kernel"]);
    command
}
