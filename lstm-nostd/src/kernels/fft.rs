//! A stage of the front end's transform, by decimation in time: the specification.
//!
//! A stage makes one transform of 4q points from four of q points, A to D, which lie one after the other; the
//! bit-reversed order of the points puts the one of m mod 4 = 2 second:
//!
//! ```text
//! b = B_k e^{−2iφ} / 4,  c = C_k e^{−iφ} / 4,  d = D_k e^{−3iφ} / 4,   φ = 2πk / 4q
//! X_k      = (A_k / 4 + b) + (c + d)      X_{k+q}  = (A_k / 4 − b) − i (c − d)
//! X_{k+2q} = (A_k / 4 + b) − (c + d)      X_{k+3q} = (A_k / 4 − b) + i (c − d)           (FT3)
//! ```
//!
//! A product with a sine or cosine in Q1.30 by `mul_high` is the quarter that (FT3) asks for. `A_k / 4` is a shift that
//! rounds down. Sines and cosines are at most 1 together, which the parser of model files checks: so no stage enlarges a
//! point, and sums of four quarters fit into 32 bits.

use crate::bounded::{add, shr, sub};
use crate::requant::mul_high;

/// A point of the transform: its real and its imaginary part.
pub type Point = [i32; 2];

/// Cosine and sine of φ, 2φ and 3φ, Q1.30.
pub type Turn = [i32; 6];

/// (FT3) for all blocks of 4q points that `points` has; `turns`, `[q]`, are those of k = 0..q.
#[inline(always)]
pub fn stage(points: &mut [Point], turns: &[Turn]) {
    let length = turns.len().wrapping_mul(4);
    let mut rest = points;
    // A step of 0 would never end.
    while length > 0
        && let Some((block, later)) = core::mem::take(&mut rest).split_at_mut_checked(length)
    {
        turned_fours(block, turns);
        rest = later;
    }
}

#[inline(always)]
fn turned_fours(block: &mut [Point], turns: &[Turn]) -> Option<()> {
    let (low, high) = block.split_at_mut_checked(block.len() / 2)?;
    let (a, b) = low.split_at_mut_checked(low.len() / 2)?;
    let (c, d) = high.split_at_mut_checked(high.len() / 2)?;
    let points = a.iter_mut().zip(b).zip(c).zip(d);
    for ((((a, b), c), d), [c1, s1, c2, s2, c3, s3]) in points.zip(turns) {
        let turned = [turn(b, *c2, *s2), turn(c, *c1, *s1), turn(d, *c3, *s3)];
        [*a, *b, *c, *d] = butterfly(a, turned);
    }
    Some(())
}

/// `point · (cos − i sin) / 4`
#[inline(always)]
fn turn(point: &Point, cos: i32, sin: i32) -> Point {
    let [re, im] = *point;
    [
        add(mul_high(re, cos), mul_high(im, sin)),
        sub(mul_high(im, cos), mul_high(re, sin)),
    ]
}

/// The sums of (FT3), with b, c, d turned and a quarter each.
#[inline(always)]
pub(crate) fn butterfly(a: &Point, [b, c, d]: [Point; 3]) -> [Point; 4] {
    let a = a.map(|v| shr(v, 2));
    let even = [add(a[0], b[0]), add(a[1], b[1])];
    let odd = [sub(a[0], b[0]), sub(a[1], b[1])];
    let sum = [add(c[0], d[0]), add(c[1], d[1])];
    let difference = [sub(c[0], d[0]), sub(c[1], d[1])];
    [
        [add(even[0], sum[0]), add(even[1], sum[1])],
        [add(odd[0], difference[1]), sub(odd[1], difference[0])],
        [sub(even[0], sum[0]), sub(even[1], sum[1])],
        [sub(odd[0], difference[1]), add(odd[1], difference[0])],
    ]
}
