use ndarray::Array2;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// A sequence of each of these classes, which are below four.
pub(in crate::data) fn data(classes: Vec<usize>, groups: Option<Vec<String>>) -> Dataset {
    Dataset {
        channels: vec!["x".into()],
        sequences: vec![Array2::zeros((1, 1)); classes.len()],
        targets: Targets::Class(classes),
        outputs: (0..4).map(|class| class.to_string()).collect(),
        groups,
        ..Dataset::default()
    }
}

proptest! {
    #[test]
    fn every_class_has_its_share(
        classes in vec(0..4usize, 2..200), share in 0.05..0.95f64, seed: u64,
    ) {
        let data = data(classes.clone(), None);
        let split = split(&data, share, seed).unwrap();
        let mut all = [split.train.clone(), split.validation.clone()].concat();
        all.sort_unstable();
        prop_assert_eq!(all, (0..classes.len()).collect::<Vec<_>>());
        prop_assert!(!split.train.is_empty() && !split.validation.is_empty());
        for class in 0..4 {
            let of = |part: &[usize]| part.iter().filter(|i| classes[**i] == class).count();
            let exact = share * (of(&split.train) + of(&split.validation)) as f64;
            // One for rounding, and one that the total may be away from its exact value.
            prop_assert!((of(&split.validation) as f64 - exact).abs() < 2.0);
        }
    }

    #[test]
    fn groups_stay_whole(
        of in vec((0..4usize, 0..9u8), 2..100), share in 0.05..0.95f64, seed: u64,
    ) {
        let groups: Vec<String> = of.iter().map(|(_, group)| group.to_string()).collect();
        let data = data(of.iter().map(|(class, _)| *class).collect(), Some(groups.clone()));
        match split(&data, share, seed) {
            Ok(split) => {
                prop_assert!(split.by_group);
                prop_assert!(!split.train.is_empty() && !split.validation.is_empty());
                prop_assert_eq!(split.train.len() + split.validation.len(), data.len());
                for i in &split.validation {
                    prop_assert!(split.train.iter().all(|j| groups[*j] != groups[*i]));
                }
            }
            Err(error) => {
                prop_assert_eq!(error, SplitError::TooFew { count: 1, of: "groups" });
                prop_assert!(groups.iter().all(|group| *group == groups[0]));
            }
        }
    }
}

proptest! {
    #[test]
    fn old_offers_choose_the_groups_that_looking_at_all_of_them_would(
        of in vec((0..4usize, 0..12u8), 2..60), share in 0.05..0.95f64, seed: u64,
    ) {
        let groups: Vec<String> = of.iter().map(|(_, group)| group.to_string()).collect();
        let data = data(of.iter().map(|(class, _)| *class).collect(), Some(groups.clone()));
        let members = members(&groups);
        prop_assume!(members.len() > 1);
        let (stratum, strata) = strata_of(&data);
        let mut all = alike(&members, &stratum, seed);
        let mut in_training = vec![0.0; strata];
        stratum.iter().for_each(|class| in_training[*class] += 1.0);
        let mut missing: Vec<f64> = in_training.iter().map(|n| n * share).collect();
        let mut expected = Vec::new();
        for _ in 1..members.len() {
            let left = (0..all.len()).filter(|at| !all[*at].groups.is_empty());
            let looked_at = left.map(|at| (all[at].spares(&in_training), all[at].gain(&missing), at));
            let best = looked_at.max_by(|a, b| a.partial_cmp(b).unwrap()).unwrap();
            if !expected.is_empty() && (!best.0 || best.1 <= 0.0) {
                break;
            }
            expected.extend(all[best.2].groups.pop().unwrap());
            for (class, count) in &all[best.2].counts {
                missing[*class] -= count;
                in_training[*class] -= count;
            }
        }
        expected.sort_unstable();
        prop_assert_eq!(grouped(&data, &members, share, seed).validation, expected);
    }
}

#[test]
fn a_seed_determines_the_split() {
    let data = data((0..100).map(|i| i % 4).collect(), None);
    assert_eq!(split(&data, 0.2, 1), split(&data, 0.2, 1));
    assert_ne!(split(&data, 0.2, 1), split(&data, 0.2, 2));
}

/// Remainders of `total · size / all`: 0.5, 0.5, 0; 0.59, 0.41; 0.86, 0.57, 0.57; 0.11, 0.89.
#[test]
fn what_is_left_goes_to_the_largest_remainder_and_uses_no_class_up() {
    for (sizes, total, expected) in [
        (&[5, 3, 2][..], 5, &[3, 1, 1][..]),
        (&[13, 4], 6, &[5, 1]),
        (&[1, 3, 3], 6, &[1, 3, 2]),
        (&[7, 2], 4, &[3, 1]),
        // Classes of one sequence keep it as long as another class has one to spare.
        (&[1, 1, 8], 5, &[0, 0, 5]),
        (&[1, 9], 1, &[0, 1]),
        (&[10, 1], 10, &[9, 1]),
    ] {
        assert_eq!(apportion(sizes, total), expected, "{sizes:?}");
    }
}

/// The fall of the sum of squared distances: 3² − 1² + 0.25² − 0.75².
#[test]
fn a_group_gains_what_it_brings_the_classes_nearer_to_their_shares() {
    let group = Alike {
        counts: vec![(0, 2.0), (2, 1.0)],
        groups: Vec::new(),
    };
    assert_eq!(group.gain(&[3.0, 9.0, 0.25]), 7.5);
    assert!(group.spares(&[3.0, 0.0, 2.0]));
    assert!(!group.spares(&[3.0, 0.0, 1.0]));
}

#[test]
fn both_parts_of_two_have_one() {
    for groups in [None, Some(vec!["ann".to_owned(), "bob".to_owned()])] {
        for share in [0.05, 0.95] {
            let split = split(&data(vec![0, 0], groups.clone()), share, 3).unwrap();
            assert_eq!([split.train.len(), split.validation.len()], [1, 1]);
        }
    }
}

#[test]
fn a_class_that_would_be_lost_is_refused_with_the_reason() {
    let named = |names: [&str; 3]| Some(names.map(str::to_owned).to_vec());
    for (groups, before, why) in [
        (None, [2, 2, 0, 0], None),
        (None, [1, 2, 0, 0], Some("it is in one sequence only")),
        (None, [2, 1, 0, 0], Some("it is in one sequence only")),
        (named(["a", "a", "b"]), [1, 3, 0, 0], Some("group \"a\" is")),
    ] {
        let taken = data(vec![0, 1, 2], groups);
        let before = [before[0], before[1], 5, 0];
        let found = require_every_class(Some(&before), &taken).err();
        let found = found.map(|error| error.to_string());
        match (&found, why) {
            (Some(found), Some(why)) => assert!(found.contains(why), "{found}"),
            _ => assert_eq!(found.as_deref(), why),
        }
    }
    let several = data(vec![3, 0, 3], None);
    let found = require_every_class(Some(&[9, 9, 9, 2]), &several).unwrap_err();
    assert!(found.to_string().contains("all of its 2 sequences"));
    let several = data(vec![3, 0, 3], named(["b", "a", "a"]));
    let found = require_every_class(Some(&[9, 9, 9, 2]), &several).unwrap_err();
    assert!(found.to_string().contains("groups a, b are all of it"));
    assert_eq!(require_every_class(None, &several), Ok(()));
    let steps = Dataset {
        targets: Targets::ClassPerStep(vec![vec![0, 1], vec![1, 2], vec![1]]),
        ..data(vec![0; 3], named(["a", "b", "c"]))
    };
    let found = require_every_class(Some(&[9, 9, 1, 9]), &steps).unwrap_err();
    assert!(found.to_string().contains("group \"b\" is all of it"));
}

#[test]
fn a_class_of_two_is_in_both_parts() {
    let data = data([vec![0; 8], vec![1; 2]].concat(), None);
    let split = split(&data, 0.5, 1).unwrap();
    assert_eq!(split.validation.iter().filter(|i| **i >= 8).count(), 1);
}

#[test]
fn refuses_share() {
    for share in [0.0, 1.0, -0.5, f64::NAN] {
        let error = split(&data(vec![0, 1], None), share, 0).unwrap_err();
        assert!(error.to_string().contains("leaves one part empty"));
    }
}

#[test]
fn groups_with_as_many_of_each_class_are_alike() {
    // "a" and "d" have two of class 1, "b" has one of each, and "c" one of class 1.
    let classes = [1, 1, 0, 1, 1, 1, 1];
    let groups = ["a", "a", "b", "b", "c", "d", "d"].map(str::to_owned);
    let mut found: Vec<_> = alike(&members(&groups), &classes, 5)
        .into_iter()
        .map(|Alike { counts, mut groups }| {
            groups.sort_unstable();
            (counts, groups)
        })
        .collect();
    found.sort_by(|a, b| a.1.cmp(&b.1));
    let expected = [
        (vec![(1, 2.0)], vec![vec![0, 1], vec![5, 6]]),
        (vec![(0, 1.0), (1, 1.0)], vec![vec![2, 3]]),
        (vec![(1, 1.0)], vec![vec![4]]),
    ];
    assert_eq!(found, expected);
}

#[test]
fn refuses_too_few() {
    let one = data(vec![0, 1], Some(vec!["ann".into(); 2]));
    let error = split(&one, 0.5, 0).unwrap_err();
    assert_eq!(
        error,
        SplitError::TooFew {
            count: 1,
            of: "groups"
        }
    );
    let error = split(&data(vec![0], None), 0.5, 0).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("1 sequences cannot be divided")
    );
}
