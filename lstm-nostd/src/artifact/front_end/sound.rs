//! The section of a front end for sound.
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

use super::padded;
use crate::artifact::ArtifactError;
use crate::artifact::cursor::{Reader, exactly, in_range};
use crate::front_end::{
    Kind, MAX_BANDS, MAX_FRAME_BITS, MIN_FRAME_BITS, Sound, SoundRecord, turn_count,
};

/// Reads and checks the section of a front end that makes `inputs` features.
pub(super) fn read<'m>(reader: &mut Reader<'m>, inputs: usize) -> Result<Sound<'m>, ArtifactError> {
    let record: &SoundRecord = reader.record()?;
    check(record, inputs)?;
    let frame = record.frame();
    let (bands, features) = (usize::from(record.bands), usize::from(record.features));
    let cosines = match record.kind_of() {
        Kind::Mfcc => features.saturating_mul(bands),
        Kind::LogMel | Kind::Spectrum => 0,
    };
    let sound = Sound {
        record,
        window: reader.slice(frame)?,
        turns: reader.slice(turn_count(record.work()))?,
        halves: reader.slice((frame / 4).saturating_sub(1))?,
        counts: padded(reader, bands.saturating_add(1))?,
        weights: padded(reader, record.bins.into())?,
        cosines: padded(reader, cosines)?,
        golden: reader.slice(features)?,
    };
    check_tables(&sound)?;
    Ok(sound)
}

/// Every field of the record is within its range.
fn check(record: &SoundRecord, inputs: usize) -> Result<(), ArtifactError> {
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
fn check_tables(sound: &Sound<'_>) -> Result<(), ArtifactError> {
    for weight in sound.window {
        let magnitude = weight.unsigned_abs().into();
        in_range("front-end window's magnitude", magnitude, 0, 1 << 14)?;
    }
    let turns = sound.turns.iter().flatten();
    let halves = sound.halves.iter().flatten();
    let mut values = turns.chain(halves);
    while let (Some(cos), Some(sin)) = (values.next(), values.next()) {
        let square = |value: i32| u64::from(value.unsigned_abs()).pow(2);
        let is_within = square(*cos).saturating_add(square(*sin)) <= 1 << 60;
        in_range("front-end turn beyond 1", (!is_within).into(), 0, 0)?;
    }
    let bins = sound.counts.iter().map(|count| usize::from(*count));
    let bins = bins.fold(0usize, usize::saturating_add);
    exactly("front-end bins of the bands", bins, sound.weights.len())?;
    for weight in sound.weights {
        in_range("front-end weight", (*weight).into(), 0, 1 << 15)?;
    }
    Ok(())
}

#[cfg(feature = "write")]
pub(super) use write::append;

#[cfg(feature = "write")]
mod write {
    use crate::artifact::cursor::Writer;
    use crate::artifact::front_end::write::append_table;
    use crate::front_end::SoundTables;

    /// Appends the section of a front end for sound.
    pub(in crate::artifact::front_end) fn append(tables: &SoundTables, out: &mut Writer) {
        out.record(&tables.record);
        append_table(bytemuck::cast_slice(&tables.window), out);
        append_table(bytemuck::cast_slice(&tables.turns), out);
        append_table(bytemuck::cast_slice(&tables.halves), out);
        append_table(bytemuck::cast_slice(&tables.counts), out);
        append_table(bytemuck::cast_slice(&tables.weights), out);
        append_table(bytemuck::cast_slice(&tables.cosines), out);
        append_table(bytemuck::cast_slice(&tables.golden), out);
    }
}
