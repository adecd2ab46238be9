//! Updates on flash in memory whose power is cut at any byte.

extern crate std;

use core::ops::Range;
use std::vec::Vec;

use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};
use lstm_nostd::artifact::{AlignedBytes, RandomModel};
use lstm_nostd::kernels::Block;
use lstm_nostd::{I16F16, Mode, Model, SelfTestError};
use proptest::prelude::*;

use super::*;

const ERASE: usize = 256;
const WRITE: usize = 8;
const SLOTS: [Range<u32>; 2] = [512..2560, 2560..4608];

/// Flash that wears like NOR flash, and whose power may go.
#[derive(Clone, Debug)]
struct Memory {
    words: Vec<u64>,
    /// Bytes that are still programmed or erased before the power is cut.
    power: Option<usize>,
    /// What the byte becomes at which the power is cut: any mixture of before and after.
    torn: u8,
    /// Bytes programmed or erased so far.
    spent: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct PowerCut;

impl NorFlashError for PowerCut {
    fn kind(&self) -> NorFlashErrorKind {
        NorFlashErrorKind::Other
    }
}

impl Memory {
    fn new() -> Self {
        Self {
            words: std::vec![u64::MAX; SLOTS[1].end as usize / 8],
            power: None,
            torn: 0,
            spent: 0,
        }
    }

    fn bytes(&mut self) -> &mut [u8] {
        bytemuck::cast_slice_mut(&mut self.words)
    }

    fn change(&mut self, place: usize, to: u8) -> Result<(), PowerCut> {
        let torn = self.torn;
        match &mut self.power {
            Some(0) => return Err(PowerCut),
            Some(1) => {
                let before = self.bytes()[place];
                self.bytes()[place] = (before & torn) | (to & !torn);
                self.power = Some(0);
                return Err(PowerCut);
            }
            Some(left) => *left -= 1,
            None => {}
        }
        self.spent += 1;
        self.bytes()[place] = to;
        Ok(())
    }
}

impl ErrorType for Memory {
    type Error = PowerCut;
}

impl ReadNorFlash for Memory {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), PowerCut> {
        let start = offset as usize;
        bytes.copy_from_slice(&self.bytes()[start..start + bytes.len()]);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.words.len() * 8
    }
}

impl NorFlash for Memory {
    const WRITE_SIZE: usize = WRITE;
    const ERASE_SIZE: usize = ERASE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), PowerCut> {
        assert!([from, to].iter().all(|at| at.is_multiple_of(ERASE as u32)) && from < to);
        (from..to).try_for_each(|place| self.change(place as usize, 0xff))
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), PowerCut> {
        let start = offset as usize;
        assert!(start.is_multiple_of(WRITE) && bytes.len().is_multiple_of(WRITE));
        // Units are written once.
        assert!(
            self.bytes()[start..start + bytes.len()]
                .iter()
                .all(|byte| *byte == 0xff)
        );
        (start..)
            .zip(bytes)
            .try_for_each(|(place, byte)| self.change(place, *byte))
    }
}

impl Flash for Memory {
    fn content(&self, range: Range<u32>) -> &[u8] {
        &bytemuck::cast_slice(&self.words)[range.start as usize..range.end as usize]
    }
}

/// A small model with golden steps; every one of three channels and `outputs` outputs has the same interface.
fn model(seed: u64, outputs: usize, golden: impl Fn(&mut i32)) -> AlignedBytes {
    model_of(seed, (3, outputs), Mode::SequenceToSequence, golden)
}

/// [`model`] with any number of inputs, and of any mode.
fn model_of(
    seed: u64,
    (inputs, outputs): (usize, usize),
    mode: Mode,
    golden: impl Fn(&mut i32),
) -> AlignedBytes {
    let random = RandomModel {
        inputs,
        hidden: std::vec![4],
        outputs,
        seed,
        ..RandomModel::default()
    };
    let mut file = random.build();
    file.mode = mode;
    let bytes = file.to_bytes().unwrap();
    let model = Model::parse(&bytes).unwrap();
    let mut state = lstm_nostd::State::<1, 1>::new();
    for raw in random.raw_inputs(2) {
        let (mut scratch, mut found) = ([Block::default(); 16], [I16F16::ZERO; 4]);
        let buffers = (&mut state.hidden[..], &mut state.cell[..]);
        model.step(buffers, &mut scratch, &raw, &mut found).unwrap();
        let mut outputs: Vec<i32> = found[..outputs].iter().map(|y| y.to_bits()).collect();
        golden(&mut outputs[0]);
        file.golden.push((raw, outputs));
    }
    file.to_bytes().unwrap()
}

fn good(seed: u64) -> AlignedBytes {
    model(seed, 2, |_| ())
}

fn manifest(version: u32, file: &[u8]) -> Manifest {
    Manifest {
        version,
        bytes: file.len() as u32,
        crc: record::crc32c(file),
        force: false,
    }
}

fn store(memory: Memory) -> Store<Memory> {
    Store::new(memory, SLOTS).unwrap()
}

/// Boots, and updates to `file` in pieces of `piece` bytes.
fn update(
    store: &mut Store<Memory>,
    manifest: Manifest,
    file: &[u8],
    piece: usize,
) -> Result<(), UpdateError<PowerCut>> {
    let booted = store.boot().map_err(UpdateError::Flash)?;
    let built_in = good(1);
    let present = booted.map_or(&built_in[..], |booted| store.model(&booted));
    let present = Interface::of(&Model::parse(present).unwrap());
    let mut update = store.begin(booted.as_ref(), manifest, Some(&present))?;
    for (index, bytes) in file.chunks(piece).enumerate() {
        update.write((index * piece) as u32, bytes)?;
    }
    update.check::<3, 1, 1, 16, 4>()?.switch()
}

/// Restarts and confirms.
fn settle(store: &mut Store<Memory>) -> Result<Booted, PowerCut> {
    let mut booted = store.boot()?.expect("there is a model");
    store.confirm(&mut booted)?;
    Ok(booted)
}

/// Flash with `old` in use, version 5.
fn in_use(old: &[u8]) -> Memory {
    let mut store = store(Memory::new());
    update(&mut store, manifest(5, old), old, 64).unwrap();
    settle(&mut store).unwrap();
    store.into_flash()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Wherever power is cut, and once more at the start after, the device starts with the old model or the new one,
    /// and takes the new one from then on.
    #[test]
    fn a_power_cut_leaves_a_valid_model(
        seed in 2..50u64, piece in 1..100usize, at in 0.0..1.0f64, again in 1..70usize, torn in any::<[u8; 2]>(),
    ) {
        let (old, new) = (good(1), good(seed));
        let fresh = in_use(&old);
        let run = |store: &mut Store<Memory>| {
            update(store, manifest(6, &new), &new, piece)?;
            settle(store).map_err(UpdateError::Flash)
        };
        let mut whole = store(Memory { spent: 0, ..fresh.clone() });
        run(&mut whole).unwrap();
        let cost = whole.into_flash().spent;

        // The power goes during the update or the trial.
        let power = Some(1 + (at * cost as f64) as usize);
        let mut cut = store(Memory { power, torn: torn[0], ..fresh });
        match run(&mut cut) {
            Err(error) => prop_assert_eq!(error, UpdateError::Flash(PowerCut)),
            // It went when the new model was marked, so the old one started.
            Ok(booted) => prop_assert_eq!(booted.version(), 5),
        }
        // And again while the device starts.
        let memory = Memory { power: Some(again), torn: torn[1], ..cut.into_flash() };
        let mut cut = store(memory);
        let _ = settle(&mut cut);

        let mut after = store(Memory { power: None, ..cut.into_flash() });
        let booted = after.boot().unwrap().expect("a valid model is left");
        let found = after.model(&booted).to_vec();
        prop_assert!(found == *old || found == *new);
        prop_assert_eq!(booted.version(), if found == *new { 6 } else { 5 });
        if booted.is_on_trial {
            settle_as(&mut after, booted);
        }
        update(&mut after, Manifest { force: true, ..manifest(6, &new) }, &new, piece).unwrap();
        let booted = settle(&mut after).unwrap();
        prop_assert_eq!(after.model(&booted), &new[..]);
    }
}

fn settle_as(store: &mut Store<Memory>, mut booted: Booted) {
    store.confirm(&mut booted).unwrap();
}

/// As after a start whose marks could not be written: the device runs what it has compiled in.
#[test]
fn an_update_without_a_started_model_keeps_the_confirmed_one_and_comes_next() {
    let (old, untried, new) = (good(1), good(2), good(3));
    let mut store = store(in_use(&old));
    update(&mut store, manifest(6, &untried), &untried, 64).unwrap();
    let present = Interface::of(&Model::parse(&old).unwrap());
    let mut update = store
        .begin(None, manifest(7, &new), Some(&present))
        .unwrap();
    update.write(0, &new).unwrap();
    update.check::<3, 1, 1, 16, 4>().unwrap().switch().unwrap();
    let booted = store.boot().unwrap().unwrap();
    assert!(booted.is_on_trial && store.model(&booted) == &new[..]);
    let booted = store.boot().unwrap().unwrap();
    assert!(!booted.is_on_trial && store.model(&booted) == &old[..]);
}

/// Without power for its mark, a new model is passed over.
#[test]
fn a_model_that_cannot_be_marked_leaves_the_confirmed_one() {
    let (old, new) = (good(1), good(2));
    let mut before = store(in_use(&old));
    update(&mut before, manifest(6, &new), &new, 64).unwrap();
    let memory = Memory {
        power: Some(0),
        ..before.into_flash()
    };
    let booted = store(memory).boot().unwrap().unwrap();
    assert_eq!(booted.version(), 5);
}

#[test]
fn an_unconfirmed_model_is_gone_at_the_second_start() {
    let (old, new) = (good(1), good(2));
    let mut store = store(in_use(&old));
    update(&mut store, manifest(6, &new), &new, 10).unwrap();
    let booted = store.boot().unwrap().unwrap();
    assert!(booted.is_on_trial && store.model(&booted) == &new[..]);
    // Nothing may be written over the old model now.
    let present = Interface::of(&Model::parse(&new).unwrap());
    let refused = store.begin(Some(&booted), manifest(7, &old), Some(&present));
    assert_eq!(refused.unwrap_err(), UpdateError::OnTrial);
    let booted = store.boot().unwrap().unwrap();
    assert!(!booted.is_on_trial && store.model(&booted) == &old[..]);
}

#[test]
fn what_is_wrong_with_a_model_is_said_and_the_old_one_stays() {
    let old = good(1);
    let mut store = store(in_use(&old));
    let refusal = |store: &mut Store<Memory>, manifest: Manifest, file: &[u8]| {
        let error = update(store, manifest, file, 32).unwrap_err();
        let booted = store.boot().unwrap().unwrap();
        assert!(!booted.is_on_trial && store.model(&booted) == &old[..]);
        error
    };
    let new = good(2);
    let forced = |manifest| Manifest {
        force: true,
        ..manifest
    };
    assert_eq!(
        refusal(&mut store, manifest(4, &new), &new),
        UpdateError::Older {
            offered: 4,
            present: 5
        }
    );
    let other = model(2, 3, |_| ());
    assert_eq!(
        refusal(&mut store, manifest(6, &other), &other),
        UpdateError::OtherInterface
    );
    let other_mode = model_of(2, (3, 2), Mode::SequenceToOne, |_| ());
    let found = refusal(&mut store, manifest(6, &other_mode), &other_mode);
    assert_eq!(found, UpdateError::OtherInterface);
    let mut damaged = new.to_vec();
    damaged[40] ^= 1;
    assert_eq!(
        refusal(&mut store, manifest(6, &new), &damaged),
        UpdateError::Checksum
    );
    // Force takes no model that does not work.
    let found = refusal(&mut store, forced(manifest(6, &damaged)), &damaged);
    assert!(matches!(found, UpdateError::Model(_)));
    // Nor one whose inputs the program has no room for.
    let wide = model_of(2, (4, 2), Mode::SequenceToSequence, |_| ());
    let found = refusal(&mut store, forced(manifest(6, &wide)), &wide);
    let UpdateError::SelfTest(SelfTestError::Size(size)) = found else {
        panic!("{found}");
    };
    assert_eq!((size.found, size.needed), (3, 4));
    let wrong = model(2, 2, |output| *output ^= 1);
    let found = refusal(&mut store, forced(manifest(6, &wrong)), &wrong);
    assert!(matches!(found, UpdateError::SelfTest(_)));
    let long = std::vec![0; 4096];
    let found = refusal(&mut store, forced(manifest(6, &long)), &long);
    assert_eq!(
        found,
        UpdateError::TooLong {
            bytes: 4096,
            room: 1920
        }
    );
    let found = refusal(&mut store, manifest(6, &new), &new[..50]);
    assert_eq!(found, UpdateError::Order { expected: 50 });

    update(&mut store, forced(manifest(4, &other)), &other, 32).unwrap();
    assert_eq!(settle(&mut store).unwrap().version(), 4);
}

/// As when a program finds something wrong after the check.
#[test]
fn a_model_that_was_checked_and_not_switched_to_leaves_the_old_one() {
    let (old, new) = (good(1), good(2));
    let mut store = store(in_use(&old));
    let booted = store.boot().unwrap().unwrap();
    let mut update = store.begin(Some(&booted), manifest(6, &new), None).unwrap();
    update.write(0, &new).unwrap();
    assert!(update.check::<3, 1, 1, 16, 4>().is_ok());
    let booted = store.boot().unwrap().unwrap();
    assert!(!booted.is_on_trial && store.model(&booted) == &old[..]);
}

/// As after a start whose compiled-in model was none.
#[test]
fn a_device_without_a_model_takes_one_for_any_task() {
    let other = model(2, 3, |_| ());
    let mut store = store(Memory::new());
    let mut update = store.begin(None, manifest(1, &other), None).unwrap();
    update.write(0, &other).unwrap();
    update.check::<3, 1, 1, 16, 4>().unwrap().switch().unwrap();
    let booted = settle(&mut store).unwrap();
    assert_eq!(store.model(&booted), &other[..]);
    assert_eq!(store.room_bytes(), 2048 - 128);
}

#[test]
fn pieces_out_of_order_are_refused() {
    let new = good(2);
    let mut store = store(Memory::new());
    assert_eq!(store.boot(), Ok(None));
    let present = Interface::of(&Model::parse(&new).unwrap());
    let mut update = store
        .begin(None, manifest(1, &new), Some(&present))
        .unwrap();
    update.write(0, &new[..10]).unwrap();
    for (offset, bytes) in [
        (0, &new[..1]),
        (11, &new[11..12]),
        (10, &std::vec![0; new.len()]),
    ] {
        let refused = update.write(offset, bytes);
        assert_eq!(refused, Err(UpdateError::Order { expected: 10 }));
    }
}

#[test]
fn slots_that_cannot_be_are_refused() {
    for slots in [
        [0..ERASE as u32 + 1, 512..1024],
        [0..1024, 512..1536],
        [0..512, 4096..8192],
        [512..512, 1024..1536],
    ] {
        assert!(Store::new(Memory::new(), slots).is_err());
    }
}
