//! How a board is emulated: QEMU's command line, and its end with the program that started it.

use std::process::Command;

/// The emulator.
pub const PROGRAM: &str = "qemu-system-arm";

/// QEMU with `machine`, whose first serial port is on standard input and output; the image's path is to be
/// added.
///
/// With `-icount shift=7` an instruction takes 128 ns of emulated time, so that the firmware's counter
/// counts instructions.
pub fn command(machine: &str) -> Command {
    let mut command = with_icount(machine, 7);
    command
        .args(["-serial", "stdio"])
        .args(["-semihosting", "-kernel"]);
    command
}

/// QEMU with `machine`, without a screen or a monitor; an instruction takes 2^`shift` ns of emulated time.
pub fn with_icount(machine: &str, shift: u32) -> Command {
    let mut command = Command::new(PROGRAM);
    command
        .args(["-M", machine, "-icount", &format!("shift={shift}")])
        .args(["-display", "none", "-monitor", "none"]);
    end_with_this_program(&mut command);
    command
}

/// Has the kernel end the command when the *thread* that starts it ends, in whatever way: also when this
/// program is killed. The thread must live as long as the command is wanted.
///
/// Only Linux can do so. Elsewhere the command is ended by whoever holds it, and by Ctrl-C, which reaches
/// all programs of a terminal.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
pub fn end_with_this_program(command: &mut Command) {
    use std::os::unix::process::CommandExt;

    let parent = std::process::id();
    let ask = move || {
        // SAFETY: both are plain system calls, which may be made between fork and exec.
        let parent_now = unsafe {
            if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) != 0 {
                return Err(std::io::Error::last_os_error());
            }
            libc::getppid()
        };
        // The parent may have ended before the kernel was asked.
        if u32::try_from(parent_now) == Ok(parent) {
            Ok(())
        } else {
            Err(std::io::ErrorKind::NotConnected.into())
        }
    };
    // SAFETY: the closure makes system calls only; it neither allocates nor takes a lock.
    unsafe {
        command.pre_exec(ask);
    }
}

/// See above.
#[cfg(not(target_os = "linux"))]
pub fn end_with_this_program(_: &mut Command) {}
