//! Inputs that the integers cannot hold, counted channel by channel.
//!
//! A raw value is clamped to 32 bits, and a first layer's input to its 16 or 8 bits, (I) of the engine. A device
//! goes on with the clamped value; the host counts for it, as it feeds the same raw values.

use lstm_nostd::Parsed;
use rayon::prelude::*;
use serde::Serialize;

use crate::data::Recording;
use crate::integers::stream::input_formats;

/// Values of one channel that are clamped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClampedInput {
    /// Its name.
    pub channel: String,
    /// How many are clamped.
    pub clamped: usize,
    /// Of so many.
    pub values: usize,
}

/// The channels of `model` in which values of `sequences`, each `[T, I]` in real units, are clamped.
pub fn count(model: &Parsed<'_>, sequences: &[Recording<'_>]) -> Vec<ClampedInput> {
    let formats = input_formats(model);
    let width = model.input_width();
    let of_channel = |(j, name): (usize, &str)| {
        let channel = model.input_channel(j).unwrap_or_default();
        let is_clamped = |value: &f64| {
            let raw = formats[j].raw(*value);
            formats[j].is_beyond(*value) || channel.clamps(raw, width)
        };
        let clamped = (sequences.par_iter())
            .map(|sequence| sequence.channel(j).filter(is_clamped).count())
            .sum();
        ClampedInput {
            channel: name.to_owned(),
            clamped,
            values: sequences.iter().map(|s| s.channel(j).count()).sum(),
        }
    };
    let channels = model.input_names().enumerate().map(of_channel);
    channels.filter(|channel| channel.clamped > 0).collect()
}

impl ClampedInput {
    /// In words.
    pub fn describe(&self) -> String {
        let share = 100.0 * self.clamped as f64 / self.values.max(1) as f64;
        format!(
            "{}: {} of {} values ({share:.2} %)",
            self.channel, self.clamped, self.values
        )
    }
}

/// A line for each channel, in words; nothing where there is none.
pub fn to_text(channels: &[ClampedInput]) -> String {
    let line = |channel: &ClampedInput| {
        format!(
            "clamped     {}, too far from the training part's values\n",
            channel.describe()
        )
    };
    channels.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use lstm_nostd::artifact::RandomModel;
    use lstm_nostd::{InputChannel, Model};
    use ndarray::array;

    use super::*;

    #[test]
    fn values_beyond_the_first_layer_s_range_and_beyond_32_bits_are_counted() {
        let shape = RandomModel {
            inputs: 2,
            hidden: vec![1],
            outputs: 1,
            ..RandomModel::default()
        };
        let mut file = shape.build();
        // x = (raw − 100) · 2¹⁰ in int16: 31 is the largest distance.
        file.channels[0] = InputChannel {
            mean: 100,
            mult: 1 << 30,
            shift: 12,
            ..InputChannel::default()
        };
        // Nothing of 32 bits leaves int16.
        file.channels[1] = InputChannel {
            mult: 1 << 15,
            ..InputChannel::default()
        };
        let bytes = file.to_bytes().unwrap();
        let model = Model::parse(&bytes).unwrap();
        let sequence = array![
            [100.0, 2e9],
            [131.0, 0.0],
            [132.0, -2e9],
            [68.0, 3e9],
            [67.0, 1.0]
        ];
        let found = count(&model, &[(&sequence).into(), (&sequence).into()]);
        let counts: Vec<_> = found
            .iter()
            .map(|c| (c.channel.as_str(), c.clamped, c.values))
            .collect();
        assert_eq!(counts, [("in0", 4, 10), ("in1", 2, 10)]);
        assert!(to_text(&found).contains("in0: 4 of 10 values (40.00 %)"));
        assert!(count(&model, &[(&array![[100.0, 0.0]]).into()]).is_empty());
    }
}
