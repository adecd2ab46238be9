//! Dynamic time warping (DTW): how far two sequences are apart, each of which may wait for the other.
//!
//! ```text
//! D(i, j) = |a_i − b_j|² + min(D(i − 1, j), D(i, j − 1), D(i − 1, j − 1))       DTW = D(T_a, T_b)      (BN1)
//! LB = Σ_i |a_i − clamp(a_i, min b, max b)|²  ≤  DTW                                                 (BN2)
//! ```
//!
//! |·|² is the squared distance over all channels together; the warping window is the whole sequence. A distance is
//! abandoned as soon as every path is longer than a limit. In the lower bound (BN2), each step of a has to meet some
//! step of b, whose values lie between the least and the largest one.
//!
//! Sources: Sakoe and Chiba 1978, *Dynamic programming algorithm optimization for spoken word recognition*, IEEE
//! TASSP 26(1); Keogh and Ratanamahatana 2005, *Exact indexing of dynamic time warping*, KAIS 7(3); Shokoohi-Yekta and
//! others 2017, *Generalizing DTW to the multi-dimensional case requires an adaptive approach*, DMKD 31 (DTW over all
//! channels together).

/// A sequence, row by row.
#[derive(Clone, Debug)]
pub struct Steps {
    /// `[T, I]`.
    pub values: Vec<f64>,
    /// I, at least 1.
    pub channels: usize,
}

impl Steps {
    fn rows(&self) -> std::slice::ChunksExact<'_, f64> {
        self.values.chunks_exact(self.channels)
    }

    /// The least and the largest value of each channel.
    pub fn ranges(&self) -> Vec<(f64, f64)> {
        let mut ranges = vec![(f64::INFINITY, f64::NEG_INFINITY); self.channels];
        for row in self.rows() {
            for ((low, high), value) in ranges.iter_mut().zip(row) {
                (*low, *high) = (low.min(*value), high.max(*value));
            }
        }
        ranges
    }

    /// (BN2) against a sequence with these ranges.
    pub fn bound(&self, ranges: &[(f64, f64)]) -> f64 {
        let outside = self.rows().flat_map(|row| {
            let pairs = row.iter().zip(ranges);
            pairs.map(|(v, (low, high))| (low - v).max(v - high).max(0.0).powi(2))
        });
        outside.sum()
    }

    /// (BN1); `None` if it is above `most`.
    pub fn distance(&self, other: &Self, most: f64) -> Option<f64> {
        // Of a row of D, shifted by one: the column before the first is beyond reach.
        let width = other.values.len() / other.channels;
        let mut before = vec![f64::INFINITY; width + 1];
        before[0] = 0.0;
        let mut row = vec![f64::INFINITY; width + 1];
        for a in self.rows() {
            row[0] = f64::INFINITY;
            let mut least = f64::INFINITY;
            for (j, b) in other.rows().enumerate() {
                let apart: f64 = a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum();
                let path = before[j].min(before[j + 1]).min(row[j]);
                row[j + 1] = apart + path;
                least = least.min(row[j + 1]);
            }
            if least > most {
                return None;
            }
            std::mem::swap(&mut before, &mut row);
        }
        Some(before[width]).filter(|distance| *distance <= most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(values: &[f64], channels: usize) -> Steps {
        let whole = values.len() / channels * channels;
        Steps {
            values: values[..whole].to_vec(),
            channels,
        }
    }

    #[test]
    fn distances_by_hand() {
        // 0 meets 0, 1 meets 1 and 1, 2 meets 3.
        let (a, b) = (steps(&[0.0, 1.0, 2.0], 1), steps(&[0.0, 1.0, 1.0, 3.0], 1));
        assert_eq!(a.distance(&b, f64::INFINITY), Some(1.0));
        assert_eq!(a.distance(&b, 0.5), None);
        // Two channels: (0, 0) and (1, 1) against (0, 2): 4 + 2.
        let (a, b) = (steps(&[0.0, 0.0, 1.0, 1.0], 2), steps(&[0.0, 2.0], 2));
        assert_eq!(a.distance(&b, f64::INFINITY), Some(6.0));
    }
}
