//! Images that are built at the same time.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use lstm_tests::boards::board;
use xtask::c_library;
use xtask::firmware::{Application, Image};

/// Boards with one target, so cargo has one place for what it builds for either.
const BOARDS: [&str; 2] = ["mps2-an505", "mps3-an547"];
const TIMES: usize = 5;

#[test]
fn boards_of_one_target_have_their_own_images() {
    let build = |name| Image::of(board(name), Application::Runner).build().ok();
    agree_with_those_built_alone(&BOARDS.map(|name| move || build(name)));
}

#[test]
fn cores_of_one_target_have_their_own_c_library() {
    let build = |name| c_library::build(board(name)).ok();
    agree_with_those_built_alone(&BOARDS.map(|name| move || build(name)));
}

/// Files that are built at once, over and over, are those that were built one after the other. Who reads one meanwhile
/// never sees a part of it.
fn agree_with_those_built_alone(builds: &[impl Fn() -> Option<PathBuf> + Sync]) {
    let read = |path: PathBuf| (fs::read(&path).unwrap(), path);
    let alone: Vec<_> = builds.iter().map(|build| read(build().unwrap())).collect();
    assert!(alone[0].0 != alone[1].0);
    let building = &AtomicUsize::new(builds.len());
    thread::scope(|scope| {
        for (build, alone) in builds.iter().zip(&alone) {
            scope.spawn(move || {
                let agree = (0..TIMES).all(|_| {
                    let bytes = build().and_then(|path| fs::read(path).ok());
                    bytes.as_ref() == Some(&alone.0)
                });
                building.fetch_sub(1, Ordering::Relaxed);
                assert!(agree);
            });
            scope.spawn(move || {
                while building.load(Ordering::Relaxed) > 0 {
                    assert!(fs::read(&alone.1).unwrap() == alone.0);
                }
            });
        }
    });
}
