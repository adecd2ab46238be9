//! The samples of a stream that its front end still needs.

use core::cell::Cell;

/// Samples of the frame that is being filled, and the sample before it. `S` holds as many as
/// [`FrontEnd::history`](super::FrontEnd::history) says.
///
/// Memory that came from elsewhere, [`FrontEnd::signal_bytes`](super::FrontEnd::signal_bytes) long, can be a
/// `Signal<[i16]>`. Zeros are a stream that begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Signal<S: ?Sized> {
    /// Samples of the frame that are here; a frame has at most 2^[`MAX_FRAME_BITS`](super::MAX_FRAME_BITS).
    filled: u32,
    /// The sample before the frame; 0 at the begin of a stream.
    before: i16,
    samples: S,
}

impl<const SAMPLES: usize> Signal<[i16; SAMPLES]> {
    /// A stream that begins, for statics.
    pub const EMPTY: Self = Self {
        filled: 0,
        before: 0,
        samples: [0; SAMPLES],
    };
}

impl<S> Signal<S> {
    /// A stream that begins, in this memory.
    pub fn new(samples: S) -> Self {
        Self {
            filled: 0,
            before: 0,
            samples,
        }
    }
}

impl<S: AsRef<[i16]> + AsMut<[i16]> + ?Sized> Signal<S> {
    /// Back to the begin of a stream.
    pub fn reset(&mut self) {
        (self.filled, self.before) = (0, 0);
    }

    /// Samples that this memory holds.
    pub(super) fn len(&self) -> usize {
        self.samples.as_ref().len()
    }

    /// Takes samples from the front of `samples` until a frame of `length` is here; whether one is.
    pub(super) fn fill(&mut self, length: usize, samples: &mut &[i16]) -> bool {
        let frame = self.samples.as_mut().get_mut(..length);
        let Some(free) = frame.and_then(|frame| frame.get_mut(self.filled as usize..)) else {
            return false;
        };
        let count = free.len().min(samples.len());
        let (Some(places), Some((taken, left))) =
            (free.get_mut(..count), samples.split_at_checked(count))
        else {
            return false;
        };
        for (place, sample) in places.iter_mut().zip(taken) {
            *place = *sample;
        }
        *samples = left;
        let filled = (self.filled as usize).wrapping_add(count);
        self.filled = filled as u32;
        filled == length
    }

    /// The sample before the frame, and the frame.
    pub(super) fn whole(&self, length: usize) -> Option<(i16, &[i16])> {
        Some((self.before, self.samples.as_ref().get(..length)?))
    }

    /// Leaves the first `hop` samples of the frame out.
    pub(super) fn advance(&mut self, length: usize, hop: usize) {
        let Some(frame) = self.samples.as_mut().get_mut(..length) else {
            return;
        };
        let hop = hop.min(frame.len());
        if let Some(last) = hop.checked_sub(1).and_then(|last| frame.get(last)) {
            self.before = *last;
        }
        // Cells may be read and written in turns.
        let cells = Cell::from_mut(frame).as_slice_of_cells();
        for (to, from) in cells.iter().zip(cells.get(hop..).unwrap_or_default()) {
            to.set(from.get());
        }
        self.filled = length.saturating_sub(hop) as u32;
    }
}
