//! The line that an application prints for an event.

use embedded_io::Write;
use lstm_nostd::Model;
use lstm_nostd::recognise::Event;

/// Prints the step, the name and the confidence of an event that a recogniser for `model` made.
pub fn print_event(serial: &mut impl Write, event: Event, model: &Model<'_>) {
    let name = model.output_names().nth(event.class).unwrap_or("?");
    let Event {
        step, confidence, ..
    } = event;
    let _ = writeln!(
        serial,
        "event at step {step}: {name} ({confidence} of 32768)"
    );
}
