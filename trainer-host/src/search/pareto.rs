//! Finds the points that no other point beats, if each has several objectives to minimise.
//!
//! ```text
//! a beats b       a_k ≤ b_k for all k, and a_k < b_k for one                           (PF1)
//! front 0         points that none beats; front n: points that none of the rest beats  (PF2)
//! crowding        Σ_k distance between a point's neighbours in its front along k       (PF3)
//! ```
//!
//! Fronts and crowding as in NSGA-II (Deb, Pratap, Agarwal and Meyarivan 2002).

/// (PF1)
pub fn beats(a: &[f64], b: &[f64]) -> bool {
    a.iter().zip(b).all(|(a, b)| a <= b) && a.iter().zip(b).any(|(a, b)| a < b)
}

/// The front of each point, (PF2).
pub fn fronts(points: &[Vec<f64>]) -> Vec<usize> {
    let mut front = vec![usize::MAX; points.len()];
    let mut current = 0;
    while front.contains(&usize::MAX) {
        let unbeaten: Vec<usize> = (0..points.len())
            .filter(|&n| front[n] == usize::MAX)
            .filter(|&n| {
                let mut rest = (0..points.len()).filter(|&m| front[m] == usize::MAX);
                !rest.any(|m| beats(&points[m], &points[n]))
            })
            .collect();
        for n in unbeaten {
            front[n] = current;
        }
        current += 1;
    }
    front
}

/// Indices of the points from the best to the worst: by front, then by room around them, (PF3), then by
/// their first objective. With one objective, that is its order.
pub fn order(points: &[Vec<f64>]) -> Vec<usize> {
    let front = fronts(points);
    let room = crowding(points, &front);
    let mut order: Vec<usize> = (0..points.len()).collect();
    order.sort_by(|&a, &b| {
        front[a]
            .cmp(&front[b])
            .then(room[b].total_cmp(&room[a]))
            .then(first(&points[a]).total_cmp(&first(&points[b])))
            .then(a.cmp(&b))
    });
    order
}

fn first(point: &[f64]) -> f64 {
    point.first().copied().unwrap_or(0.0)
}

/// (PF3), infinite at the ends of a front.
fn crowding(points: &[Vec<f64>], front: &[usize]) -> Vec<f64> {
    let mut room = vec![0.0; points.len()];
    let objectives = points.first().map_or(0, Vec::len);
    for f in 0..front.iter().max().map_or(0, |last| last + 1) {
        let members: Vec<usize> = (0..points.len()).filter(|&n| front[n] == f).collect();
        let along = |k: usize| -> Vec<f64> { points.iter().map(|point| point[k]).collect() };
        for value in (0..objectives).map(along) {
            let mut sorted = members.clone();
            sorted.sort_by(|&a, &b| value[a].total_cmp(&value[b]).then(a.cmp(&b)));
            let (Some(&low), Some(&high)) = (sorted.first(), sorted.last()) else {
                continue;
            };
            let span = value[high] - value[low];
            room[low] = f64::INFINITY;
            room[high] = f64::INFINITY;
            if span > 0.0 {
                for three in sorted.windows(3) {
                    room[three[1]] += (value[three[2]] - value[three[0]]) / span;
                }
            }
        }
    }
    room
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn none_of_a_front_beats_another_and_each_is_beaten_by_the_front_before(
            points in prop::collection::vec(prop::collection::vec(0u8..6, 3), 1..20)
        ) {
            let points: Vec<Vec<f64>> =
                points.iter().map(|p| p.iter().map(|v| f64::from(*v)).collect()).collect();
            let front = fronts(&points);
            for a in 0..points.len() {
                for b in 0..points.len() {
                    if front[a] == front[b] {
                        prop_assert!(!beats(&points[a], &points[b]));
                    }
                }
                if front[a] > 0 {
                    let before = (0..points.len()).filter(|&b| front[b] == front[a] - 1);
                    prop_assert!(before.into_iter().any(|b| beats(&points[b], &points[a])));
                }
            }
            let order = order(&points);
            prop_assert!(order.windows(2).all(|pair| front[pair[0]] <= front[pair[1]]));
        }
    }

    #[test]
    fn one_objective_gives_its_own_order() {
        let points = [3.0, 1.0, 2.0, 1.0].map(|v| vec![v]);
        assert_eq!(order(&points), [1, 3, 2, 0]);
    }

    #[test]
    fn the_ends_of_a_front_and_lonely_points_come_first() {
        let points = [
            vec![0.0, 10.0],
            vec![1.0, 9.0],
            vec![1.1, 8.9],
            vec![5.0, 5.0],
            vec![10.0, 0.0],
        ];
        let order = order(&points);
        assert_eq!(order[..3], [0, 4, 3]);
    }
}
