//! Splits a data set into a training and a validation part, by a seed.
//!
//! Where groups are known they stay whole, since sequences of one person or machine resemble each
//! other, and a model should be chosen by how it does on others. Either way the validation part
//! is given each class in its share, as nearly as whole sequences (or groups) allow.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap, HashMap};

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::split_error::SplitError;
use super::{Dataset, Targets};

/// Indices of the sequences of each part, ascending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// To train on.
    pub train: Vec<usize>,
    /// To choose by.
    pub validation: Vec<usize>,
    /// Whether groups were kept whole.
    pub by_group: bool,
}

/// Splits off about `share` of the sequences, by group where groups are known.
pub fn split(data: &Dataset, share: f64, seed: u64) -> Result<Split, SplitError> {
    if !(share > 0.0 && share < 1.0) {
        return Err(SplitError::Share(share));
    }
    let too_few = |count, of| Err(SplitError::TooFew { count, of });
    match &data.groups {
        Some(groups) => {
            let members = members(groups);
            match members.len() {
                0 | 1 => too_few(members.len(), "groups"),
                _ => Ok(grouped(data, &members, share, seed)),
            }
        }
        None => match data.len() {
            0 | 1 => too_few(data.len(), "sequences"),
            _ => Ok(stratified(data, share, seed)),
        },
    }
}

/// Splits by class; `share` is in 0..1 and there are two sequences or more.
pub(super) fn stratified(data: &Dataset, share: f64, seed: u64) -> Split {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (stratum, count) = strata_of(data);
    let mut strata = vec![Vec::new(); count];
    for (i, stratum) in stratum.into_iter().enumerate() {
        strata[stratum].push(i);
    }
    let sizes: Vec<usize> = strata.iter().map(Vec::len).collect();
    let total = ((share * data.len() as f64).round() as usize).clamp(1, data.len() - 1);
    let mut validation = Vec::with_capacity(total);
    for (members, count) in strata.iter_mut().zip(apportion(&sizes, total)) {
        members.shuffle(&mut rng);
        validation.extend_from_slice(&members[..count]);
    }
    Split::from_validation(validation, data.len(), false)
}

/// Shares `total` out in proportion to `sizes`, by the largest remainder. A class is not used up
/// while another one has sequences to spare.
fn apportion(sizes: &[usize], total: usize) -> Vec<usize> {
    let all = sizes.iter().sum::<usize>() as f64;
    let exact = |i: usize| total as f64 * sizes[i] as f64 / all;
    let mut counts: Vec<usize> = (0..sizes.len()).map(|i| exact(i) as usize).collect();
    let claim = |i: usize, count: usize| {
        (count < sizes[i]).then(|| Claim {
            has_spare: count + 1 < sizes[i],
            owed: exact(i) - count as f64,
            class: i,
        })
    };
    let mut claims: BinaryHeap<Claim> = (counts.iter().enumerate())
        .filter_map(|(i, count)| claim(i, *count))
        .collect();
    for _ in counts.iter().sum::<usize>()..total {
        let Some(Claim { class, .. }) = claims.pop() else {
            break;
        };
        counts[class] += 1;
        claims.extend(claim(class, counts[class]));
    }
    counts
}

/// What a class is owed; the greatest is served next.
#[derive(PartialEq)]
struct Claim {
    has_spare: bool,
    owed: f64,
    class: usize,
}

impl Eq for Claim {}

impl Ord for Claim {
    fn cmp(&self, other: &Self) -> Ordering {
        // Of equals the first, hence the classes in reverse.
        (self.has_spare.cmp(&other.has_spare))
            .then(self.owed.total_cmp(&other.owed))
            .then(other.class.cmp(&self.class))
    }
}

impl PartialOrd for Claim {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Refuses to take a part out of data in which each class occurs so often, if that would be all of a class.
pub(super) fn require_every_class(
    before: Option<&[usize]>,
    taken: &Dataset,
) -> Result<(), SplitError> {
    let (Some(before), Some(gone)) = (before, taken.class_counts()) else {
        return Ok(());
    };
    let is_lost = |class: &usize| gone[*class] > 0 && gone[*class] == before[*class];
    let Some(class) = &(0..gone.len()).find(is_lost) else {
        return Ok(());
    };
    let of_class = |i: &usize| match &taken.targets {
        Targets::Class(classes) => classes[*i] == *class,
        Targets::ClassPerStep(classes) => classes[*i].contains(class),
        Targets::Value(_) | Targets::ValuePerStep(_) => false,
    };
    let members: Vec<usize> = (0..taken.len()).filter(of_class).collect();
    let why = match &taken.groups {
        Some(groups) => {
            let mut names: Vec<&str> = members.iter().map(|i| groups[*i].as_str()).collect();
            names.sort_unstable();
            names.dedup();
            match names[..] {
                [only] => format!("group {only:?} is all of it"),
                _ => format!("groups {} are all of it", names.join(", ")),
            }
        }
        None if members.len() == 1 => "it is in one sequence only, or in the end of one".into(),
        None => format!(
            "all of its {} sequences fall into the other part",
            members.len()
        ),
    };
    Err(SplitError::NothingOfClass {
        class: taken.outputs[*class].clone(),
        why,
    })
}

/// Groups that have as many sequences of each class as each other, so that none is better than another.
struct Alike {
    /// Sequences of each class that one of them has, where there are any.
    counts: Vec<(usize, f64)>,
    /// Their sequences, in shuffled order; the last group is the next one.
    groups: Vec<Vec<usize>>,
}

impl Alike {
    /// How much nearer one of them brings the classes to their shares.
    fn gain(&self, missing: &[f64]) -> f64 {
        let gain = |(class, count): &(usize, f64)| count * (2.0 * missing[*class] - count);
        self.counts.iter().map(gain).sum()
    }

    /// Whether something is left of each of its classes without it.
    fn spares(&self, in_training: &[f64]) -> bool {
        (self.counts.iter()).all(|(class, count)| *count < in_training[*class])
    }
}

/// What groups would bring when they were last looked at; the greatest is looked at next.
#[derive(PartialEq)]
struct Offer {
    spares: bool,
    gain: f64,
    alike: usize,
}

impl Eq for Offer {}

impl Ord for Offer {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.spares.cmp(&other.spares))
            .then(self.gain.total_cmp(&other.gain))
            .then(self.alike.cmp(&other.alike))
    }
}

impl PartialOrd for Offer {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The groups in shuffled order, those that are alike together.
fn alike(members: &[Vec<usize>], stratum: &[usize], seed: u64) -> Vec<Alike> {
    let mut shuffled: Vec<&Vec<usize>> = members.iter().collect();
    shuffled.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    let mut known = HashMap::<Vec<(usize, usize)>, usize>::new();
    let mut all = Vec::new();
    for group in shuffled {
        let mut counts = BTreeMap::<usize, usize>::new();
        for i in group {
            *counts.entry(stratum[*i]).or_default() += 1;
        }
        let counts: Vec<(usize, usize)> = counts.into_iter().collect();
        let new = all.len();
        let at = *known.entry(counts.clone()).or_insert(new);
        if at == new {
            all.push(Alike {
                counts: (counts.into_iter().map(|(class, n)| (class, n as f64))).collect(),
                groups: Vec::new(),
            });
        }
        all[at].groups.push(group.clone());
    }
    all
}

/// Adds whole groups, each time the one that brings the classes nearest to their share. A group that is all that is
/// left of a class is taken last.
///
/// What a group brings only becomes less, so that the best of the old offers is the best if it still stands. Of two
/// groups or more, the last one is all that is left of its classes, and stays.
fn grouped(data: &Dataset, members: &[Vec<usize>], share: f64, seed: u64) -> Split {
    let (stratum, strata) = strata_of(data);
    let mut in_training = vec![0.0; strata];
    (stratum.iter()).for_each(|class| in_training[*class] += 1.0);
    let mut missing: Vec<f64> = in_training.iter().map(|n| n * share).collect();
    let mut alike = alike(members, &stratum, seed);
    let offer = |at: usize, of: &Alike, missing: &[f64], in_training: &[f64]| Offer {
        spares: of.spares(in_training),
        gain: of.gain(missing),
        alike: at,
    };
    let mut offers: BinaryHeap<Offer> = (alike.iter().enumerate())
        .map(|(at, of)| offer(at, of, &missing, &in_training))
        .collect();
    let mut validation = Vec::new();
    while let Some(best) = offers.pop() {
        let at = best.alike;
        let now = offer(at, &alike[at], &missing, &in_training);
        if now != best {
            offers.push(now);
            continue;
        }
        if (!now.spares || now.gain <= 0.0) && !validation.is_empty() {
            break;
        }
        let Some(group) = alike[at].groups.pop() else {
            continue;
        };
        validation.extend(group);
        for (class, count) in &alike[at].counts {
            missing[*class] -= count;
            in_training[*class] -= count;
        }
        if !alike[at].groups.is_empty() {
            offers.push(offer(at, &alike[at], &missing, &in_training));
        }
    }
    Split::from_validation(validation, data.len(), true)
}

/// The sequences of each group, in the order of the groups' names.
pub(super) fn members(groups: &[String]) -> Vec<Vec<usize>> {
    let mut members = BTreeMap::<&str, Vec<usize>>::new();
    for (i, group) in groups.iter().enumerate() {
        members.entry(group).or_default().push(i);
    }
    members.into_values().collect()
}

/// The class of each sequence (one for all if it has no class of its own), and how many there are.
pub(super) fn strata_of(data: &Dataset) -> (Vec<usize>, usize) {
    match &data.targets {
        Targets::Class(classes) => (classes.clone(), data.outputs.len()),
        Targets::ClassPerStep(_) | Targets::Value(_) | Targets::ValuePerStep(_) => {
            (vec![0; data.len()], 1)
        }
    }
}

impl Split {
    fn from_validation(mut validation: Vec<usize>, len: usize, by_group: bool) -> Self {
        validation.sort_unstable();
        let train = (0..len)
            .filter(|i| validation.binary_search(i).is_err())
            .collect();
        Self {
            train,
            validation,
            by_group,
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
