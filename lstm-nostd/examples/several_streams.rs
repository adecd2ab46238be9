//! Several streams through one model: each has a state of its own. A state is plain data, so it can be copied to
//! look ahead, and saved as bytes to go on after a restart.
//!
//! ```text
//! cargo run -p lstm-nostd --example several_streams
//! ```

use lstm_nostd::ArtifactError;

lstm_nostd::include_model!(mod machine = "tiny.lstm");

/// Steps of a window: the network was trained on recordings of this length.
const WINDOW: i32 = 10;

pub(crate) fn main() -> Result<(), ArtifactError> {
    let model = machine::load()?;
    let mut bearings = [machine::State::new(); 3];
    for t in 0..20 {
        for (number, state) in (0..).zip(&mut bearings) {
            if t % WINDOW == 0 {
                // As in training. In a stream without resets, the cells would go where training never took them;
                // `train --for-streams` trains a network to go without; `eval --stream` shows whether it does.
                state.reset();
            }
            model.advance(state, &[t * 40, number * 500 - t, -300]);
        }
    }

    // A copy looks one step ahead; the stream itself stays where it is.
    let mut ahead = bearings[0];
    let outputs = model.step(&mut ahead, &[800, 0, -300]);
    assert_ne!(ahead, bearings[0]);
    println!("bearing 0, a step ahead: {outputs:?}");

    // What is saved and read back goes on as if nothing had happened.
    let saved: Vec<Vec<u8>> = bearings[1].bytes().map(<[u8]>::to_vec).into();
    let mut restored = machine::State::new();
    for (to, from) in restored.bytes_mut().into_iter().zip(&saved) {
        to.copy_from_slice(from);
    }
    let raw = [810, 480, -300];
    assert_eq!(
        model.step(&mut restored, &raw),
        model.step(&mut bearings[1], &raw)
    );
    println!(
        "bearing 1 goes on from {} saved bytes",
        saved.concat().len()
    );
    Ok(())
}
