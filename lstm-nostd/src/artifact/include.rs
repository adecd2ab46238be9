//! Models that are compiled into firmware, with their sizes as constants.

use core::mem::offset_of;

use super::{Header, MAGIC};
use crate::task::Task;

/// The sizes that a model file's header states; [`Model::parse`](crate::Model::parse) checks them
/// against its layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Raw input channels, `I`.
    pub inputs: usize,
    /// Outputs, `O`.
    pub outputs: usize,
    /// Cell blocks of a [`State`](crate::State).
    pub cell_blocks: usize,
    /// Hidden blocks of a [`State`](crate::State).
    pub hidden_blocks: usize,
    /// Blocks of scratch.
    pub scratch_blocks: usize,
}

impl Sizes {
    /// Reads the header of a file at compile time.
    ///
    /// # Panics
    /// When `file` does not begin like a model file, which stops the build.
    pub const fn of_file(file: &[u8]) -> Self {
        assert!(
            file.len() >= size_of::<Header>()
                && file[0] == MAGIC[0]
                && file[1] == MAGIC[1]
                && file[2] == MAGIC[2]
                && file[3] == MAGIC[3],
            "not a model file: export one with `trainer-host export`"
        );
        Self {
            inputs: u16_at(file, offset_of!(Header, inputs)),
            outputs: u16_at(file, offset_of!(Header, outputs)),
            cell_blocks: u16_at(file, offset_of!(Header, cell_blocks)),
            scratch_blocks: u16_at(file, offset_of!(Header, scratch_blocks)),
            hidden_blocks: u16_at(file, offset_of!(Header, hidden_blocks)),
        }
    }
}

/// What the outputs of a model file mean, read at compile time.
///
/// # Panics
/// When the file's header has no such task, which stops the build.
#[doc(hidden)]
pub const fn task_of_file(file: &[u8]) -> Task {
    match Task::from_code(file[offset_of!(Header, task)]) {
        Some(task) => task,
        None => panic!("the model file has an unknown task: export one for this engine"),
    }
}

const fn u16_at(file: &[u8], at: usize) -> usize {
    u16::from_le_bytes([file[at], file[at + 1]]) as usize
}

/// Compiles a model file into flash as a module with its sizes, types and a loader.
///
/// ```
/// lstm_nostd::include_model!(pub mod digits = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/tiny.lstm"));
///
/// # fn main() -> Result<(), lstm_nostd::ArtifactError> {
/// let model: digits::Model = digits::load()?;     // checks the whole file once
/// let mut state = digits::State::new();           // sized at compile time
/// assert_eq!(digits::TASK, lstm_nostd::Task::Softmax);
/// let raw = [0; digits::SIZES.inputs];
/// let outputs = model.step(&mut state, &raw);     // [I16F16; digits::SIZES.outputs]
/// # Ok(())
/// # }
/// ```
///
/// The path is relative to the file of the call, as in `include_bytes!`; an expression such as
/// `concat!(env!("OUT_DIR"), "/digits.lstm")` works too.
#[macro_export]
macro_rules! include_model {
    ($(#[$attribute:meta])* $visibility:vis mod $name:ident = $path:expr) => {
        $(#[$attribute])*
        $visibility mod $name {
            static ALIGNED: &$crate::artifact::Aligned<[u8]> =
                &$crate::artifact::Aligned(*include_bytes!($path));

            /// The model file.
            pub static FILE: &[u8] = &ALIGNED.0;
            /// The model's sizes.
            pub const SIZES: $crate::artifact::Sizes =
                $crate::artifact::Sizes::of_file(include_bytes!($path));
            /// What the outputs mean.
            pub const TASK: $crate::Task = $crate::artifact::task_of_file(include_bytes!($path));
            /// The model's type.
            pub type Model = $crate::FixedModel<
                'static,
                { SIZES.inputs },
                { SIZES.outputs },
                { SIZES.cell_blocks },
                { SIZES.hidden_blocks },
                { SIZES.scratch_blocks },
            >;
            /// The state of one stream.
            pub type State = $crate::State<{ SIZES.cell_blocks }, { SIZES.hidden_blocks }>;

            /// Checks the file; after it, nothing can fail.
            ///
            /// # Errors
            /// What is wrong with the file.
            pub fn load() -> Result<Model, $crate::artifact::ArtifactError> {
                let model = $crate::Model::parse(FILE)?;
                // The constants are this file's own header, so that the sizes agree.
                Model::new(model).map_err($crate::artifact::ArtifactError::from)
            }
        }
    };
}
