//! Which way the recurrent layers run over time, as a configuration says it.
//!
//! Users count layers as PyTorch, Keras and ONNX do: a bidirectional layer of H units is one layer with H units each way. A
//! [`NetworkConfig`] has its halves one after the other, see [`Direction::Beside`].

use std::fmt;
use std::str::FromStr;

use lstm_nostd::Direction;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::network::NetworkConfig;

/// Which way a layer runs over time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LayerDirection {
    /// From the first step to the last.
    #[default]
    Forward,
    /// From the last step of each sequence to its first.
    Reverse,
    /// A half of the layer runs forwards and a half in reverse; what they hand on stands side by side.
    Bidirectional,
}

impl LayerDirection {
    /// Every way, named as ONNX does.
    pub const ALL: [Self; 3] = [Self::Forward, Self::Reverse, Self::Bidirectional];

    /// As in a configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Reverse => "reverse",
            Self::Bidirectional => "bidirectional",
        }
    }

    /// Of its recurrent layers in a [`NetworkConfig`].
    const fn halves(self) -> &'static [Direction] {
        match self {
            Self::Forward => &[Direction::Forward],
            Self::Reverse => &[Direction::Reverse],
            Self::Bidirectional => &[Direction::Forward, Direction::Beside],
        }
    }
}

/// The direction of all recurrent layers, or of each: on the command line `bidirectional` or `bidirectional,forward`, in a
/// configuration a name or a list of names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerDirections(Vec<LayerDirection>);

impl LayerDirections {
    /// Whether there is one for all layers, or one for each of so many.
    pub fn suit(&self, layers: usize) -> bool {
        self.0.len() == 1 || self.0.len() == layers
    }

    /// Whether all layers have the same.
    pub fn is_one(&self) -> bool {
        self.0.len() == 1
    }

    /// Whether a layer runs backwards, so that the network answers for whole windows alone.
    pub fn need_windows(&self) -> bool {
        (self.0.iter()).any(|direction| *direction != LayerDirection::Forward)
    }

    /// Units and directions of the recurrent layers in a [`NetworkConfig`], from the units of each layer.
    pub fn halves(&self, hidden: &[usize]) -> (Vec<usize>, Vec<Direction>) {
        if !self.need_windows() {
            return (hidden.to_vec(), Vec::new());
        }
        let last = self.0.last().copied().unwrap_or_default();
        let each = self.0.iter().copied().chain(std::iter::repeat(last));
        (hidden.iter().zip(each))
            .flat_map(|(units, layer)| layer.halves().iter().map(|half| (*units, *half)))
            .unzip()
    }

    /// Units and direction of each layer of `network`; of a bidirectional one the units of the half that runs forwards.
    pub fn of(network: &NetworkConfig) -> (Vec<usize>, Self) {
        let mut hidden = Vec::new();
        let mut directions = Vec::new();
        for (l, units) in network.hidden.iter().enumerate() {
            match network.direction(l) {
                Direction::Forward => directions.push(LayerDirection::Forward),
                Direction::Reverse => directions.push(LayerDirection::Reverse),
                Direction::Beside => {
                    directions.pop();
                    directions.push(LayerDirection::Bidirectional);
                    continue;
                }
            }
            hidden.push(*units);
        }
        let first = directions.first().copied().unwrap_or_default();
        if directions.iter().all(|direction| *direction == first) {
            directions = vec![first];
        }
        (hidden, Self(directions))
    }

    fn from_names<'a>(names: impl Iterator<Item = &'a str>) -> Result<Self, String> {
        let direction = |name: &str| {
            let all = LayerDirection::ALL;
            let found = all.into_iter().find(|one| one.name() == name.trim());
            let known = || all.map(LayerDirection::name).join(", ");
            found.ok_or_else(|| format!("no direction {name:?}; there are {}", known()))
        };
        let directions: Vec<LayerDirection> = names.map(direction).collect::<Result<_, _>>()?;
        match directions.is_empty() {
            true => Err("an empty list; name one direction for all layers, or one for each".into()),
            false => Ok(Self(directions)),
        }
    }
}

impl NetworkConfig {
    /// Whether recurrent layer `l` is the second half of a bidirectional one: it reads what the layer before it reads.
    pub fn is_beside(&self, l: usize) -> bool {
        self.direction(l) == Direction::Beside
    }

    /// The layer that reads what recurrent layer `l` hands on, as a number from the first recurrent layer on.
    pub fn layer_above(&self, l: usize) -> usize {
        l + 1 + usize::from(self.is_beside(l + 1))
    }

    /// Whether each bidirectional layer has as many units each way.
    pub fn has_equal_halves(&self) -> bool {
        let of = |l: usize| self.hidden.get(l);
        let layers = 1..self.hidden.len();
        let mut halves = layers.filter(|l| self.is_beside(*l));
        halves.all(|l| of(l) == of(l - 1))
    }

    /// The number of the layer that recurrent layer `l` is or is a half of, from 0.
    pub fn layer_number(&self, l: usize) -> usize {
        l.saturating_sub((0..=l).filter(|below| self.is_beside(*below)).count())
    }

    /// What recurrent layer `l` is, for example `LSTM layer 1, reverse half`: layers count from 0, and a bidirectional one has
    /// two halves.
    pub fn recurrent_title(&self, l: usize) -> String {
        let (number, way) = (self.layer_number(l), self.way(l));
        format!("{} layer {number}{way}", self.cell.title())
    }

    /// The same in short, for example `lstm.1, reverse half`.
    pub fn recurrent_name(&self, l: usize) -> String {
        format!(
            "{}.{}{}",
            self.cell.name(),
            self.layer_number(l),
            self.way(l)
        )
    }

    /// Which way recurrent layer `l` runs, behind its name.
    fn way(&self, l: usize) -> &'static str {
        match (self.direction(l), self.direction(l + 1)) {
            (Direction::Beside, _) => ", reverse half",
            (Direction::Forward, Direction::Beside) => ", forward half",
            (Direction::Reverse, _) => ", in reverse",
            (Direction::Forward, _) => "",
        }
    }

    /// Units of the recurrent layers, and which way these run if one runs backwards: `[32, 16] (bidirectional,forward; whole
    /// windows only)`.
    pub fn recurrent_text(&self) -> String {
        let (hidden, directions) = LayerDirections::of(self);
        match (self.is_of_windows(), self.has_equal_halves()) {
            (false, _) => format!("{hidden:?}"),
            (true, true) => format!("{hidden:?} ({directions}; whole windows only)"),
            (true, false) => {
                let names = (0..self.hidden.len()).map(|l| self.direction(l).name());
                let names = names.collect::<Vec<_>>().join(", ");
                format!("{:?} ({names}; whole windows only)", self.hidden)
            }
        }
    }
}

impl From<LayerDirection> for LayerDirections {
    fn from(all: LayerDirection) -> Self {
        Self(vec![all])
    }
}

impl Default for LayerDirections {
    fn default() -> Self {
        LayerDirection::default().into()
    }
}

impl fmt::Display for LayerDirections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.0.iter().map(|direction| direction.name()).collect();
        f.write_str(&names.join(","))
    }
}

impl FromStr for LayerDirections {
    type Err = String;

    /// Names separated by commas.
    fn from_str(text: &str) -> Result<Self, String> {
        Self::from_names(text.split(','))
    }
}

impl Serialize for LayerDirections {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [all] => all.name().serialize(serializer),
            each => serializer.collect_seq(each.iter().map(|direction| direction.name())),
        }
    }
}

impl<'de> Deserialize<'de> for LayerDirections {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(
            untagged,
            expecting = "the name of a direction, or a list with one name for each recurrent layer"
        )]
        enum Form {
            All(String),
            Each(Vec<String>),
        }
        let directions = match Form::deserialize(deserializer)? {
            Form::All(name) => name.parse(),
            Form::Each(names) => Self::from_names(names.iter().map(String::as_str)),
        };
        directions.map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::network::{Cell, Head, Mode};

    proptest! {
        #[test]
        fn directions_are_read_as_written_and_found_again_in_a_network(
            layers in prop::collection::vec(
                (1usize..5, prop::sample::select(LayerDirection::ALL.to_vec())), 1..3),
        ) {
            let (hidden, each): (Vec<usize>, Vec<_>) = layers.into_iter().unzip();
            let directions = LayerDirections(each);
            prop_assert_eq!(directions.to_string().parse(), Ok(directions.clone()));
            let written = serde_json::to_string(&directions).unwrap();
            prop_assert_eq!(serde_json::from_str::<LayerDirections>(&written).unwrap(), directions.clone());
            prop_assert!(directions.suit(hidden.len()));
            let (units, halves) = directions.halves(&hidden);
            let network = NetworkConfig {
                inputs: 1,
                conv: None,
                directions: halves,
                hidden: units,
                cell: Cell::Gru,
                dense: vec![],
                outputs: 2,
                head: Head::Softmax,
                mode: Mode::SequenceToOne,
            };
            prop_assert_eq!(network.validate(), Ok(()));
            prop_assert_eq!(network.is_of_windows(), directions.need_windows());
            let (found, again) = LayerDirections::of(&network);
            prop_assert_eq!(&found, &hidden);
            prop_assert_eq!(again.halves(&hidden), directions.halves(&hidden));
        }
    }

    #[test]
    fn one_direction_is_of_all_layers_and_unknown_ones_are_refused() {
        let both: LayerDirections = "bidirectional".parse().unwrap();
        let (hidden, halves) = both.halves(&[3, 2]);
        assert_eq!(hidden, [3, 3, 2, 2]);
        let [forward, beside] = [Direction::Forward, Direction::Beside];
        assert_eq!(halves, [forward, beside, forward, beside]);
        assert!(both.suit(2) && !LayerDirections::default().need_windows());
        let said = "both".parse::<LayerDirections>().unwrap_err();
        assert!(said.contains("forward, reverse, bidirectional"), "{said}");
        let said = serde_json::from_str::<LayerDirections>("[]").unwrap_err();
        assert!(said.to_string().contains("empty list"), "{said}");
    }
}
