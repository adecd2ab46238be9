//! Models that are compiled into firmware, with their sizes as constants.

use core::mem::offset_of;

use super::header::OLDEST_VERSION;
#[cfg(feature = "conv")]
use super::kinds::conv::ConvRecord;
use super::layer::LayerHead;
use super::rows::RecurrentRecord;
use super::{ArtifactError, Header, LayerError, LayerKind, MAGIC, VERSION};
#[cfg(feature = "conv")]
use crate::kernels::Order;
use crate::kernels::{Active, Kernels, Scheme};
use crate::layers::input::ChannelWords;
use crate::layers::output::ScaleWords;
use crate::task::{Mode, Task};

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
    /// Samples that a stream keeps for the front end; 0 without one.
    pub history: usize,
    /// Blocks of work memory of the front end; 0 without one.
    pub work: usize,
}

impl Sizes {
    /// Blocks of the buffer of [`WindowModel::run`](crate::WindowModel::run) for a window of so many steps, of a file with
    /// layers that run backwards.
    #[cfg(feature = "window")]
    pub const fn window_blocks(self, steps: usize) -> usize {
        assert!(
            self.cell_blocks == 0,
            "the model has a time step; ask `WindowModel::buffer_blocks` how much it needs for a window"
        );
        self.hidden_blocks * steps + self.scratch_blocks
    }

    /// Reads the header of a file at compile time.
    ///
    /// # Panics
    /// When `file` does not begin like a model file of a version that this engine reads, which stops the build.
    pub const fn of_file(file: &[u8]) -> Self {
        assert!(
            file.len() >= size_of::<Header>()
                && file[0] == MAGIC[0]
                && file[1] == MAGIC[1]
                && file[2] == MAGIC[2]
                && file[3] == MAGIC[3],
            "not a model file: export one with `trainer-host export`"
        );
        let version = u16_at(file, offset_of!(Header, version));
        assert!(
            version >= OLDEST_VERSION as usize && version <= VERSION as usize,
            "{}",
            ArtifactError::OTHER_VERSION
        );
        let [history, work] = front_end_of_file(file);
        Self {
            inputs: u16_at(file, offset_of!(Header, inputs)),
            outputs: u16_at(file, offset_of!(Header, outputs)),
            cell_blocks: u16_at(file, offset_of!(Header, cell_blocks)),
            scratch_blocks: u16_at(file, offset_of!(Header, scratch_blocks)),
            hidden_blocks: u16_at(file, offset_of!(Header, hidden_blocks)),
            history,
            work,
        }
    }
}

/// Samples that a stream keeps for the file's front end, and blocks of its work memory; 0 without one.
const fn front_end_of_file(file: &[u8]) -> [usize; 2] {
    if front_end_bytes(file) == 0 {
        return [0; 2];
    }
    let at = size_of::<Header>();
    assert!(
        file.len() >= at + front_end_bytes(file) && front_end_bytes(file) >= 32,
        "the model file ends in its front end: copy it again"
    );
    #[cfg(feature = "statistics")]
    if file[at] == crate::front_end::STATISTICS_CODE {
        use crate::front_end::StatisticsRecord as Record;
        let frame = u16_at(file, at + offset_of!(Record, frame));
        let channels = u16_at(file, at + offset_of!(Record, channels));
        return [frame * channels, frame.div_ceil(2)];
    }
    #[cfg(feature = "sound")]
    if file[at] <= crate::front_end::LAST_SOUND_CODE {
        let bits = file[at + offset_of!(crate::front_end::SoundRecord, frame_bits)];
        let frame = 1 << (bits & 15);
        return [frame, frame / 2];
    }
    panic!("{}", ArtifactError::NO_FRONT_END)
}

/// Bytes of the front end's section, which follows the header.
const fn front_end_bytes(file: &[u8]) -> usize {
    4 * u16_at(file, offset_of!(Header, front_end_words))
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

/// Refuses at compile time what this build cannot run: weights in the order of another core, and a scheme
/// or a kind of layer or a mean over time whose cargo feature is off. It looks at the first layer, whose order all layers of
/// a file follow, and at the second one where the first is a convolution in the order of every core; `Model::parse` looks
/// at all of them.
///
/// # Panics
/// With the text of the error that `Model::parse` would return, which stops the build.
#[doc(hidden)]
pub const fn check_first_layer(file: &[u8]) {
    let sizes = Sizes::of_file(file);
    if sizes.cell_blocks == 0 {
        panic!("{}", ArtifactError::WHOLE_WINDOWS);
    }
    check_layers(file, sizes);
}

/// [`check_first_layer`] of a model of whole windows, or of any other.
///
/// # Panics
/// With the text of the error that `WindowModel::parse` would return, which stops the build.
#[doc(hidden)]
#[cfg(feature = "window")]
pub const fn check_first_layer_of_window(file: &[u8]) {
    check_layers(file, Sizes::of_file(file));
}

const fn check_layers(file: &[u8], sizes: Sizes) {
    let mode = file[offset_of!(Header, mode)];
    if mode == Mode::SequenceToMean.code() && !cfg!(feature = "mean") {
        panic!("{}", ArtifactError::NO_MEAN);
    }
    let scales = match task_of_file(file) {
        Task::Linear => sizes.outputs,
        Task::Sigmoid | Task::Softmax => 0,
    };
    let channels =
        size_of::<Header>() + front_end_bytes(file) + sizes.inputs * size_of::<ChannelWords>();
    check_layer(behind(file, channels + scales * size_of::<ScaleWords>()));
}

/// What lies behind the first `count` bytes.
const fn behind(bytes: &[u8], count: usize) -> &[u8] {
    match bytes.split_at_checked(count) {
        Some((_, behind)) => behind,
        None => &[],
    }
}

/// Kinds of layers that a network may begin with.
const FIRST: [LayerKind; 6] = [
    LayerKind::Lstm,
    LayerKind::Gru,
    LayerKind::Coupled,
    LayerKind::GruBefore,
    LayerKind::Projected,
    LayerKind::Conv,
];

/// Checks the record of the first of these layers.
const fn check_layer(layers: &[u8]) {
    // Of files that end before, and of unknown kinds and schemes, `Model::parse` says better what is wrong.
    let Some(record) = layers.first_chunk::<{ size_of::<RecurrentRecord>() }>() else {
        return;
    };
    let Some(kind) = first_kind(record[offset_of!(LayerHead, kind)]) else {
        return;
    };
    if !kind.is_built_in() {
        panic!("{}", LayerError::NO_SUCH_LAYERS);
    }
    let Some(scheme) = scheme_of(record[offset_of!(LayerHead, scheme)]) else {
        return;
    };
    if !scheme.is_built_in() {
        panic!("{}", LayerError::left_out(scheme));
    }
    // A convolution's record has it at the same place.
    let order = record[offset_of!(RecurrentRecord, order)];
    #[cfg(feature = "conv")]
    if matches!(kind, LayerKind::Conv) && order == Order::Generic.code() {
        return check_layer(behind(layers, conv_bytes(record, scheme)));
    }
    if !is_read(order) {
        panic!("{}", LayerError::other_core(order));
    }
}

/// The kind of this number, if a network may begin with it.
const fn first_kind(code: u8) -> Option<LayerKind> {
    let mut kinds: &[LayerKind] = &FIRST;
    while let [kind, others @ ..] = kinds {
        if kind.code() == code {
            return Some(*kind);
        }
        kinds = others;
    }
    None
}

/// [`Scheme::from_code`] at compile time.
const fn scheme_of(code: u8) -> Option<Scheme> {
    let mut schemes: &[Scheme] = &Scheme::ALL;
    while let [scheme, others @ ..] = schemes {
        if scheme.code() == code {
            return Some(*scheme);
        }
        schemes = others;
    }
    None
}

/// Whether kernels of this build read weights in the order of this number.
const fn is_read(order: u8) -> bool {
    let mut orders = Active::ORDERS;
    while let [known, others @ ..] = orders {
        if known.code() == order {
            return true;
        }
        orders = others;
    }
    false
}

/// Bytes of a convolution in generic order, which it has with few filters on every core, its record included.
#[cfg(feature = "conv")]
const fn conv_bytes(record: &[u8], scheme: Scheme) -> usize {
    let filters = u16_at(record, offset_of!(LayerHead, units));
    let channels = u16_at(record, offset_of!(LayerHead, inputs));
    let weights = channels * u16_at(record, offset_of!(ConvRecord, kernel));
    let in_word = match scheme {
        Scheme::W4a16 => 8,
        Scheme::W8a16 | Scheme::W8a8 => 4,
    };
    // A row has words of weights, its bias and its multiplier.
    let row = 4 * weights.div_ceil(in_word) + 2 * size_of::<i32>();
    filters
        .saturating_mul(row)
        .saturating_add(size_of::<ConvRecord>())
}

const fn u16_at(file: &[u8], at: usize) -> usize {
    u16::from_le_bytes([file[at], file[at + 1]]) as usize
}

/// Compiles a model file into flash as a module with its sizes, types and a loader.
///
/// The build stops if the file is for another core or needs a scheme that the cargo features leave out, and says
/// which.
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
            const _: () = $crate::artifact::check_first_layer(include_bytes!($path));

            $crate::content_of_model!($path);

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

            $crate::sample_stream_of_model!();

            /// Probabilities of an answer: one an output, or two for a single sigmoid.
            pub const CLASSES: usize = TASK.name_count(SIZES.outputs);
            /// From a stream of samples to events, with `STATES` states in rotation.
            pub type Recogniser<'m, const STATES: usize> = $crate::recognise::Recogniser<
                $crate::recognise::Streams<
                    'm,
                    { SIZES.inputs },
                    { SIZES.outputs },
                    { SIZES.cell_blocks },
                    { SIZES.hidden_blocks },
                    { SIZES.scratch_blocks },
                    STATES,
                    CLASSES,
                >,
                [$crate::recognise::Track; CLASSES],
            >;

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

/// What a module of any model file has of it.
#[doc(hidden)]
#[macro_export]
macro_rules! content_of_model {
    ($path:expr) => {
        static ALIGNED: &$crate::artifact::Aligned<[u8]> =
            &$crate::artifact::Aligned(*include_bytes!($path));

        /// The model file.
        pub static FILE: &[u8] = &ALIGNED.0;
        /// The model's sizes.
        pub const SIZES: $crate::artifact::Sizes =
            $crate::artifact::Sizes::of_file(include_bytes!($path));
        /// What the outputs mean.
        pub const TASK: $crate::Task = $crate::artifact::task_of_file(include_bytes!($path));
    };
}

/// The types of a stream of samples, in builds with front ends.
#[doc(hidden)]
#[macro_export]
#[cfg(feature = "front-end")]
macro_rules! sample_stream_of_model {
    () => {
        /// The state of one stream of samples.
        #[allow(dead_code)]
        pub type SampleStream = $crate::sample_stream::SampleStream<
            { SIZES.cell_blocks },
            { SIZES.hidden_blocks },
            { SIZES.history },
            { SIZES.work },
        >;
        /// What the front end remembers of one stream of samples, where a recogniser has the states of the network.
        #[allow(dead_code)]
        pub type Frames = $crate::sample_stream::Frames<{ SIZES.history }, { SIZES.work }>;
    };
}

/// Builds without front ends have no streams of samples.
#[doc(hidden)]
#[macro_export]
#[cfg(not(feature = "front-end"))]
macro_rules! sample_stream_of_model {
    () => {};
}

/// Compiles a model file of whole windows into flash as a module with its sizes and a loader.
///
/// The build stops if the file is for another core or needs what the cargo features leave out, and says which. A file without
/// layers that run backwards is taken, too.
///
/// ```
/// lstm_nostd::include_window_model!(pub mod gestures = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/tiny.lstm"));
///
/// # fn main() -> Result<(), lstm_nostd::ArtifactError> {
/// const STEPS: usize = 50;
/// let model = gestures::load()?; // checks the whole file once
/// // With layers that run backwards, `gestures::SIZES.window_blocks(STEPS)` is a constant for an array.
/// let mut buffer = vec![lstm_nostd::Block::ZERO; model.buffer_blocks(STEPS)];
/// let mut outputs = vec![lstm_nostd::I16F16::ZERO; model.output_count(STEPS)];
/// let raw = [0; STEPS * gestures::SIZES.inputs];
/// model.run(&raw, &mut buffer, &mut outputs)?;
/// # Ok(())
/// # }
/// ```
#[macro_export]
#[cfg(feature = "window")]
macro_rules! include_window_model {
    ($(#[$attribute:meta])* $visibility:vis mod $name:ident = $path:expr) => {
        $(#[$attribute])*
        $visibility mod $name {
            const _: () = $crate::artifact::check_first_layer_of_window(include_bytes!($path));

            $crate::content_of_model!($path);

            /// Checks the file; after it, nothing can fail.
            ///
            /// # Errors
            /// What is wrong with the file.
            pub fn load() -> Result<$crate::WindowModel<'static>, $crate::artifact::ArtifactError> {
                $crate::WindowModel::parse(FILE)
            }
        }
    };
}
