//! The curves of a training in an event file, which TensorBoard draws.
//!
//! ```text
//! file   = record with the version, then a record for each epoch
//! record = length: u64, check(length), event: [u8; length], check(event)     little-endian
//! check  = CRC-32C rotated right by 15 bits, + 0xa282ead8 modulo 2³²
//! ```
//!
//! An event is a message of protocol buffers. Its step is the epoch, from 1. Its scalars are f32:
//!
//! | tag | value |
//! | --- | --- |
//! | `loss/train`, `loss/validation` | mean loss |
//! | `accuracy/train`, `accuracy/validation` | share of right decisions, of a classification |
//! | `learning_rate` | of the epoch's last update |
//!
//! Sources: TensorFlow's `core/lib/io/record_writer.h`, `core/lib/hash/crc32c.h`, `core/util/event.proto` and
//! `core/framework/summary.proto`.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crc::{CRC_32_ISCSI, Crc};
use prost::Message;

use crate::files::atomic::{self, WriteFileError};
use crate::files::disk;
use crate::train::{BatchProgress, Divergence, EpochRecord, Observer, TrainState};

/// The file in the folder of a run's curves. TensorBoard reads each file whose name holds `tfevents`.
pub const EVENT_FILE: &str = "events.out.tfevents.trainer-host";

/// The first event of a file says this.
const VERSION: &str = "brain.Event:2";

/// Why curves cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum CurvesError {
    /// The file cannot be written.
    #[error(transparent)]
    Write(#[from] WriteFileError),
    /// The file that is there cannot be read.
    #[error("{}: cannot be read: {source}; choose another folder by --tensorboard", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file that is there is of an earlier training.
    #[error("{}: holds the curves of a training already; replace them by --overwrite, or choose another folder by --tensorboard", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The file that is there is not of the training that goes on.
    #[error("{}: holds the curves of another training; remove this file, or choose another folder by --tensorboard", path.display())]
    OtherTraining {
        /// The file.
        path: PathBuf,
    },
}

/// The folder in `all` for the curves of the run in the folder `run`. Both have the same name, and TensorBoard shows it.
pub fn folder_of(all: &Path, run: &Path) -> PathBuf {
    let run = std::path::absolute(run).unwrap_or_else(|_| run.to_owned());
    run.file_name()
        .map_or(all.to_owned(), |name| all.join(name))
}

/// Refuses a folder that holds curves already, for a training that begins.
///
/// # Errors
/// [`CurvesError::Exists`] where it holds an epoch, and when it cannot be read.
pub fn refuse_existing(folder: &Path) -> Result<(), CurvesError> {
    let path = folder.join(EVENT_FILE);
    match events(&read(&path)?).any(|event| event.summary.is_some()) {
        true => Err(CurvesError::Exists { path }),
        false => Ok(()),
    }
}

/// Refuses a folder whose curves are not those of a training with the finished epochs `history`.
///
/// # Errors
/// [`CurvesError::OtherTraining`], and when they cannot be read.
pub fn refuse_other(folder: &Path, history: &[EpochRecord]) -> Result<(), CurvesError> {
    let path = folder.join(EVENT_FILE);
    match brought_to(history, &read(&path)?) {
        Some(_) => Ok(()),
        None => Err(CurvesError::OtherTraining { path }),
    }
}

/// Removes curves that an earlier training left in `folder`, and the folder if nothing else is in it.
///
/// # Errors
/// When they cannot be removed.
pub fn remove(folder: &Path) -> Result<(), CurvesError> {
    let path = folder.join(EVENT_FILE);
    if path.exists() {
        disk::remove_file(&path).map_err(|source| WriteFileError { path, source })?;
    }
    // Another program's files may be there.
    disk::remove_dir(folder).ok();
    Ok(())
}

/// Writes the curves of a training, and passes every event on.
pub struct Curves<'a> {
    /// The event file; `None` where none is wanted, or after a failure.
    path: Option<PathBuf>,
    /// What the file becomes once the training has begun, and so holds the lock of its run.
    beginning: Option<Vec<u8>>,
    observer: &'a mut dyn Observer,
    /// The first failure to write.
    failure: Option<CurvesError>,
}

impl<'a> Curves<'a> {
    /// Curves in `folder`, if there is one, of a training whose finished epochs are `history`. An event of one of them
    /// that is in the file keeps its time. Other events of the file go: a process that was killed may have written an
    /// epoch that its checkpoint does not have. What is there is replaced when the training begins and not before, since
    /// another process may hold the run.
    ///
    /// # Errors
    /// When the file cannot be read or written, or says otherwise than `history`.
    pub fn open(
        folder: Option<&Path>,
        history: &[EpochRecord],
        observer: &'a mut dyn Observer,
    ) -> Result<Self, CurvesError> {
        let path = folder.map(|folder| folder.join(EVENT_FILE));
        let mut beginning = None;
        if let Some((folder, path)) = folder.zip(path.as_deref()) {
            let before = read(path)?;
            let bytes = brought_to(history, &before).ok_or_else(|| CurvesError::OtherTraining {
                path: path.to_owned(),
            })?;
            if before.is_empty() {
                disk::create_dir_all(folder).map_err(|source| WriteFileError {
                    path: folder.to_owned(),
                    source,
                })?;
                atomic::write(path, &bytes)?;
            } else if bytes != before {
                // TensorBoard may have the file open: it stays where nothing changes.
                beginning = Some(bytes);
            }
        }
        Ok(Self {
            path,
            beginning,
            observer,
            failure: None,
        })
    }

    /// Writes what stands before the first epoch of this training.
    fn begin(&mut self) {
        let beginning = self.beginning.take();
        let Some((path, bytes)) = self.path.as_deref().zip(beginning) else {
            return;
        };
        if let Err(error) = atomic::write(path, &bytes) {
            self.failure = Some(error.into());
            self.path = None;
        }
    }

    fn add(&mut self, record: &EpochRecord) {
        self.begin();
        // After a failure, half a record may stand at the end, and a reader would not get beyond it.
        let Some(path) = self.path.take() else { return };
        match disk::append(&path, &Event::of_epoch(record).to_record()) {
            Ok(()) => self.path = Some(path),
            Err(source) => self.failure = Some(WriteFileError { path, source }.into()),
        }
    }

    /// Ends the file.
    ///
    /// # Errors
    /// The first failure to write an epoch. Nothing was written after it.
    pub fn finish(mut self) -> Result<(), CurvesError> {
        self.begin();
        self.failure.map_or(Ok(()), Err)
    }
}

impl Observer for Curves<'_> {
    fn batch(&mut self, progress: &BatchProgress) {
        self.begin();
        self.observer.batch(progress);
    }

    fn epoch(&mut self, record: &EpochRecord, state: &TrainState) {
        self.observer.epoch(record, state);
        self.add(record);
    }

    fn diverged(&mut self, divergence: &Divergence, kept: usize) {
        self.observer.diverged(divergence, kept);
    }
}

/// The bytes of the file at `path`; none if there is no file.
fn read(path: &Path) -> Result<Vec<u8>, CurvesError> {
    match std::fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        read => read.map_err(|source| CurvesError::Unreadable {
            path: path.to_owned(),
            source,
        }),
    }
}

/// The file that holds `history` alone, with the times of the file `before`; `None` if that says otherwise.
fn brought_to(history: &[EpochRecord], before: &[u8]) -> Option<Vec<u8>> {
    let version = events(before).find(|event| event.file_version.is_some());
    let mut bytes = version.unwrap_or_else(Event::of_version).to_record();
    let epochs = events(before).filter(|event| event.summary.is_some());
    let epochs: BTreeMap<i64, Event> = epochs.map(|event| (event.step, event)).collect();
    for record in history {
        let mut event = Event::of_epoch(record);
        if let Some(before) = epochs.get(&event.step) {
            event.wall_time = before.wall_time;
            if event.encode_to_vec() != before.encode_to_vec() {
                return None;
            }
        }
        bytes.extend(event.to_record());
    }
    Some(bytes)
}

/// The events at the beginning of a file, up to the first that is not whole.
fn events(mut bytes: &[u8]) -> impl Iterator<Item = Event> {
    std::iter::from_fn(move || {
        let (length, rest) = bytes.split_first_chunk::<8>()?;
        let rest = rest.strip_prefix(&check(length))?;
        let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
        let (event, rest) = rest.split_at_checked(length)?;
        bytes = rest.strip_prefix(&check(event))?;
        Event::decode(event).ok()
    })
}

/// The four bytes behind `bytes` by which a reader checks them.
fn check(bytes: &[u8]) -> [u8; 4] {
    let crc = Crc::<u32>::new(&CRC_32_ISCSI).checksum(bytes);
    crc.rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

/// What a record says.
#[derive(Clone, PartialEq, Message)]
struct Event {
    /// Seconds since 1970.
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(string, optional, tag = "3")]
    file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    summary: Option<Summary>,
}

/// The values of a step.
#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    value: Vec<Scalar>,
}

/// One value.
#[derive(Clone, PartialEq, Message)]
struct Scalar {
    #[prost(string, tag = "1")]
    tag: String,
    /// One of several kinds of value, so that 0 is written too.
    #[prost(float, optional, tag = "2")]
    simple_value: Option<f32>,
}

impl Event {
    /// What begins a file.
    fn of_version() -> Self {
        Self {
            wall_time: now(),
            file_version: Some(VERSION.into()),
            ..Self::default()
        }
    }

    fn of_epoch(record: &EpochRecord) -> Self {
        let validation = record.validation;
        let values = [
            ("loss/train", Some(record.train_loss)),
            ("loss/validation", validation.map(|part| part.loss)),
            ("accuracy/train", record.train_accuracy),
            (
                "accuracy/validation",
                validation.and_then(|part| part.accuracy),
            ),
            ("learning_rate", Some(f64::from(record.learning_rate))),
        ];
        let value = values.into_iter().filter_map(|(tag, value)| {
            Some(Scalar {
                tag: tag.into(),
                simple_value: Some(value? as f32),
            })
        });
        Self {
            wall_time: now(),
            step: record.epoch as i64,
            file_version: None,
            summary: Some(Summary {
                value: value.collect(),
            }),
        }
    }

    fn to_record(&self) -> Vec<u8> {
        let event = self.encode_to_vec();
        let length = (event.len() as u64).to_le_bytes();
        [&length[..], &check(&length), &event, &check(&event)].concat()
    }
}

/// Seconds since 1970.
fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::disk::faults::at_each_call;
    use crate::train::Validation;

    fn record(epoch: usize) -> EpochRecord {
        let loss = 1.0 / epoch as f64;
        EpochRecord {
            epoch,
            learning_rate: 0.25,
            train_loss: loss,
            train_accuracy: Some(1.0 - loss),
            gradient_norm: 1.0,
            returned_to: None,
            validation: (epoch > 1).then_some(Validation {
                loss,
                accuracy: None,
            }),
        }
    }

    fn steps(folder: &Path) -> Vec<i64> {
        let bytes = std::fs::read(folder.join(EVENT_FILE)).unwrap();
        let epochs = events(&bytes).filter(|event| event.summary.is_some());
        epochs.map(|event| event.step).collect()
    }

    /// What a training writes whose epochs `done` are finished before it does those of `then`.
    fn write(folder: &Path, done: &[EpochRecord], then: &[EpochRecord]) -> Result<(), CurvesError> {
        let mut none = ();
        let mut curves = Curves::open(Some(folder), done, &mut none)?;
        then.iter().for_each(|record| curves.add(record));
        curves.finish()
    }

    /// What `RecordWriter` and `Event` of the Python package tensorboard 2.21.0 write of the same events.
    #[test]
    fn records_are_those_of_tensorboards_own_writer() {
        let version = Event {
            wall_time: 1.5,
            ..Event::of_version()
        };
        let scalar = |tag: &str, value| Scalar {
            tag: tag.into(),
            simple_value: Some(value),
        };
        let epoch = Event {
            wall_time: 2.5,
            step: 300,
            file_version: None,
            summary: Some(Summary {
                value: vec![scalar("loss/train", 0.0), scalar("learning_rate", 0.25)],
            }),
        };
        let bytes = [version.to_record(), epoch.to_record()].concat();
        let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let expected = "1800000000000000a37f4b2209000000000000f83f1a0d627261696e2e4576656e743a322a28646c\
                        3700000000000000e7e8ca5909000000000000044010ac022a290a110a0a6c6f73732f747261696e\
                        15000000000a140a0d6c6561726e696e675f72617465150000803ebc893626";
        assert_eq!(text, expected);
        assert_eq!(events(&bytes).collect::<Vec<_>>(), [version, epoch]);
    }

    #[test]
    fn a_damaged_file_is_read_up_to_the_damage() {
        let whole: Vec<u8> = (1..4)
            .flat_map(|epoch| Event::of_epoch(&record(epoch)).to_record())
            .collect();
        let first = Event::of_epoch(&record(1)).to_record().len();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            let before = events(&bytes).count();
            assert_eq!(before == 0, at < first, "byte {at}");
            assert!(before < 3 && events(&whole[..at]).count() < 3, "byte {at}");
        }
    }

    #[test]
    fn a_training_that_goes_on_writes_each_epoch_once() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("curves/run");
        let all: Vec<EpochRecord> = (1..6).map(record).collect();
        write(&folder, &[], &all[..3]).unwrap();
        let file = folder.join(EVENT_FILE);
        let before = std::fs::read(&file).unwrap();
        // The file has epoch 3, and the checkpoint only epoch 2. Epochs 1 and 2 keep their times.
        write(&folder, &all[..2], &all[2..]).unwrap();
        assert_eq!(steps(&folder), [1, 2, 3, 4, 5]);
        let after = std::fs::read(&file).unwrap();
        let third = before.len() - Event::of_epoch(&all[2]).to_record().len();
        assert_eq!(after[..third], before[..third]);
        // Nothing is done, or half of the last record is missing.
        write(&folder, &all, &[]).unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), after);
        std::fs::write(&file, &after[..after.len() - 9]).unwrap();
        write(&folder, &all, &[]).unwrap();
        assert_eq!(steps(&folder), [1, 2, 3, 4, 5]);
    }

    #[test]
    fn the_curves_of_another_training_stay() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path();
        refuse_existing(folder).unwrap();
        write(folder, &[], &[]).unwrap();
        // No epoch was written.
        refuse_existing(folder).unwrap();
        write(folder, &[], &[record(1)]).unwrap();
        let other = EpochRecord {
            train_loss: 7.0,
            ..record(1)
        };
        let exists = refuse_existing(folder).unwrap_err();
        assert!(matches!(exists, CurvesError::Exists { .. }), "{exists}");
        let other = write(folder, &[other], &[]).unwrap_err();
        assert!(
            matches!(other, CurvesError::OtherTraining { .. }),
            "{other}"
        );
        assert_eq!(steps(folder), [1]);
        refuse_other(folder, &[record(1), record(2)]).unwrap();
        refuse_other(folder, &[]).unwrap();
    }

    #[test]
    fn nothing_is_replaced_before_a_training_begins() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path();
        write(folder, &[], &[record(1), record(2)]).unwrap();
        // As of a training that another process keeps from its run.
        let mut none = ();
        drop(Curves::open(Some(folder), &[], &mut none).unwrap());
        assert_eq!(steps(folder), [1, 2]);
        remove(folder).unwrap();
        assert!(!folder.exists());
        remove(folder).unwrap();
    }

    #[test]
    fn after_a_fault_at_any_call_the_next_training_brings_the_file_in_order() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("run");
        let all: Vec<EpochRecord> = (1..4).map(record).collect();
        let calls = at_each_call(
            || {
                std::fs::remove_dir_all(&folder).ok();
                write(&folder, &[], &all)
            },
            |done, call, fault| {
                let at = format!("call {call}, {fault:?}");
                let error = done.expect_err(&at);
                assert!(error.to_string().contains("cannot be written"), "{error}");
                write(&folder, &all, &[]).expect(&at);
                assert_eq!(steps(&folder), [1, 2, 3], "{at}");
            },
        );
        // The folder, five of a whole file, and two for each epoch.
        assert_eq!(calls, 12);
    }
}
