//! The section of a front end for motion.
//!
//! | table | content |
//! | --- | --- |
//! | fraction bits | i8 `[C]`, within ±112 |
//! | magnitudes | four bytes each: two or three channels, 255 in place of a third one, 0 |
//! | golden features | i32 `[features]` of the first frame of [`test_samples`](crate::front_end::test_samples) |

use super::padded;
use crate::artifact::ArtifactError;
use crate::artifact::cursor::{Reader, exactly, in_range};
use crate::front_end::{
    Axes, MAX_CHANNELS, MAX_FRAME, MAX_SAMPLES, Statistic, Statistics, StatisticsRecord,
};

/// Reads and checks the section of a front end that makes `inputs` features.
pub(super) fn read<'m>(
    reader: &mut Reader<'m>,
    inputs: usize,
) -> Result<Statistics<'m>, ArtifactError> {
    let record: &StatisticsRecord = reader.record()?;
    check(record, inputs)?;
    let statistics = Statistics {
        record,
        fraction_bits: padded(reader, record.channels.into())?,
        magnitudes: reader.slice(record.magnitudes.into())?,
        golden: reader.slice(record.features.into())?,
    };
    for bits in statistics.fraction_bits {
        let magnitude = bits.unsigned_abs().into();
        in_range("front-end fraction bits' magnitude", magnitude, 0, 112)?;
    }
    let last = u32::from(record.channels).saturating_sub(1);
    for Axes([a, b, c, padding]) in statistics.magnitudes {
        in_range("front-end axis", (*a).into(), 0, last)?;
        in_range("front-end axis", (*b).into(), 0, last)?;
        if *c != Axes::NONE {
            in_range("front-end axis", (*c).into(), 0, last)?;
        }
        in_range("front-end padding of axes", (*padding).into(), 0, 0)?;
    }
    Ok(statistics)
}

/// Every field of the record is within its range.
fn check(record: &StatisticsRecord, inputs: usize) -> Result<(), ArtifactError> {
    let all = Statistic::ALL.map(Statistic::bit);
    let all = all.iter().fold(0, |all, bit| all | bit);
    in_range(
        "front-end statistics",
        record.statistics.into(),
        1,
        all.into(),
    )?;
    let frame = u32::from(record.frame);
    in_range("front-end frame", frame, 2, MAX_FRAME as u32)?;
    in_range("front-end hop", record.hop.into(), 1, frame)?;
    let channels = u32::from(record.channels);
    in_range("front-end channels", channels, 1, MAX_CHANNELS as u32)?;
    let samples = record.history() as u32;
    in_range(
        "front-end samples of a frame",
        samples,
        1,
        MAX_SAMPLES as u32,
    )?;
    let magnitudes = u32::from(record.magnitudes);
    in_range("front-end magnitudes", magnitudes, 0, MAX_CHANNELS as u32)?;
    let values = channels.saturating_add(magnitudes);
    let features = record.statistics.count_ones().saturating_mul(values);
    exactly(
        "front-end features",
        record.features.into(),
        features as usize,
    )?;
    exactly("front-end features", record.features.into(), inputs)?;
    let reciprocal = record.reciprocal as u32;
    in_range("front-end reciprocal", reciprocal, 1 << 23, 1 << 24)?;
    check_logarithm(record.floor, record.offset)?;
    check_logarithm(record.difference_floor, record.difference_offset)
}

/// The floor of a logarithm, and what is taken off it.
fn check_logarithm([low, high]: [u32; 2], offset: i32) -> Result<(), ArtifactError> {
    in_range("front-end floor", low | high, 1, u32::MAX)?;
    in_range("front-end floor's high word", high, 0, (1 << 30) - 1)?;
    let offset = offset.unsigned_abs();
    in_range("front-end offset's magnitude", offset, 0, 64 << 16)
}

#[cfg(feature = "write")]
pub(super) use write::append;

#[cfg(feature = "write")]
mod write {
    use crate::artifact::cursor::Writer;
    use crate::artifact::front_end::write::append_table;
    use crate::front_end::StatisticsTables;

    /// Appends the section of a front end for motion.
    pub(in crate::artifact::front_end) fn append(tables: &StatisticsTables, out: &mut Writer) {
        out.record(&tables.record);
        append_table(bytemuck::cast_slice(&tables.fraction_bits), out);
        append_table(bytemuck::cast_slice(&tables.magnitudes), out);
        append_table(bytemuck::cast_slice(&tables.golden), out);
    }
}
