//! How a table lies in memory. The two words of a segment lie side by side, for one load of 8 bytes. For
//! Helium and on hosts they lie in two columns, because gather loads and permutations find words by their number.

/// One segment of a table: value at its start with the rounding half, and slope with curvature.
pub type Segment = [i32; 2];

/// The `N` segments of one function; `N` is a power of two.
#[derive(Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Table<const N: usize> {
    #[cfg(not(lstm_table_columns))]
    segments: [Segment; N],
    #[cfg(lstm_table_columns)]
    columns: [[i32; N]; 2],
}

#[cfg(not(lstm_table_columns))]
impl<const N: usize> Table<N> {
    /// The table of these segments.
    pub const fn new(segments: [Segment; N]) -> Self {
        Self { segments }
    }

    /// Segment `k` modulo `N`.
    #[inline(always)]
    pub fn segment(&self, k: usize) -> Segment {
        self.segments[k & (N - 1)]
    }
}

#[cfg(lstm_table_columns)]
impl<const N: usize> Table<N> {
    /// The table of these segments.
    pub const fn new(segments: [Segment; N]) -> Self {
        let mut columns = [[0; N]; 2];
        let mut k = 0;
        while k < N {
            [columns[0][k], columns[1][k]] = segments[k];
            k += 1;
        }
        Self { columns }
    }

    /// Segment `k` modulo `N`.
    #[inline(always)]
    pub fn segment(&self, k: usize) -> Segment {
        let k = k & (N - 1);
        [self.columns[0][k], self.columns[1][k]]
    }

    /// The segments, whose words lie side by side.
    pub const fn pairs(&self) -> [Segment; N] {
        let mut pairs = [[0; 2]; N];
        let mut k = 0;
        while k < N {
            pairs[k] = [self.columns[0][k], self.columns[1][k]];
            k += 1;
        }
        pairs
    }

    /// Values, and slopes with curvatures.
    pub const fn columns(&self) -> [*const i32; 2] {
        [self.columns[0].as_ptr(), self.columns[1].as_ptr()]
    }
}

impl<const N: usize> Table<N> {
    /// All segments.
    pub fn segments(&self) -> impl Iterator<Item = Segment> {
        (0..N).map(|k| self.segment(k))
    }
}
