//! The section of a front end: its record, whose first byte says which kind it is, then its tables, each padded with
//! zeros to 4 bytes. The last table has the features of the first frame of
//! [`test_samples`](crate::front_end::test_samples).

#[cfg(feature = "sound")]
mod sound;
#[cfg(feature = "statistics")]
mod statistics;

use bytemuck::{AnyBitPattern, NoUninit};

use super::ArtifactError;
use super::cursor::{Reader, exactly, in_range};
use super::header::STATISTICS_VERSION;
use crate::front_end::{FrontEnd, LAST_SOUND_CODE, STATISTICS_CODE};

/// Reads and checks the section of a front end that makes `inputs` features, `words` words of 4 bytes, in a file of
/// version `version`.
pub(super) fn read<'m>(
    reader: &mut Reader<'m>,
    (words, version): (u16, u16),
    inputs: usize,
) -> Result<FrontEnd<'m>, ArtifactError> {
    let left_after = reader
        .left()
        .saturating_sub(usize::from(words).saturating_mul(4));
    let kind = reader.clone().bytes(1)?.first().copied().unwrap_or(0);
    let last = match version < STATISTICS_VERSION {
        true => LAST_SOUND_CODE,
        false => STATISTICS_CODE,
    };
    in_range("front-end kind", kind.into(), 1, last.into())?;
    let front_end = match kind {
        #[cfg(feature = "statistics")]
        STATISTICS_CODE => FrontEnd::Statistics(statistics::read(reader, inputs)?),
        #[cfg(feature = "sound")]
        1..=LAST_SOUND_CODE => FrontEnd::Sound(sound::read(reader, inputs)?),
        _ => return Err(ArtifactError::FrontEndLeftOut),
    };
    exactly("bytes of the front end", reader.left(), left_after)?;
    Ok(front_end)
}

/// Values of one or two bytes, and the zeros behind them to the next word.
fn padded<'m, T: AnyBitPattern + NoUninit + Default + PartialEq>(
    reader: &mut Reader<'m>,
    count: usize,
) -> Result<&'m [T], ArtifactError> {
    let in_word = size_of::<u32>() / size_of::<T>();
    let all: &[T] = reader.slice(count.div_ceil(in_word).saturating_mul(in_word))?;
    let (values, padding) = all.split_at_checked(count).unwrap_or((all, &[]));
    let is_zero = padding.iter().all(|value| *value == T::default());
    in_range("padding of the front end", (!is_zero).into(), 0, 0)?;
    Ok(values)
}

#[cfg(feature = "write")]
pub(super) use write::{append, since};

#[cfg(feature = "write")]
mod write {
    use crate::artifact::cursor::Writer;
    use crate::artifact::header;
    use crate::front_end::Tables;

    /// The oldest version with such a front end.
    pub(in crate::artifact) const fn since(tables: &Tables) -> u16 {
        match tables {
            #[cfg(feature = "sound")]
            Tables::Sound(_) => header::FRONT_END_VERSION,
            #[cfg(feature = "statistics")]
            Tables::Statistics(_) => header::STATISTICS_VERSION,
        }
    }

    /// Appends the section of a front end.
    pub(in crate::artifact) fn append(tables: &Tables, out: &mut Writer) {
        match tables {
            #[cfg(feature = "sound")]
            Tables::Sound(tables) => super::sound::append(tables, out),
            #[cfg(feature = "statistics")]
            Tables::Statistics(tables) => super::statistics::append(tables, out),
        }
    }

    /// Appends a table and zeros to the next word.
    pub(super) fn append_table(bytes: &[u8], out: &mut Writer) {
        out.0.extend_from_slice(bytes);
        out.0.resize(out.0.len().next_multiple_of(4), 0);
    }
}
