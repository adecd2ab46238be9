//! An accelerometer that a program moves, for examples and tests without a device.
//!
//! ```text
//! along = w(k) · amplitude,   w = a triangle between −1 and 1 over `period` samples
//! x, y, z = (along + noise, noise, 1 g + noise), turned to one of 24 orientations
//! ```

use core::convert::Infallible;

use super::Sensor;

/// Counts of 1 g, as an ADXL345 has them.
const G: i16 = 256;
/// Noise is between its negative and this.
const NOISE: u32 = 8;
/// Of the triangle.
const ONE: i32 = 1 << 15;
/// Three quarters of its period; from there on it goes back to zero.
const THREE: i32 = 3 * ONE;

/// What the device does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Motion {
    /// It lies there.
    Still,
    /// It is shaken: 6 to 10 samples a period, about 1.5 g.
    Shake,
    /// It swings: 32 to 48 samples a period, about 0.8 g.
    Swing,
}

impl Motion {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Still, Self::Shake, Self::Swing];

    /// Its name as a class.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Still => "still",
            Self::Shake => "shake",
            Self::Swing => "swing",
        }
    }

    /// Samples of a period, and how many more there may be; counts of its amplitude.
    const fn shape(self) -> (u32, u32, i32) {
        match self {
            Self::Still => (1, 1, 0),
            Self::Shake => (6, 5, 384),
            Self::Swing => (32, 17, 205),
        }
    }
}

/// An accelerometer, 3.9 mg a count.
#[derive(Clone, Debug)]
pub struct Moved {
    motion: Motion,
    sample: u32,
    period: u32,
    amplitude: i32,
    orientation: u32,
    random: u32,
}

impl Moved {
    /// Moves one; `seed` decides orientation, speed, strength and noise.
    pub fn new(motion: Motion, seed: u32) -> Self {
        let mut moved = Self {
            motion,
            sample: 0,
            period: 1,
            amplitude: 0,
            orientation: 0,
            random: seed,
        };
        moved.orientation = moved.random(24);
        moved.to(motion);
        moved
    }

    /// Goes on with another motion, held as before.
    pub fn to(&mut self, motion: Motion) {
        let (period, more, amplitude) = motion.shape();
        self.motion = motion;
        self.period = period + self.random(more);
        // Three to five quarters.
        self.amplitude = amplitude * (12 + self.random(9) as i32) / 16;
    }

    /// What it does.
    pub fn motion(&self) -> Motion {
        self.motion
    }

    /// The next sample.
    pub fn sample(&mut self) -> [i16; 3] {
        let phase = self.sample % self.period;
        self.sample = self.sample.wrapping_add(1);
        let position = phase as i32 * 4 * ONE / self.period as i32;
        let wave = match position {
            0..ONE => position,
            ONE..THREE => 2 * ONE - position,
            _ => position - 4 * ONE,
        };
        let along = wave * self.amplitude / ONE;
        let noise = [(); 3].map(|()| self.random(2 * NOISE + 1) as i16 - NOISE as i16);
        let [a, b, c] = noise;
        self.turned([along as i16 + a, b, G + c])
    }

    /// The axes in another order, and perhaps the other way around.
    fn turned(&self, [a, b, c]: [i16; 3]) -> [i16; 3] {
        let [a, b, c] = match self.orientation / 4 {
            0 => [a, b, c],
            1 => [b, c, a],
            2 => [c, a, b],
            3 => [b, a, c],
            4 => [a, c, b],
            _ => [c, b, a],
        };
        match self.orientation % 4 {
            0 => [a, b, c],
            1 => [-a, -b, c],
            2 => [a, -b, -c],
            _ => [-a, b, -c],
        }
    }

    /// A number below `below`, by SplitMix32.
    fn random(&mut self, below: u32) -> u32 {
        self.random = self.random.wrapping_add(0x9e37_79b9);
        let mut z = self.random;
        z = (z ^ (z >> 16)).wrapping_mul(0x21f0_aaad);
        z = (z ^ (z >> 15)).wrapping_mul(0x735a_2d97);
        (z ^ (z >> 15)) % below
    }
}

impl Sensor<3> for Moved {
    type Error = Infallible;

    fn read(&mut self) -> Result<[i16; 3], Infallible> {
        Ok(self.sample())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::magnitude::magnitude;

    proptest! {
        /// A device at rest measures 1 g however it is held, one that is shaken measures more at times.
        #[test]
        fn the_magnitude_tells_rest_from_motion(seed in any::<u32>()) {
            let most = |motion| {
                let mut moved = Moved::new(motion, seed);
                (0..64).map(|_| magnitude(moved.sample())).max().unwrap()
            };
            let most_noise = NOISE as u16 + 1;
            prop_assert!(most(Motion::Still).abs_diff(G as u16) <= most_noise);
            prop_assert!(most(Motion::Shake) > G as u16 + 50);
            prop_assert!(most(Motion::Swing) > G as u16 + 20);
        }
    }
}
