//! Boards under test: their images, built once, and QEMU.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use lstm_nostd::kernels::Order;
use trainer_host::device::Device;
use xtask::boards::{self, Board};
use xtask::firmware::{Application, Image};
use xtask::qemu;

/// Makes a module of tests, one for each board, from a function of a board.
#[macro_export]
macro_rules! on_every_board {
    ($($test:ident)*) => {
        $(mod $test {
            $crate::on_every_board! { @boards $test
                cortex_m0_microbit "microbit",
                cortex_m3_mps2_an385 "mps2-an385",
                cortex_m4_mps2_an386 "mps2-an386",
                cortex_m4_stm32f405 "stm32f405",
                cortex_m7_mps2_an500 "mps2-an500",
                cortex_m33_mps2_an505 "mps2-an505",
                cortex_m55_mps3_an547 "mps3-an547",
            }
        })*
    };
    (@boards $test:ident $($name:ident $board:literal,)*) => {
        $(#[test]
        fn $name() {
            super::$test($crate::boards::board($board));
        })*
    };
}

/// The board of this name.
pub fn board(name: &str) -> &'static Board {
    boards::by_name(name).expect("the tests name boards that exist")
}

/// The ELF file of an application, built on first use.
pub fn image(board: &'static Board, application: Application) -> PathBuf {
    static BUILT: Mutex<BTreeMap<(&str, &str), PathBuf>> = Mutex::new(BTreeMap::new());

    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    let path = built
        .entry((board.name, application.binary()))
        .or_insert_with(|| {
            let image = Image::of(board, application);
            image.build().unwrap_or_else(|error| panic!("{error:#}"))
        });
    path.clone()
}

/// The orders of weights that the board's kernels read.
pub fn orders(board: &Board) -> Vec<Order> {
    let mut orders = vec![Order::Generic, board.order()];
    orders.dedup();
    orders
}

/// What an application prints that runs to its end.
///
/// # Panics
/// When it fails.
pub fn printed(board: &'static Board, application: Application) -> String {
    let image = image(board, application);
    let output = qemu::command(board).arg(image).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    // The stray zero byte of the micro:bit's port.
    String::from_utf8(output.stdout).unwrap().replace('\0', "")
}

/// QEMU, with its serial port under the test's control. Dropping it ends QEMU.
pub struct Running(pub Child);

impl Running {
    /// Starts it.
    pub fn start(command: &mut Command) -> Self {
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        Self(child.expect("`cargo xtask set-up` installs QEMU"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// The emulated micro:bit with two kilobytes less for the stack of the application that serves models.
pub fn device_with_less_ram() -> (&'static Board, Device) {
    let board = board("microbit");
    let image = Image {
        feature: Some("less-ram"),
        ..Image::of(board, Application::Runner)
    };
    let path = image.build().unwrap_or_else(|error| panic!("{error:#}"));
    (board, opened(board, &path))
}

/// The emulated board, running the application that serves models.
pub fn device(board: &'static Board) -> Device {
    opened(board, &image(board, Application::Runner))
}

fn opened(board: &Board, image: &Path) -> Device {
    let address = format!("qemu:{}", board.machine);
    Device::open(&address, Some(image)).unwrap_or_else(|error| panic!("{error}"))
}
