//! The header of a model file: where each of its fields lies, and what it may hold.

use bytemuck::{Pod, Zeroable};

use super::cursor::{Reader, in_range};
use super::{ArtifactError, CRC};
use crate::model::{MAX_DENSE_LAYERS, MAX_RECURRENT_LAYERS};
use crate::task::{Mode, Task};

/// The first bytes of every model file.
pub const MAGIC: [u8; 4] = *b"LSTM";
/// The newest version that this engine reads and writes.
pub const VERSION: u16 = 11;
/// The oldest version that it reads.
pub(super) const OLDEST_VERSION: u16 = 3;
/// The oldest version with front ends.
pub(super) const FRONT_END_VERSION: u16 = 5;
/// The oldest version with means over time.
pub(super) const MEAN_VERSION: u16 = 8;
/// The oldest version with layers that run backwards.
pub(super) const WINDOW_VERSION: u16 = 10;

/// The oldest version with front ends for motion.
#[cfg(feature = "front-end")]
pub(super) const STATISTICS_VERSION: u16 = 9;

/// Bytes of the checksum at the end of a file.
pub(super) const CHECKSUM_BYTES: usize = size_of::<u32>();

/// The header as it lies in a file. It declares where its fields lie; who wants one byte's place takes
/// `offset_of!` of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Header {
    /// 0..4: [`MAGIC`].
    pub magic: [u8; 4],
    /// 4..6: the oldest version that has all that is in the file, at most [`VERSION`].
    pub version: u16,
    /// 6: [`Task::code`].
    pub task: u8,
    /// 7: [`Mode::code`].
    pub mode: u8,
    /// 8..12: bytes of the file, its checksum included.
    pub file_bytes: u32,
    /// 12..14: raw input channels `I`, at least 1.
    pub inputs: u16,
    /// 14..16: outputs `O`, at least 1.
    pub outputs: u16,
    /// 16: recurrent layers, 1..=4.
    pub recurrent_layers: u8,
    /// 17: dense layers, 1..=4, the output layer included.
    pub dense_layers: u8,
    /// 18..20: golden steps.
    pub golden_steps: u16,
    /// 20..22: cell blocks, Σ ⌈H/4⌉, and for a mean over time one more than ⌈H/4⌉ of the last recurrent layer. 0 in a
    /// model of whole windows, and in no other.
    pub cell_blocks: u16,
    /// 22..24: scratch blocks, see [`BufferSizes`](crate::model::BufferSizes).
    pub scratch_blocks: u16,
    /// 24..28: bytes of the names with their padding.
    pub names_bytes: u32,
    /// 28..30: words of 4 bytes of the front end's section; 0 without one, as in every file before version 5.
    pub front_end_words: u16,
    /// 30..32: hidden blocks, Σ ⌈H/4⌉ of int16 and ⌈H/8⌉ of int8 layers; of a model of whole windows, what each step keeps.
    pub hidden_blocks: u16,
}

impl Header {
    /// Reads the header and checks what it can say by itself; magic, version and length were checked by
    /// [`verified`].
    pub(super) fn read<'m>(reader: &mut Reader<'m>) -> Result<&'m Self, ArtifactError> {
        let header: &Self = reader.record()?;
        header.task()?;
        header.mode()?;
        let in_u16 = |field, found: u16| in_range(field, found.into(), 1, u16::MAX.into());
        in_u16("inputs", header.inputs)?;
        in_u16("outputs", header.outputs)?;
        let layers = |field, found: u8, most| in_range(field, found.into(), 1, most as u32);
        layers(
            "recurrent layers",
            header.recurrent_layers,
            MAX_RECURRENT_LAYERS,
        )?;
        layers("dense layers", header.dense_layers, MAX_DENSE_LAYERS)?;
        let most_words = match header.version < FRONT_END_VERSION {
            true => 0,
            false => u16::MAX,
        };
        let words = header.front_end_words.into();
        in_range("front-end words", words, 0, most_words.into())?;
        Ok(header)
    }

    pub(super) fn task(&self) -> Result<Task, ArtifactError> {
        let refused = code_error("task", self.task, Task::ALL.len());
        Task::from_code(self.task).ok_or(refused)
    }

    pub(super) fn mode(&self) -> Result<Mode, ArtifactError> {
        let modes = match self.version < MEAN_VERSION {
            true => Mode::ALL.len() - 1,
            false => Mode::ALL.len(),
        };
        let refused = code_error("mode", self.mode, modes);
        let mode = Mode::from_code(self.mode).filter(|mode| usize::from(mode.code()) < modes);
        mode.ok_or(refused)
    }
}

/// `found` is none of the codes 0 to `count` − 1.
const fn code_error(field: &'static str, found: u8, count: usize) -> ArtifactError {
    ArtifactError::Field {
        field,
        found: found as u32,
        allowed: (0, count as u32 - 1),
    }
}

/// The content of `file` without its checksum, once alignment, identity, length and checksum hold.
pub(super) fn verified(file: &[u8]) -> Result<&[u8], ArtifactError> {
    let offset = file.as_ptr().align_offset(4);
    if offset != 0 {
        return Err(ArtifactError::Misaligned {
            offset: (4 - offset) % 4,
        });
    }
    let have_bytes = file.len();
    let least = size_of::<Header>() + CHECKSUM_BYTES;
    let short = |need_bytes: usize| ArtifactError::Truncated {
        need_bytes,
        have_bytes,
    };
    let magic = file.first_chunk().ok_or(short(least))?;
    if *magic != MAGIC {
        return Err(ArtifactError::BadMagic { found: *magic });
    }
    let header: &Header = Reader::new(file, have_bytes).record()?;
    if !(OLDEST_VERSION..=VERSION).contains(&header.version) {
        return Err(ArtifactError::Version {
            found: header.version,
            supported: VERSION,
        });
    }
    let file_bytes = header.file_bytes as usize;
    if have_bytes < file_bytes.max(least) {
        return Err(short(file_bytes.max(least)));
    }
    if have_bytes > file_bytes {
        return Err(ArtifactError::TrailingBytes {
            file_bytes,
            have_bytes,
        });
    }
    let (content, stored) = file.split_last_chunk().ok_or(short(least))?;
    let (stored, computed) = (u32::from_le_bytes(*stored), CRC.checksum(content));
    if stored != computed {
        return Err(ArtifactError::Checksum { stored, computed });
    }
    Ok(content)
}
