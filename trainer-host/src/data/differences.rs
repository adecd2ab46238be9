//! Changes from row to row in place of values, as the inputs of a forecast.
//!
//! ```text
//! d_{t,j} = x_{t,j} − x_{t−1,j}                                                              (DF1)
//! ```
//!
//! A level that no training row had is new to a network, while the changes around it are like those that it knows. A
//! window has the changes `[L, C]` of its L rows, the first one from the row before the window. What the values are in
//! a window's last row, its *levels*, `[C]`, stays beside it: a forecast of changes begins there. Levels and changes give
//! every value of the window again.
//!
//! Source: Box and Jenkins 1970, *Time Series Analysis: Forecasting and Control*, chapter 4.

use std::borrow::Cow;

use ndarray::{Array2, s};

use super::{Dataset, Schema, offset_of};

/// Name of the change of a channel: `OT[0]-OT[-1]` for `OT`.
pub(super) fn name(channel: &str) -> String {
    format!("{channel}[0]-{channel}[-1]")
}

/// The channel that a change of this name is of; the name itself if it is no such name.
pub(super) fn value_name(name: &str) -> &str {
    let twice = name.strip_suffix("[-1]");
    let channel = twice.and_then(|twice| twice.get(..twice.len().checked_sub(4)? / 2));
    channel
        .filter(|channel| self::name(channel) == name)
        .unwrap_or(name)
}

/// What a file has of the channels of a model whose inputs are changes.
pub(super) fn schema_of_values(schema: &Schema) -> Schema {
    let channels = schema.channels.iter().map(|name| value_name(name).into());
    Schema {
        channels: channels.collect(),
        ..schema.clone()
    }
}

/// (DF1) of values `[T, C]`, `[T, C]`; the first row changes nothing.
pub(super) fn of(values: &Array2<f32>) -> Array2<f32> {
    let mut changes = Array2::zeros(values.dim());
    if values.nrows() > 1 {
        let (now, before) = (values.slice(s![1.., ..]), values.slice(s![..-1, ..]));
        changes.slice_mut(s![1.., ..]).assign(&(&now - &before));
    }
    changes
}

impl Dataset {
    /// The values of sequence `i`, `[T, C]`, less the offsets of what was read: those of its rows where its channels
    /// are changes (DF1), or else the sequence itself.
    ///
    /// Panics if there is none.
    pub fn values(&self, i: usize) -> Cow<'_, Array2<f32>> {
        let changes = &self.sequences[i];
        let Some(levels) = self.levels.get(i) else {
            return Cow::Borrowed(changes);
        };
        let of_file = self.origin.as_ref().and_then(|origin| origin.of_file());
        let offset = |j: usize| of_file.map_or(0.0, |n| offset_of(&n.offset, j));
        let mut values = changes.clone();
        for (j, mut column) in values.columns_mut().into_iter().enumerate() {
            let mut value = levels[j] - offset(j);
            for change in column.iter_mut().rev() {
                let before = value - f64::from(*change);
                *change = value as f32;
                value = before;
            }
        }
        Cow::Owned(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;
    use proptest::prelude::*;

    #[test]
    fn a_name_leads_back_to_its_channel() {
        for channel in ["OT", "", "[-1]", "a[0]-a[-1]", "Öl"] {
            assert_eq!(value_name(&name(channel)), channel);
        }
        for other in ["OT", "x[-1]", "a[0]-b[-1]", "Ö[0]-O[-1]", "[-1]"] {
            assert_eq!(value_name(other), other);
        }
    }

    #[test]
    fn the_first_row_changes_nothing() {
        let values = array![[1.0, 10.0], [3.0, 9.0], [2.0, 9.0]];
        assert_eq!(of(&values), array![[0.0, 0.0], [2.0, -1.0], [-1.0, 0.0]]);
    }

    proptest! {
        /// Levels and changes give the values again, and a constant changes nothing.
        #[test]
        fn values_come_back(all in prop::collection::vec(-1000i16..1000, 1..30), constant in -1000i16..1000) {
            let column = |shift: i16| {
                let values = all.iter().map(|v| f32::from(*v) + f32::from(shift));
                Array2::from_shape_vec((all.len(), 1), values.collect()).unwrap()
            };
            let values = column(0);
            prop_assert_eq!(of(&values), of(&column(constant)));
            let data = Dataset {
                levels: vec![vec![f64::from(*all.last().unwrap())]],
                sequences: vec![of(&values)],
                ..Dataset::default()
            };
            let found = data.values(0);
            prop_assert_eq!(found.as_ref(), &values);
        }
    }
}
