//! The section of a front end: its record, then its tables, each padded with zeros to 4 bytes.
//!
//! | table | content |
//! | --- | --- |
//! | window | i16 `[N]`, Q1.14, within ±2¹⁴ |
//! | turns | six i32 for each point of a stage, pairs of cosine and sine, Q1.30 |
//! | halves | pairs of cosine and sine, i32 `[N/4 − 1]`, Q1.30 |
//! | counts | u16 `[bands + 1]`, whose sum is the record's `bins` |
//! | weights | u16 `[bins]`, at most 2¹⁵ |
//! | cosines | of kind mfcc, i16 `[features, bands]` |
//! | golden features | i32 `[features]` of the first frame of [`test_samples`](crate::front_end::test_samples) |

use bytemuck::{AnyBitPattern, NoUninit};

use super::ArtifactError;
use super::cursor::{Reader, exactly, in_range};
use crate::front_end::{
    FrontEnd, FrontEndRecord, Kind, MAX_BANDS, MAX_FRAME_BITS, MIN_FRAME_BITS, turn_count,
};

/// Reads and checks the section of a front end that makes `inputs` features, `words` words of 4 bytes.
pub(super) fn read<'m>(
    reader: &mut Reader<'m>,
    words: u16,
    inputs: usize,
) -> Result<FrontEnd<'m>, ArtifactError> {
    let left_after = reader
        .left()
        .saturating_sub(usize::from(words).saturating_mul(4));
    let record: &FrontEndRecord = reader.record()?;
    check(record, inputs)?;
    let frame = record.frame();
    let (bands, features) = (usize::from(record.bands), usize::from(record.features));
    let cosines = match record.kind_of() {
        Kind::Mfcc => features.saturating_mul(bands),
        Kind::LogMel | Kind::Spectrum => 0,
    };
    let front_end = FrontEnd {
        record,
        window: reader.slice(frame)?,
        turns: reader.slice(turn_count(record.work()))?,
        halves: reader.slice((frame / 4).saturating_sub(1))?,
        counts: padded(reader, bands.saturating_add(1))?,
        weights: padded(reader, record.bins.into())?,
        cosines: padded(reader, cosines)?,
        golden: reader.slice(features)?,
    };
    exactly("bytes of the front end", reader.left(), left_after)?;
    check_tables(&front_end)?;
    Ok(front_end)
}

/// Values of two bytes, and the zeros behind an odd number of them.
fn padded<'m, T: AnyBitPattern + NoUninit + Default + PartialEq>(
    reader: &mut Reader<'m>,
    count: usize,
) -> Result<&'m [T], ArtifactError> {
    let all: &[T] = reader.slice(count.saturating_add(count % 2))?;
    let (values, padding) = all.split_at_checked(count).unwrap_or((all, &[]));
    let is_zero = padding.iter().all(|value| *value == T::default());
    in_range("padding of the front end", (!is_zero).into(), 0, 0)?;
    Ok(values)
}

/// Every field of the record is within its range.
fn check(record: &FrontEndRecord, inputs: usize) -> Result<(), ArtifactError> {
    let kinds = Kind::ALL.len() as u32;
    in_range("front-end kind", record.kind.into(), 1, kinds)?;
    let (least, most) = (MIN_FRAME_BITS.into(), MAX_FRAME_BITS.into());
    in_range(
        "front-end frame bits",
        record.frame_bits.into(),
        least,
        most,
    )?;
    let frame = record.frame() as u32;
    in_range("front-end hop", record.hop.into(), 1, frame)?;
    in_range("front-end rate", record.rate, 1, u32::MAX)?;
    let bands = u32::from(record.bands);
    in_range("front-end bands", bands, 1, MAX_BANDS as u32)?;
    let least = match record.kind_of() {
        Kind::Mfcc => 1,
        Kind::LogMel | Kind::Spectrum => bands,
    };
    in_range("front-end features", record.features.into(), least, bands)?;
    exactly("front-end features", record.features.into(), inputs)?;
    in_range(
        "front-end pre-emphasis",
        record.emphasis.into(),
        0,
        i16::MAX as u32,
    )?;
    let most_bins = (record.work() as u32).saturating_sub(record.first_bin.into());
    in_range("front-end bins", record.bins.into(), 0, most_bins)?;
    let [low, high] = record.floor;
    in_range("front-end floor's high word", high, 0, (1 << 30) - 1)?;
    in_range("front-end floor", low | high, 1, u32::MAX)?;
    let offset = record.offset.unsigned_abs();
    in_range("front-end offset's magnitude", offset, 0, 64 << 16)?;
    let is_zero = record.reserved == [0; 5];
    in_range("front-end reserved bytes", (!is_zero).into(), 0, 0)
}

/// The bounds of the tables, which keep every sum in range.
fn check_tables(front_end: &FrontEnd<'_>) -> Result<(), ArtifactError> {
    for weight in front_end.window {
        let magnitude = weight.unsigned_abs().into();
        in_range("front-end window's magnitude", magnitude, 0, 1 << 14)?;
    }
    let turns = front_end.turns.iter().flatten();
    let halves = front_end.halves.iter().flatten();
    let mut values = turns.chain(halves);
    while let (Some(cos), Some(sin)) = (values.next(), values.next()) {
        let square = |value: i32| u64::from(value.unsigned_abs()).pow(2);
        let is_within = square(*cos).saturating_add(square(*sin)) <= 1 << 60;
        in_range("front-end turn beyond 1", (!is_within).into(), 0, 0)?;
    }
    let bins = front_end.counts.iter().map(|count| usize::from(*count));
    let bins = bins.fold(0usize, usize::saturating_add);
    exactly("front-end bins of the bands", bins, front_end.weights.len())?;
    for weight in front_end.weights {
        in_range("front-end weight", (*weight).into(), 0, 1 << 15)?;
    }
    Ok(())
}

#[cfg(feature = "write")]
pub(super) use write::append;

#[cfg(feature = "write")]
mod write {
    use crate::artifact::cursor::Writer;
    use crate::front_end::Tables;

    /// Appends the section of a front end.
    pub(in crate::artifact) fn append(tables: &Tables, out: &mut Writer) {
        out.record(&tables.record);
        let mut append = |bytes: &[u8]| {
            out.0.extend_from_slice(bytes);
            out.0.resize(out.0.len().next_multiple_of(4), 0);
        };
        append(bytemuck::cast_slice(&tables.window));
        append(bytemuck::cast_slice(&tables.turns));
        append(bytemuck::cast_slice(&tables.halves));
        append(bytemuck::cast_slice(&tables.counts));
        append(bytemuck::cast_slice(&tables.weights));
        append(bytemuck::cast_slice(&tables.cosines));
        append(bytemuck::cast_slice(&tables.golden));
    }
}
