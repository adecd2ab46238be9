//! Statistics of motion in place of channels: the last thing that is done to data that was read.
//!
//! ```text
//! sample = round(value · 2^f),  saturated to int16                                            (SM1)
//! ```
//!
//! f is a channel's own, or common to those of a magnitude. Values that are whole numbers of at most 16 bits, as a
//! sensor counts them, stay as they are: f = 0. Else f is the greatest by which the values of the training part need at
//! most half of the range of a sample, so that new recordings may be twice as large.
//!
//! Features come from the integers of the chip. A frame has the target of its last row, where rows have targets.

use lstm_nostd::front_end::{FrontEnd as View, Statistics, Tables};
use rayon::prelude::*;

use super::error::{DataError, Place};
use super::front_end::{FrontEnd, channel_names, features_of};
use super::sound_problem::SoundProblem;
use super::{Dataset, Parts, Recording, Schema, Targets};

/// Values of the training part need at most this much of a sample's range.
const MOST: f64 = 16_384.0;
/// The most fraction bits that the engine takes, either way.
const MOST_BITS: i32 = 112;

/// The schema of data before its channels become the features of a model; `schema` is the model's.
pub(super) fn schema_of_samples(tables: &Tables, schema: &Schema) -> Option<Schema> {
    let View::Statistics(statistics) = tables.view() else {
        return None;
    };
    let (channels, each) = (tables.view().channels(), statistics.statistics().count());
    let first = statistics.statistics().next()?;
    let name = |feature: &String| {
        let end = format!(" {}", first.name());
        feature.strip_suffix(&end).unwrap_or(feature).to_owned()
    };
    let features = schema.channels.iter().step_by(each.max(1));
    Some(Schema {
        channels: features.take(channels).map(name).collect(),
        ..schema.clone()
    })
}

/// Makes features of all parts, with samples that suit the training part.
pub(super) fn of_parts(
    parts: &mut Parts,
    front_end: &FrontEnd,
    place: &Place,
) -> Result<(), DataError> {
    let refused = |problem| place.clone().refuse(problem);
    let channels = parts.train.channels.clone();
    let magnitudes = front_end.magnitudes_of(&channels);
    if let Some(name) = (magnitudes.iter().flatten()).find(|name| !channels.contains(name)) {
        return Err(refused(super::Problem::MissingChannel {
            name: name.clone(),
            have: channels,
        }));
    }
    let bits = match &front_end.fraction_bits {
        Some(bits) if bits.len() == channels.len() => bits.clone(),
        Some(bits) => {
            return Err(refused(super::Problem::Setting {
                key: "front_end.fraction_bits",
                found: format!("{} numbers", bits.len()),
                needed: "as many as the data has channels",
            }));
        }
        None => fraction_bits(&parts.train, &magnitudes),
    };
    let front_end = front_end.of_channels(&channels, bits);
    let tables = front_end.tables_for(place)?;
    for data in parts.all() {
        of_dataset(data, &tables, place)?;
        data.front_end = Some(front_end.clone());
    }
    Ok(())
}

/// Makes features of a data set, with the front end of a model.
pub(super) fn of_dataset(
    data: &mut Dataset,
    tables: &Tables,
    place: &Place,
) -> Result<(), DataError> {
    let View::Statistics(statistics) = tables.view() else {
        return Ok(());
    };
    let view = tables.view();
    let (frame, hop) = (view.frame(), view.hop());
    if let Some(at) = data.sequences.iter().position(|rows| rows.nrows() < frame) {
        let name = data.names.get(at).cloned();
        let short = SoundProblem::ShorterThanFrame {
            recording: name.unwrap_or_else(|| at.to_string()),
            rows: data.sequences[at].nrows(),
            frame,
        };
        return Err(place.clone().refuse(short.into()));
    }
    let recordings = data.recordings().into_par_iter();
    let features = recordings.map(|recording| features_of(&view, &samples(&statistics, recording)));
    let features = features.collect();
    let ends = |rows: usize| (frame - 1..rows).step_by(hop);
    match &mut data.targets {
        Targets::Class(_) | Targets::Value(_) => {}
        Targets::ClassPerStep(all) => {
            for classes in all {
                *classes = ends(classes.len()).map(|end| classes[end]).collect();
            }
        }
        Targets::ValuePerStep(all) => {
            for values in all {
                let ends: Vec<usize> = ends(values.nrows()).collect();
                *values = values.select(ndarray::Axis(0), &ends);
            }
        }
    }
    data.sequences = features;
    data.channels = channel_names(tables, &data.channels);
    (data.offsets, data.gaps) = (Vec::new(), Vec::new());
    Ok(())
}

/// (SM1) of a recording `[T, C]`, row by row.
fn samples(statistics: &Statistics<'_>, recording: Recording<'_>) -> Vec<i16> {
    let values = recording.steps().flat_map(|row| (0..).zip(row));
    let sample = |(channel, value): (usize, f64)| statistics.sample(channel, value as f32);
    values.map(sample).collect()
}

/// What a channel's values ask of f.
#[derive(Clone, Copy)]
struct Fraction {
    /// Whether all values are whole numbers of 16 bits, which stay as they are.
    is_counts: bool,
    /// The greatest f at which they need at most half of a sample's range.
    most_bits: i32,
}

impl Fraction {
    fn of(train: &Dataset, channel: usize) -> Self {
        let values = || {
            let recordings = train.recordings().into_iter();
            recordings.flat_map(move |recording| recording.channel(channel))
        };
        let most = values().fold(0.0, |most: f64, x| most.max(x.abs()));
        let counts = f64::from(i16::MIN)..=f64::from(i16::MAX);
        Self {
            is_counts: values().all(|x| counts.contains(&x) && x.fract() == 0.0),
            most_bits: ((MOST / most).log2().floor() as i32).clamp(-MOST_BITS, MOST_BITS),
        }
    }

    /// What the axes of a magnitude ask together.
    fn and(self, other: Self) -> Self {
        Self {
            is_counts: self.is_counts && other.is_counts,
            most_bits: self.most_bits.min(other.most_bits),
        }
    }

    fn bits(self) -> i8 {
        match self.is_counts {
            true => 0,
            false => self.most_bits as i8,
        }
    }
}

/// f of each channel, `[C]`.
fn fraction_bits(train: &Dataset, magnitudes: &[Vec<String>]) -> Vec<i8> {
    let mut asked: Vec<Fraction> = (0..train.channels.len())
        .into_par_iter()
        .map(|channel| Fraction::of(train, channel))
        .collect();
    // A channel of several magnitudes makes all of theirs equal: as many rounds as there are magnitudes are enough.
    for axes in magnitudes.iter().cycle().take(magnitudes.len().pow(2)) {
        let is_own = |j: &usize| axes.contains(&train.channels[*j]);
        let own: Vec<usize> = (0..asked.len()).filter(is_own).collect();
        let together = own.iter().map(|j| asked[*j]).reduce(Fraction::and);
        if let Some(together) = together {
            own.iter().for_each(|j| asked[*j] = together);
        }
    }
    asked.into_iter().map(Fraction::bits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recording(values: [[f32; 3]; 2]) -> Dataset {
        Dataset {
            channels: ["ax", "ay", "az"].map(str::to_owned).to_vec(),
            sequences: vec![ndarray::arr2(&values)],
            targets: Targets::Class(vec![0]),
            outputs: vec!["a".into(), "b".into()],
            ..Dataset::default()
        }
    }

    #[test]
    fn samples_use_a_quarter_to_a_half_of_their_range_and_counts_stay() {
        let counts = recording([[1.0, -32_768.0, 0.0], [7.0, 32_767.0, 0.0]]);
        assert_eq!(fraction_bits(&counts, &[]), [0, 0, 0]);
        // 16384 / 0.75 lies between 2¹⁴ and 2¹⁵, 16384 / 100 000 between 2⁻³ and 2⁻².
        let other = recording([[0.5, 1e5, 16_384.5], [-0.75, 5.0, 0.0]]);
        assert_eq!(fraction_bits(&other, &[]), [14, -3, -1]);
        let magnitudes = [
            vec!["ax".into(), "ay".into()],
            vec!["ax".into(), "az".into()],
        ];
        assert_eq!(fraction_bits(&other, &magnitudes), [-3, -3, -3]);
        assert_eq!(fraction_bits(&other, &magnitudes[1..]), [-1, -3, -1]);
        // An axis of whole numbers, or of none but zero, leaves the others theirs.
        let still = recording([[0.0, 0.5, 3.0], [0.0, 0.75, 1.0]]);
        assert_eq!(fraction_bits(&still, &[]), [0, 14, 0]);
        let magnitude = [vec!["ax".into(), "ay".into()]];
        assert_eq!(fraction_bits(&still, &magnitude), [14, 14, 0]);
        let all = [["ax", "ay", "az"].map(str::to_owned).to_vec()];
        assert_eq!(fraction_bits(&still, &all), [12, 12, 12]);
    }

    #[test]
    fn names_that_differ_in_an_axis_have_a_magnitude() {
        let names = [
            "t", "acc_x", "acc_y", "acc_z", "gyroX", "gyroY", "gyroZ", "x0", "x1", "x2",
        ];
        let names = names.map(str::to_owned);
        let found = FrontEnd::new(super::super::Features::Statistics).magnitudes_of(&names);
        assert_eq!(found, [names[1..4].to_vec(), names[4..7].to_vec()]);
    }
}
