//! How an image is started in the emulator.

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
