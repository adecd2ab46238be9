//! What layers of every kind share: the head of their record, where they stand, the bound of a row.

use bytemuck::{Pod, Zeroable};

use super::cursor::Reader;
use super::{ArtifactError, LayerError, LayerKind};
#[cfg(feature = "write")]
use super::{WriteError, cursor::Writer};
use crate::kernels::{Scheme, Width};
#[cfg(feature = "write")]
use crate::layers::LayerSize;

/// Between int8 and int16 of the same range.
pub(super) const MAX_WIDTH_SHIFT: u8 = 8;

/// The first 8 bytes of every layer's record; what a kind has of its own follows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct LayerHead {
    /// 0: [`LayerKind::code`].
    pub kind: u8,
    /// 1: [`Scheme::code`].
    pub scheme: u8,
    /// 2..4: flags of the kind.
    pub flags: u16,
    /// 4..6: layer inputs.
    pub inputs: u16,
    /// 6..8: units, at least 1.
    pub units: u16,
}

impl LayerHead {
    /// The head of a layer of this kind at this place; returns its scheme. `flags` are the least and the
    /// largest.
    pub(super) fn check(
        &self,
        kind: LayerKind,
        place: Place,
        flags: (u16, u16),
    ) -> Result<Scheme, LayerError> {
        let kind = kind.code().into();
        layer_range("kind", self.kind.into(), kind, kind)?;
        let scheme = Scheme::from_code(self.scheme).ok_or(LayerError::Field {
            field: "scheme",
            found: self.scheme.into(),
            allowed: (1, Scheme::ALL.len() as u32),
        })?;
        if !scheme.is_built_in() {
            return Err(LayerError::SchemeLeftOut { scheme });
        }
        layer_range("flags", self.flags.into(), flags.0.into(), flags.1.into())?;
        let inputs = place.inputs as u32;
        layer_range("inputs", self.inputs.into(), inputs, inputs)?;
        layer_range("units", self.units.into(), 1, u16::MAX.into())?;
        Ok(scheme)
    }
}

/// Where a layer stands: on the raw inputs or on another layer, and whether it is the last one.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// Raw inputs, or outputs of the layer below.
    pub(super) inputs: usize,
    /// The type of these outputs; raw inputs take the first layer's.
    pub(super) width: Option<Width>,
    /// Whether it is the output layer.
    pub(super) is_last: bool,
}

impl Place {
    /// The conversion of the layer below, which must be 0 when there is none.
    pub(super) fn input_shift(self, found: u8, scheme: Scheme) -> Result<u32, LayerError> {
        let converts = self.width.is_some_and(|width| width != scheme.width());
        let most = if converts { MAX_WIDTH_SHIFT } else { 0 };
        layer_range("input shift", found.into(), 0, most.into())?;
        Ok(found.into())
    }
}

/// The view of one layer's record, of one kind.
pub(super) trait View<'m>: Sized {
    /// The kind.
    const KIND: LayerKind;

    /// Reads and checks the record of a layer at `place`.
    ///
    /// # Errors
    /// What is wrong with the record.
    fn read(reader: &mut Reader<'m>, place: Place) -> Result<Self, Stop>;

    /// How many values it hands on, and their width.
    fn handed_on(&self) -> (usize, Width);
}

impl<'m> Reader<'m> {
    /// The next layer's record, at `place`, which becomes that of the layer above. `index` counts the layers
    /// of its kind.
    pub(super) fn layer<L: View<'m>>(
        &mut self,
        place: &mut Place,
        index: usize,
    ) -> Result<L, ArtifactError> {
        let layer = L::read(self, *place).map_err(|stop| stop.at(L::KIND, index))?;
        let (outputs, width) = layer.handed_on();
        (place.inputs, place.width) = (outputs, Some(width));
        Ok(layer)
    }
}

/// The integers of one layer, of one kind, which can be written.
#[cfg(feature = "write")]
pub(super) trait Content {
    /// The kind.
    fn kind(&self) -> LayerKind;

    /// What it needs of the caller's buffers.
    fn size(&self) -> LayerSize;

    /// Every weight is within the range of the scheme.
    ///
    /// # Errors
    /// The first row in the file with one that is not.
    fn check_weights(&self) -> Result<(), LayerError>;

    /// Appends the layer's record; weights lie in `order`, as far as the scheme has it.
    ///
    /// # Errors
    /// [`WriteError`] when a size does not fit the format.
    fn write(
        &self,
        order: crate::kernels::Order,
        is_last: bool,
        out: &mut Writer,
    ) -> Result<(), WriteError>;
}

/// What stops the parser of a layer, which does not know the layer's index.
pub(super) enum Stop {
    /// The file ends.
    File(ArtifactError),
    /// The layer is not one that the engine can run.
    Layer(LayerError),
}

impl Stop {
    pub(super) fn at(self, kind: LayerKind, index: usize) -> ArtifactError {
        match self {
            Self::File(error) => error,
            Self::Layer(error) => ArtifactError::Layer { kind, index, error },
        }
    }
}

impl From<ArtifactError> for Stop {
    fn from(error: ArtifactError) -> Self {
        Self::File(error)
    }
}

impl From<LayerError> for Stop {
    fn from(error: LayerError) -> Self {
        Self::Layer(error)
    }
}

/// A field of a record is within its range.
pub(super) fn layer_range(
    field: &'static str,
    found: u32,
    low: u32,
    high: u32,
) -> Result<(), LayerError> {
    if (low..=high).contains(&found) {
        return Ok(());
    }
    Err(LayerError::Field {
        field,
        found,
        allowed: (low, high),
    })
}

/// Bytes of a record that are not in use are zero.
pub(super) fn zeros(reserved: &[u8]) -> Result<(), LayerError> {
    for byte in reserved {
        layer_range("reserved byte", (*byte).into(), 0, 0)?;
    }
    Ok(())
}

/// Σ|w| of one row; its first `count` weights are within ±`most` and its padding is zero.
pub(super) fn magnitude(
    blocks: impl Iterator<Item = [i8; 4]>,
    count: usize,
    most: i8,
    row: usize,
) -> Result<u64, LayerError> {
    let mut sum = 0u64;
    let mut left = count;
    for block in blocks {
        for w in block.iter().copied() {
            if w < -most || (left == 0 && w != 0) {
                return Err(LayerError::Weight { row });
            }
            left = left.saturating_sub(1);
            // As many weights as a file can hold are far from the end of u64.
            sum = sum.wrapping_add(w.unsigned_abs().into());
        }
    }
    Ok(sum)
}

/// The accumulator bound: what products and peephole may reach, and the bias, stay below 2³¹ together.
pub(super) fn check_row(reach: u64, bias: i64, mult: i32, row: usize) -> Result<(), LayerError> {
    if mult < 0 {
        return Err(LayerError::Multiplier { row });
    }
    if reach.saturating_add(bias.unsigned_abs()) >= 1 << 31 {
        return Err(LayerError::Overflow { row });
    }
    Ok(())
}

/// Every weight is within the range of the scheme; rows come with their number in the file.
#[cfg(feature = "write")]
pub(super) fn check_row_weights<'a>(
    scheme: Scheme,
    rows: impl Iterator<Item = (usize, &'a alloc::vec::Vec<i8>)>,
) -> Result<(), LayerError> {
    let most = scheme.weight_max();
    for (row, weights) in rows {
        if weights.iter().any(|w| !(-most..=most).contains(w)) {
            return Err(LayerError::Weight { row });
        }
    }
    Ok(())
}

/// [`check_row_weights`] of the input and recurrent weights of a layer whose rows are `[gates · H]` here, and lie unit by
/// unit in the file.
#[cfg(feature = "write")]
pub(super) fn check_gate_weights(
    scheme: Scheme,
    parts: [&[alloc::vec::Vec<i8>]; 2],
    (gates, hidden): (usize, usize),
) -> Result<(), LayerError> {
    let in_file = |row: usize| row % hidden * gates + row / hidden;
    for part in parts {
        let rows = part.iter().enumerate();
        check_row_weights(scheme, rows.map(|(row, weights)| (in_file(row), weights)))?;
    }
    Ok(())
}

/// Block `block` of four weights of a row, padded with zeros.
#[cfg(feature = "write")]
pub(super) fn quarter(row: &[i8], block: usize) -> [i8; 4] {
    [0, 1, 2, 3].map(|j| row.get(4 * block + j).copied().unwrap_or(0))
}
