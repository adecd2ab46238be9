//! A model of either type: one that runs step by step, or one of whole windows.

use std::ops::Deref;

use lstm_nostd::{ArtifactError, Block, I16F16, Model, Parsed, WindowModel};

use super::stream::Stream;

/// A parsed model file of either type.
#[derive(Clone, Debug)]
pub enum AnyModel<'m> {
    /// With a time step.
    Steps(Model<'m>),
    /// With a layer that runs backwards.
    Windows(WindowModel<'m>),
}

impl<'m> AnyModel<'m> {
    /// Parses a model file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(file: &'m [u8]) -> Result<Self, ArtifactError> {
        let parsed = Parsed::parse(file)?;
        match parsed.is_of_windows() {
            true => Ok(Self::Windows(parsed.into())),
            false => Model::try_from(parsed).map(Self::Steps),
        }
    }

    /// The model, if it has a time step.
    pub fn steps(&self) -> Option<&Model<'m>> {
        match self {
            Self::Steps(model) => Some(model),
            Self::Windows(_) => None,
        }
    }
}

impl<'m> Deref for AnyModel<'m> {
    type Target = Parsed<'m>;

    fn deref(&self) -> &Self::Target {
        match self {
            Self::Steps(model) => model,
            Self::Windows(model) => model,
        }
    }
}

/// What answers to whole sequences.
pub trait Engine: Sync {
    /// What it takes and gives.
    fn parsed(&self) -> &Parsed<'_>;

    /// Outputs over the steps of `raw`, `[T][I]`, as bits of Q15.16: `[1][O]` of one that answers once, or after every step,
    /// `[T][O]`.
    fn answers(&self, raw: &[Vec<i32>]) -> Vec<Vec<i32>>;
}

impl Engine for Model<'_> {
    fn parsed(&self) -> &Parsed<'_> {
        self
    }

    fn answers(&self, raw: &[Vec<i32>]) -> Vec<Vec<i32>> {
        Stream::new(self).answers(self, raw)
    }
}

impl Engine for WindowModel<'_> {
    fn parsed(&self) -> &Parsed<'_> {
        self
    }

    fn answers(&self, raw: &[Vec<i32>]) -> Vec<Vec<i32>> {
        let mut buffer = vec![Block::ZERO; self.buffer_blocks(raw.len())];
        let mut outputs = vec![I16F16::ZERO; self.output_count(raw.len())];
        self.run(&raw.concat(), &mut buffer, &mut outputs)
            .expect("the buffers were made for this window, which has a step");
        let bits = |row: &[I16F16]| row.iter().map(|y| y.to_bits()).collect();
        outputs.chunks(self.outputs()).map(bits).collect()
    }
}

impl Engine for AnyModel<'_> {
    fn parsed(&self) -> &Parsed<'_> {
        self
    }

    fn answers(&self, raw: &[Vec<i32>]) -> Vec<Vec<i32>> {
        match self {
            Self::Steps(model) => model.answers(raw),
            Self::Windows(model) => model.answers(raw),
        }
    }
}
