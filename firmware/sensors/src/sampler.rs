//! Samples at a fixed rate.
//!
//! Sample k is due when the counter stands at start + k · period, modulo 2³². Delays do not add up. A network takes each
//! sample for a step, so a sample that was missed is not made up: it is counted.

use core::num::NonZeroU32;

use heapless::spsc::Producer;

use super::Sensor;

/// When samples are due, by a counter that runs for ever.
#[derive(Clone, Copy, Debug)]
pub struct Sampler {
    period: NonZeroU32,
    /// The counter at the next sample.
    due: u32,
    missed: u32,
    dropped: u32,
}

/// What [`Sampler::poll`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Polled {
    /// No sample is due.
    NotDue {
        /// Ticks until one is.
        ticks: u32,
    },
    /// A sample is in the queue.
    Sampled,
    /// A sample was read, and the queue had no room for it.
    Dropped,
}

impl Sampler {
    /// The first sample is due at once, the next ones every `period` ticks, less than 2³¹ of them.
    pub const fn new(now: u32, period: NonZeroU32) -> Self {
        Self {
            period,
            due: now,
            missed: 0,
            dropped: 0,
        }
    }

    /// Reads `sensor` into `queue` if a sample is due at `now`. Call it at least once in 2³¹ ticks.
    ///
    /// # Errors
    /// The sensor's. The sample counts as missed.
    pub fn poll<S: Sensor<CHANNELS>, const CHANNELS: usize>(
        &mut self,
        now: u32,
        sensor: &mut S,
        queue: &mut Producer<'_, [i16; CHANNELS]>,
    ) -> Result<Polled, S::Error> {
        let late = now.wrapping_sub(self.due);
        if late > i32::MAX as u32 {
            return Ok(Polled::NotDue {
                ticks: late.wrapping_neg(),
            });
        }
        let missed = late / self.period;
        self.missed = self.missed.saturating_add(missed);
        let steps = missed.wrapping_add(1);
        self.due = self.due.wrapping_add(steps.wrapping_mul(self.period.get()));
        let sample = sensor.read().inspect_err(|_| {
            self.missed = self.missed.saturating_add(1);
        })?;
        Ok(match queue.enqueue(sample) {
            Ok(()) => Polled::Sampled,
            Err(_) => {
                self.dropped = self.dropped.saturating_add(1);
                Polled::Dropped
            }
        })
    }

    /// Samples that were due and not read.
    pub fn missed(&self) -> u32 {
        self.missed
    }

    /// Samples that were read, and for which the queue had no room.
    pub fn dropped(&self) -> u32 {
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use core::convert::Infallible;

    use heapless::spsc::Queue;
    use proptest::prelude::*;

    use super::*;

    /// Gives 0, 1, 2, …
    struct Counts(i16);

    impl Sensor<1> for Counts {
        type Error = Infallible;

        fn read(&mut self) -> Result<[i16; 1], Infallible> {
            self.0 += 1;
            Ok([self.0 - 1])
        }
    }

    proptest! {
        /// However late it is polled, each period has its sample, or counts as missed or dropped; nothing drifts.
        #[test]
        fn every_period_is_accounted_for(
            start in any::<u32>(), period in 1..1000u32, waits in prop::collection::vec((0..3000u32, any::<bool>()), 1..60),
        ) {
            let mut queue = Queue::<[i16; 1], 4>::new();
            let (mut producer, mut consumer) = queue.split();
            let mut sampler = Sampler::new(start, NonZeroU32::new(period).unwrap());
            let (mut sensor, mut elapsed, mut sampled) = (Counts(0), 0u32, 0);
            for (wait, is_taken) in waits {
                elapsed += wait;
                let polled = sampler.poll(start.wrapping_add(elapsed), &mut sensor, &mut producer).unwrap();
                sampled += u32::from(polled == Polled::Sampled);
                // Samples are due at 0, period, 2 period, …
                let due = elapsed / period + 1;
                prop_assert_eq!(sampled + sampler.missed() + sampler.dropped(), due);
                prop_assert_eq!(sensor.0 as u32, sampled + sampler.dropped());
                let next = sampler.poll(start.wrapping_add(elapsed), &mut sensor, &mut producer).unwrap();
                let ticks = due * period - elapsed;
                prop_assert_eq!(next, Polled::NotDue { ticks });
                if is_taken {
                    while consumer.dequeue().is_some() {}
                }
            }
        }
    }
}
