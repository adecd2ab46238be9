//! The folds of a cross-validation: every sequence is judged once, by a network that was trained on
//! all other folds.
//!
//! Groups stay whole where they are known. Either way each fold is given each class in its share, as
//! nearly as whole sequences (or groups) allow.

use std::fmt;
use std::str::FromStr;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::Dataset;
use super::split::{members, strata_of};
use super::split_error::SplitError;

/// One of several folds, as in `2/5`: the second of five.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fold {
    /// From 1.
    number: u32,
    /// At least 2.
    count: u32,
}

impl Fold {
    /// All of `count` folds; none if there are fewer than two.
    pub fn all(count: usize) -> impl Iterator<Item = Self> {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let all = (1..=count).map(move |number| Self { number, count });
        all.filter(|fold| fold.count >= 2)
    }

    /// From 1.
    pub fn number(self) -> usize {
        self.number as usize
    }

    /// Into how many folds the data is divided.
    pub fn count(self) -> usize {
        self.count as usize
    }
}

impl fmt::Display for Fold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.count)
    }
}

impl FromStr for Fold {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fold = text.split_once('/').and_then(|(number, count)| {
            let number = number.trim().parse().ok()?;
            let count = count.trim().parse().ok()?;
            (count >= 2 && (1..=count).contains(&number)).then_some(Self { number, count })
        });
        fold.ok_or_else(|| {
            format!("{text:?} is no fold; write its number and how many there are, as in 2/5")
        })
    }
}

impl TryFrom<String> for Fold {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Fold> for String {
    fn from(fold: Fold) -> Self {
        fold.to_string()
    }
}

/// Divides the sequences into `count` folds; the indices of each are ascending.
pub fn folds(data: &Dataset, count: usize, seed: u64) -> Result<Vec<Vec<usize>>, SplitError> {
    if count < 2 {
        return Err(SplitError::Folds(count));
    }
    let groups = data.groups.as_ref().map(|groups| members(groups));
    let (have, of) = match &groups {
        Some(groups) => (groups.len(), "groups"),
        None => (data.len(), "sequences"),
    };
    if have < count {
        return Err(SplitError::FewerThanFolds { have, of, count });
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut folds = match groups {
        Some(groups) => grouped(data, groups, count, &mut rng),
        None => stratified(data, count, &mut rng),
    };
    folds.iter_mut().for_each(|fold| fold.sort_unstable());
    Ok(folds)
}

/// Deals the sequences out class by class; the next class goes on where the last one ended, so that
/// no fold gets the rest of every class.
fn stratified(data: &Dataset, count: usize, rng: &mut ChaCha8Rng) -> Vec<Vec<usize>> {
    let (stratum, strata) = strata_of(data);
    let mut order: Vec<usize> = (0..data.len()).collect();
    order.shuffle(rng);
    let mut members = vec![Vec::new(); strata];
    for i in order {
        members[stratum[i]].push(i);
    }
    let mut folds = vec![Vec::new(); count];
    for (card, i) in members.into_iter().flatten().enumerate() {
        folds[card % count].push(i);
    }
    folds
}

/// Gives each group, the largest first, to the fold that is left nearest to its share of every class.
///
/// With h of a class in a fold, n in the group, and a share of s, that is the fold of the least
/// `Σ (h + n − s)² − (h − s)²`, summed over the classes. All but `2 Σ h n` of it is the same for every fold.
fn grouped(
    data: &Dataset,
    mut groups: Vec<Vec<usize>>,
    count: usize,
    rng: &mut ChaCha8Rng,
) -> Vec<Vec<usize>> {
    let (stratum, strata) = strata_of(data);
    groups.shuffle(rng);
    groups.sort_by_key(|group| std::cmp::Reverse(group.len()));
    let mut folds = vec![Vec::new(); count];
    let mut filled = vec![vec![0usize; strata]; count];
    let groups_in_all = groups.len();
    for (dealt, group) in groups.into_iter().enumerate() {
        let mut counts = vec![0usize; strata];
        group.iter().for_each(|i| counts[stratum[*i]] += 1);
        let alike = |fold: &usize| -> usize {
            let classes = filled[*fold].iter().zip(&counts);
            classes.map(|(have, new)| have * new).sum()
        };
        // The last groups go where there is none yet.
        let is_empty = |fold: &usize| folds[*fold].is_empty();
        let empty = (0..count).filter(is_empty).count();
        let only_empty = groups_in_all - dealt <= empty;
        let chosen = (0..count)
            .filter(|fold| !only_empty || is_empty(fold))
            .min_by_key(alike)
            .unwrap_or(0);
        for (have, new) in filled[chosen].iter_mut().zip(&counts) {
            *have += new;
        }
        folds[chosen].extend(group);
    }
    folds
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::data::split::tests::data;

    proptest! {
        #[test]
        fn folds_partition_the_data_and_balance_the_classes(
            classes in vec(0usize..3, 6..80), count in 2usize..6, seed: u64,
        ) {
            let data = data(classes.clone(), None);
            let folds = folds(&data, count, seed).unwrap();
            let mut all = folds.concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..classes.len()).collect::<Vec<_>>());
            for class in 0..3 {
                let of_class = |fold: &Vec<usize>| fold.iter().filter(|i| classes[**i] == class).count();
                let counts: Vec<usize> = folds.iter().map(of_class).collect();
                prop_assert!(counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1);
            }
            let sizes: Vec<usize> = folds.iter().map(Vec::len).collect();
            prop_assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1);
        }

        #[test]
        fn groups_stay_whole_and_no_fold_is_empty(
            members in vec((0usize..3, 0usize..9), 1..60), count in 2usize..5, seed: u64,
        ) {
            let (classes, groups): (Vec<_>, Vec<_>) =
                members.into_iter().map(|(class, group)| (class, group.to_string())).unzip();
            let known: BTreeSet<&String> = groups.iter().collect();
            prop_assume!(known.len() >= count);
            let folds = folds(&data(classes, Some(groups.clone())), count, seed).unwrap();
            let mut all = folds.concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..groups.len()).collect::<Vec<_>>());
            let groups_of = |fold: &Vec<usize>| -> BTreeSet<&String> { fold.iter().map(|i| &groups[*i]).collect() };
            let in_folds: Vec<_> = folds.iter().map(groups_of).collect();
            prop_assert!(in_folds.iter().all(|fold| !fold.is_empty()));
            prop_assert_eq!(in_folds.iter().map(BTreeSet::len).sum::<usize>(), known.len());
        }
    }

    #[test]
    fn equal_groups_are_shared_out_equally() {
        // Twelve persons with each class twice: four in each of three folds.
        let groups = (0..72).map(|i| (i / 6).to_string()).collect();
        let data = data((0..72).map(|i| i % 3).collect(), Some(groups));
        for seed in 0..5 {
            let folds = folds(&data, 3, seed).unwrap();
            assert_eq!(folds.iter().map(Vec::len).collect::<Vec<_>>(), [24, 24, 24]);
        }
    }

    /// Persons with 6, 5, 4, 3, 2 and 1 sequences of each class: three folds of seven are possible, and dealing the
    /// largest first finds them.
    #[test]
    fn unequal_groups_are_shared_out_equally() {
        let of = [6, 3, 5, 1, 2, 4].into_iter().enumerate();
        let of: Vec<(usize, usize)> = of
            .flat_map(|(person, count)| (0..count).flat_map(move |_| [(0, person), (2, person)]))
            .collect();
        let groups = of.iter().map(|(_, person)| person.to_string()).collect();
        let data = data(of.iter().map(|(class, _)| *class).collect(), Some(groups));
        for seed in 0..5 {
            for fold in folds(&data, 3, seed).unwrap() {
                let of_first = fold.iter().filter(|i| of[**i].0 == 0).count();
                assert_eq!((of_first, fold.len()), (7, 14));
            }
        }
    }

    /// A fold that has most sequences has none of the other class yet.
    #[test]
    fn groups_are_dealt_by_their_classes_and_not_by_their_size() {
        let groups = ["a", "a", "a", "a", "b", "b", "c", "c"].map(String::from);
        let data = data(vec![0, 0, 0, 0, 1, 1, 1, 1], Some(groups.to_vec()));
        for seed in 0..5 {
            for fold in folds(&data, 2, seed).unwrap() {
                assert_eq!(fold.iter().filter(|i| **i >= 4).count(), 2, "{seed}");
            }
        }
    }

    #[test]
    fn as_many_groups_as_folds_are_one_in_each() {
        let names = ["ann", "ben", "cat"].map(String::from);
        for groups in [None, Some(names.to_vec())] {
            let folds = folds(&data(vec![0, 0, 1], groups), 3, 0).unwrap();
            assert_eq!(folds.iter().map(Vec::len).collect::<Vec<_>>(), [1, 1, 1]);
        }
    }

    #[test]
    fn folds_are_numbered_from_one() {
        let all: Vec<_> = Fold::all(3)
            .map(|fold| (fold.number(), fold.count()))
            .collect();
        assert_eq!(all, [(1, 3), (2, 3), (3, 3)]);
        assert_eq!(Fold::all(2).count(), 2);
    }

    #[test]
    fn a_seed_determines_the_folds() {
        let data = data((0..60).map(|i| i % 3).collect(), None);
        assert_eq!(folds(&data, 4, 7), folds(&data, 4, 7));
        assert_ne!(folds(&data, 4, 7), folds(&data, 4, 8));
    }

    #[test]
    fn a_fold_is_written_as_it_is_read() {
        for fold in Fold::all(4) {
            assert_eq!(fold.to_string().parse(), Ok(fold));
            let text = serde_json::to_string(&fold).unwrap();
            assert_eq!(serde_json::from_str::<Fold>(&text).unwrap(), fold);
        }
        for text in ["", "3", "0/3", "4/3", "1/1", "a/b", "1/2/3", "-1/2"] {
            let problem = text.parse::<Fold>().unwrap_err();
            assert!(problem.contains("as in 2/5"), "{text}: {problem}");
        }
        assert_eq!(Fold::all(1).count(), 0);
    }

    #[test]
    fn refuses_folds_that_cannot_be() {
        let words = |data: &Dataset, count| folds(data, count, 0).unwrap_err().to_string();
        assert!(words(&data(vec![0, 1, 2], None), 1).contains("1 folds"));
        assert!(words(&data(vec![0, 1, 2], None), 4).contains("3 sequences cannot fill 4 folds"));
        let one = data(vec![0, 1, 2], Some(vec!["ann".into(); 3]));
        assert!(words(&one, 2).contains("1 groups cannot fill 2 folds"));
    }
}
