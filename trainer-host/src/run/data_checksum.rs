//! Which data a run is of: a checksum of each part, so that no stage takes up data that has changed since.

use serde::{Deserialize, Serialize};

use crate::data::{Dataset, Parts};

/// [`Dataset::checksum`] of the parts that a run began with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataChecksum {
    /// What it was trained on.
    train: u32,
    /// Variants of what it was trained on, which only training needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    variants: Option<u32>,
    /// What its weights were chosen by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    validation: Option<u32>,
    /// What nothing was chosen by; absent in a trial of a search, which does not look at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    test: Option<u32>,
}

impl DataChecksum {
    /// Of these parts.
    pub fn of(data: &Parts) -> Self {
        Self {
            train: data.train.checksum(),
            variants: data.train.checksum_of_variants(),
            validation: data.validation.as_ref().map(Dataset::checksum),
            test: data.test.as_ref().map(Dataset::checksum),
        }
    }

    /// Whether `data` has the parts that this is of. A test part or variants more or less say nothing against it.
    pub fn is_of(&self, data: &Parts) -> bool {
        let found = Self::of(data);
        let same =
            |own: Option<u32>, found: Option<u32>| own.is_none() || found.is_none() || own == found;
        (self.train, self.validation) == (found.train, found.validation)
            && same(self.test, found.test)
            && same(self.variants, found.variants)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Options, open_split};

    #[test]
    fn every_part_counts_and_a_missing_test_part_does_not() {
        let mut options = Options::default();
        (options.sizes.train, options.sizes.test) = (Some(60), Some(20));
        let data = open_split("adding", &options, 0.2, 1).unwrap();
        let checksum = DataChecksum::of(&data);
        assert!(checksum.is_of(&data));
        let changes: [fn(&mut Parts) -> &mut Dataset; 3] = [
            |data| &mut data.train,
            |data| data.validation.as_mut().expect("a share of 0.2"),
            |data| data.test.as_mut().expect("20 sequences"),
        ];
        for part in changes {
            let mut other = data.clone();
            part(&mut other).sequences[3][(2, 0)] += 0.25;
            assert!(!checksum.is_of(&other));
        }
        let untested = Parts {
            test: None,
            ..data.clone()
        };
        assert!(checksum.is_of(&untested) && DataChecksum::of(&untested).is_of(&data));
    }
}
