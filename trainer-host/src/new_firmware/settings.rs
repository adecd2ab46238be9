//! The settings of a recogniser as a constant in Rust.

use lstm_nostd::recognise::{Settings, States};

/// `src/settings.rs` of a project.
pub(super) fn source(settings: &Settings) -> String {
    let Settings {
        on,
        off,
        votes,
        answers,
        refractory,
        background,
        ..
    } = settings;
    let states = match settings.states {
        States::Windows { steps, hop } => {
            format!("States::Windows {{ steps: {steps}, hop: {hop} }}")
        }
        States::Running {
            warm_up,
            every,
            reset_after,
            reset_on_event,
        } => format!(
            "States::Running {{\n        warm_up: {warm_up},\n        every: {every},\n        \
             reset_after: {reset_after},\n        reset_on_event: {reset_on_event},\n    }}"
        ),
    };
    let percent = |q15: &i16| 100.0 * f64::from(*q15) / 32_768.0;
    format!(
        "//! Which answers of the network make an event. `trainer-host eval RUN --stream --recogniser FILE` counts what such\n\
         //! settings detect, miss and invent.\n\n\
         use lstm_nostd::recognise::{{Settings, States}};\n\n\
         /// Times are steps, probabilities Q0.15.\n\
         pub const SETTINGS: Settings = Settings {{\n    \
             states: {states},\n    \
             // {:.1} %\n    \
             on: {on},\n    \
             // {:.1} %\n    \
             off: {off},\n    \
             votes: {votes},\n    \
             answers: {answers},\n    \
             refractory: {refractory},\n    \
             // Bit c is set if class c is no event.\n    \
             background: {background:#b},\n\
         }};\n",
        percent(on),
        percent(off),
    )
}
