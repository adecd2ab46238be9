//! The weight of an error on each class.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::targets::Targets;

/// Weights of the classes: (L7) of [`crate::loss`].
#[derive(Clone, Debug, PartialEq)]
pub enum ClassWeights {
    /// All classes have the same total weight, however rare they are.
    Balanced,
    /// One weight for each class, in the data's order.
    List(Vec<f32>),
}

impl ClassWeights {
    /// The weight of each of `classes` classes for these targets; a class that does not occur has weight 1. `None` if
    /// a list has another length, or the targets are not classes.
    pub fn resolve(&self, targets: &Targets, classes: usize) -> Option<Vec<f32>> {
        let mut counts = vec![0usize; classes];
        match targets {
            Targets::Class(all) => all.iter().for_each(|class| counts[*class] += 1),
            Targets::ClassPerStep(all) => {
                all.iter().flatten().for_each(|class| counts[*class] += 1);
            }
            Targets::Value(_) | Targets::ValuePerStep(_) => return None,
        }
        match self {
            Self::List(weights) => (weights.len() == classes).then(|| weights.clone()),
            Self::Balanced => {
                let total = counts.iter().sum::<usize>() as f64;
                let present = counts.iter().filter(|count| **count > 0).count() as f64;
                let weight = |count: &usize| match count {
                    0 => 1.0,
                    count => (total / (present * *count as f64)) as f32,
                };
                Some(counts.iter().map(weight).collect())
            }
        }
    }
}

impl std::str::FromStr for ClassWeights {
    type Err = String;

    /// `balanced`, or weights separated by commas.
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "balanced" {
            return Ok(Self::Balanced);
        }
        let weights: Result<Vec<f32>, _> = text.split(',').map(|w| w.trim().parse()).collect();
        (weights.map(Self::List))
            .map_err(|_| "give \"balanced\" or one number for each class, as in 1,2.5".into())
    }
}

impl Serialize for ClassWeights {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Balanced => "balanced".serialize(serializer),
            Self::List(weights) => weights.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for ClassWeights {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(
            untagged,
            expecting = "\"balanced\" or a list with one number for each class"
        )]
        enum Form {
            Word(String),
            List(Vec<f32>),
        }
        match Form::deserialize(deserializer)? {
            Form::List(weights) => Ok(Self::List(weights)),
            Form::Word(word) if word == "balanced" => Ok(Self::Balanced),
            Form::Word(word) => Err(serde::de::Error::custom(format!(
                "class_weights is \"{word}\", and must be \"balanced\" or a list with one number \
                 for each class"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Classes 0, 0, 0, 2: N = 4, K = 2; w = 4 / (2 · 3) = 2/3 and 4 / (2 · 1) = 2.
    #[test]
    fn balanced_weights_give_each_class_the_same_sum() {
        let targets = Targets::Class(vec![0, 0, 0, 2]);
        let weights = ClassWeights::Balanced.resolve(&targets, 3).unwrap();
        assert_eq!(weights, [2.0 / 3.0, 1.0, 2.0]);
        let per_step = Targets::ClassPerStep(vec![vec![0, 0], vec![0, 2]]);
        assert_eq!(ClassWeights::Balanced.resolve(&per_step, 3), Some(weights));
    }

    #[test]
    fn a_list_has_a_weight_for_each_class() {
        let targets = Targets::Class(vec![0, 1]);
        let list = |n: usize| ClassWeights::List(vec![2.0; n]);
        assert_eq!(list(2).resolve(&targets, 2), Some(vec![2.0; 2]));
        assert_eq!(list(3).resolve(&targets, 2), None);
        assert_eq!(list(2).resolve(&Targets::Value(vec![]), 2), None);
    }

    #[test]
    fn both_forms_are_read_and_written() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Table {
            weights: ClassWeights,
        }
        for (text, weights) in [
            ("weights = \"balanced\"\n", ClassWeights::Balanced),
            ("weights = [1.0, 2.5]\n", ClassWeights::List(vec![1.0, 2.5])),
        ] {
            let table: Table = toml::from_str(text).unwrap();
            assert_eq!(table, Table { weights });
            assert_eq!(toml::to_string(&table).unwrap(), text);
        }
        let error = toml::from_str::<Table>("weights = \"equal\"").unwrap_err();
        assert!(
            error.to_string().contains("must be \"balanced\""),
            "{error}"
        );
        assert_eq!("1, 2.5".parse(), Ok(ClassWeights::List(vec![1.0, 2.5])));
        assert!("one".parse::<ClassWeights>().is_err());
    }
}
