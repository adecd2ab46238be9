//! The quantisation schemes of a network: one for all layers, or one for each.

use std::fmt;
use std::str::FromStr;

use lstm_nostd::kernels::Scheme;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::network::{Direction, LayerDirections, NetworkConfig};

/// As on the command line, `w8a8` or `w4a16,w8a16`, a convolution and recurrent layers first; in a configuration a name
/// or a list of names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schemes(Vec<Scheme>);

/// There are neither one scheme nor as many as layers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{schemes} names {} schemes, and the network has {} layers, {}{recurrent} {kind} and {dense} dense; name one for all layers, or one for each",
    schemes.0.len(), conv + recurrent + dense, if *conv > 0 { "1 convolution, " } else { "" }
)]
pub struct SchemeCount {
    schemes: Schemes,
    conv: usize,
    kind: &'static str,
    recurrent: usize,
    dense: usize,
}

impl Schemes {
    /// The one of all layers, if it is one.
    pub fn single(&self) -> Option<Scheme> {
        match self.0.as_slice() {
            [all] => Some(*all),
            _ => None,
        }
    }

    /// Of each layer of a network in the order of [`NetworkConfig::layers`]: a convolution, recurrent layers, dense
    /// layers. Both halves of a bidirectional layer have the same: it is one layer.
    ///
    /// # Errors
    /// [`SchemeCount`]
    pub fn per_layer(&self, network: &NetworkConfig) -> Result<Vec<Scheme>, SchemeCount> {
        if let Some(all) = self.single() {
            return Ok(vec![all; network.layer_count()]);
        }
        let conv = network.first_recurrent();
        let recurrent = LayerDirections::of(network).0.len();
        let dense = network.dense.len() + 1;
        if self.0.len() != conv + recurrent + dense {
            return Err(SchemeCount {
                schemes: self.clone(),
                conv,
                kind: network.cell.title(),
                recurrent,
                dense,
            });
        }
        let mut each = self.0.iter().copied();
        let mut of_layers: Vec<Scheme> = each.by_ref().take(conv).collect();
        for l in 0..network.hidden.len() {
            match network.direction(l) {
                Direction::Beside => of_layers.extend(of_layers.last().copied()),
                Direction::Forward | Direction::Reverse => of_layers.extend(each.next()),
            }
        }
        of_layers.extend(each);
        Ok(of_layers)
    }

    /// The shortest list of which [`per_layer`](Self::per_layer) makes `layers`; `None` if these are not of such a network.
    pub fn of_layers(layers: &[Scheme], network: &NetworkConfig) -> Option<Self> {
        let first = *layers.first()?;
        if layers.iter().all(|scheme| *scheme == first) {
            return Some(first.into());
        }
        let conv = network.first_recurrent();
        let is_second_half = |layer: usize| {
            let l = layer.checked_sub(conv);
            let l = l.filter(|l| *l < network.hidden.len());
            l.is_some_and(|l| network.is_beside(l))
        };
        let each = layers.iter().enumerate();
        let each = each.filter(|(layer, _)| !is_second_half(*layer));
        let schemes = Self(each.map(|(_, scheme)| *scheme).collect());
        let is_same = schemes.per_layer(network).as_deref() == Ok(layers);
        is_same.then_some(schemes)
    }

    fn from_names<'a>(names: impl Iterator<Item = &'a str>) -> Result<Self, String> {
        let scheme = |name: &str| {
            let known = Scheme::ALL.map(Scheme::name).join(", ");
            let unknown = || format!("no scheme {name:?}; there are {known}");
            Scheme::from_name(name.trim()).ok_or_else(unknown)
        };
        let schemes: Vec<Scheme> = names.map(scheme).collect::<Result<_, _>>()?;
        match schemes.is_empty() {
            true => Err("an empty list; name one scheme for all layers, or one for each".into()),
            false => Ok(Self(schemes)),
        }
    }
}

impl From<Scheme> for Schemes {
    fn from(all: Scheme) -> Self {
        Self(vec![all])
    }
}

impl Default for Schemes {
    fn default() -> Self {
        Scheme::default().into()
    }
}

impl fmt::Display for Schemes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.0.iter().map(|scheme| scheme.name()).collect();
        f.write_str(&names.join(","))
    }
}

impl FromStr for Schemes {
    type Err = String;

    /// Names separated by commas.
    fn from_str(text: &str) -> Result<Self, String> {
        Self::from_names(text.split(','))
    }
}

impl Serialize for Schemes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.single() {
            Some(all) => all.name().serialize(serializer),
            None => serializer.collect_seq(self.0.iter().map(|scheme| scheme.name())),
        }
    }
}

impl<'de> Deserialize<'de> for Schemes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(
            untagged,
            expecting = "the name of a scheme, or a list with one name for each layer"
        )]
        enum Form {
            All(String),
            Each(Vec<String>),
        }
        let schemes = match Form::deserialize(deserializer)? {
            Form::All(name) => name.parse(),
            Form::Each(names) => Self::from_names(names.iter().map(String::as_str)),
        };
        schemes.map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::network::{Cell, Head, Mode};

    proptest! {
        #[test]
        fn schemes_are_read_as_they_are_written_and_given_to_each_layer(
            all in prop::collection::vec(prop::sample::select(Scheme::ALL.to_vec()), 1..6),
            (lstm, dense) in (1usize..4, 0usize..3),
        ) {
            let schemes = Schemes(all.clone());
            prop_assert_eq!(schemes.to_string().parse(), Ok(schemes.clone()));
            let written = serde_json::to_string(&schemes).unwrap();
            prop_assert_eq!(serde_json::from_str::<Schemes>(&written).unwrap(), schemes.clone());
            let network = NetworkConfig {
                inputs: 1,
                conv: None,
                directions: Vec::new(),
                hidden: vec![2; lstm],
                cell: Cell::Lstm { peepholes: false },
                dense: vec![2; dense],
                outputs: 2,
                head: Head::Softmax,
                mode: Mode::SequenceToOne,
            };
            match schemes.per_layer(&network) {
                Ok(found) if all.len() == 1 => prop_assert!(found.iter().all(|s| *s == all[0])),
                Ok(found) => {
                    prop_assert_eq!(&found, &all);
                    let again = Schemes::of_layers(&found, &network);
                    let again = again.and_then(|again| again.per_layer(&network).ok());
                    prop_assert_eq!(again, Some(found));
                }
                Err(error) => {
                    let said = error.to_string();
                    prop_assert!(all.len() > 1 && all.len() != lstm + dense + 1);
                    prop_assert!(said.contains(&format!("{} layers", lstm + dense + 1)), "{}", said);
                }
            }
        }
    }

    #[test]
    fn a_bidirectional_layer_has_one_scheme() {
        let network = NetworkConfig {
            inputs: 1,
            conv: None,
            directions: vec![Direction::Forward, Direction::Beside, Direction::Reverse],
            hidden: vec![2; 3],
            cell: Cell::Gru,
            dense: vec![],
            outputs: 2,
            head: Head::Softmax,
            mode: Mode::SequenceToOne,
        };
        let found = |text: &str| text.parse::<Schemes>().unwrap().per_layer(&network);
        let [a, b, c] = [Scheme::W8a8, Scheme::W4a16, Scheme::W8a16];
        assert_eq!(found("w8a8,w4a16,w8a16"), Ok(vec![a, a, b, c]));
        let list = |layers: &[Scheme]| Schemes::of_layers(layers, &network);
        assert_eq!(list(&[a, a, b, c]), "w8a8,w4a16,w8a16".parse().ok());
        assert_eq!(list(&[c, c, c, c]), Some(c.into()));
        assert_eq!(
            [list(&[a, b, b, c]), list(&[a, b]), list(&[])],
            [None, None, None]
        );
        let said = found("w8a8,w8a8,w4a16,w8a16").unwrap_err().to_string();
        assert!(said.contains("3 layers, 2 GRU and 1 dense"), "{said}");
    }

    #[test]
    fn refuses_unknown_schemes_and_empty_lists() {
        assert!("w8a8,w2a2".parse::<Schemes>().unwrap_err().contains("w2a2"));
        let read = |text| {
            serde_json::from_str::<Schemes>(text)
                .unwrap_err()
                .to_string()
        };
        assert!(read("[]").contains("empty list"));
        assert!(read("3").contains("the name of a scheme"));
    }
}
