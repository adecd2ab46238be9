//! The orders in which the weights of a layer of any kind can lie in a model file.
//!
//! A row is cut into blocks of four inputs, first those of the layer input, then those of the hidden
//! state. Rows lie in groups of four, for an LSTM the gates i, f, g, o of a unit. One order suits every core, and four
//! suit the inner loops of cores that gain much from another one:
//!
//! ```text
//! generic   [H][⌈I/4⌉ + ⌈H/4⌉][4 gates][4 inputs]     w
//! offset    [H][⌈I/4⌉ + ⌈H/4⌉][4 gates][4 inputs]     w + 128, but w for the last of four inputs
//! paired    [H][⌈I/4⌉ + ⌈H/4⌉][2 × 2 inputs][2 pairs][2 inputs][2]
//!                                                     16-bit lanes 256·w_a + w_b of two gates:
//!                                                     (a, b) = (i, f), (g, o)
//! grouped   [H][⌈I/16⌉ + ⌈H/16⌉][4 gates][16 inputs]  w; biases hold 128·(2^k·Σw_x + Σw_h) more
//! grouped   [H][⌈I/16⌉ + ⌈H/16⌉][4 gates][16 inputs]  w; the part with the larger shift first
//! bytes     [H][⌈(I + H)/16⌉][4 gates][16 inputs]     if k = n: layer input and hidden state without a gap
//! ```
//!
//! int4 weights have orders of their own, in half the bytes:
//!
//! ```text
//! generic   [H][⌈I/4⌉ + ⌈H/4⌉][2 pairs][2 inputs][2]  bytes of w + 8 for inputs j (lower half) and
//!                                                     j + 2 of gates (i, f), (g, o)
//! grouped   [H][⌈I/16⌉ + ⌈H/16⌉][2 pairs][16 inputs]  bytes 16·w_a + (w_c + 8) of two gates: (a, c) = (i, g),
//! nibbles                                             (f, o); biases as in *grouped*
//! paired    [H][⌈I/4⌉ + ⌈H/4⌉][4 inputs]              16-bit lanes 4096·w_i + 256·(w_o + 8) +
//! nibbles                                             16·(w_g + 8) + (w_f + 8)
//! offset    [H][⌈I/8⌉ + ⌈H/8⌉][4 gates][8 inputs]     words of w + 8, but w for the last of eight inputs,
//! nibbles                                             which is the upper nibble
//! ```
//!
//! A 32-bit word of the generic order, shifted right by 0, 4, 8 or 12 and masked with 0x000f000f, is two
//! neighbouring inputs of one gate in 16-bit lanes.
//!
//! *Paired* weights take no more bytes than others: |w_b| ≤ 127 borrows at most one from w_a. `v7m.rs`,
//! `dsp.rs` and `mve.rs` in `cortex_m/` say what the orders are good for.

use core::cmp::Ordering;
use core::ops::Range;

use bytemuck::AnyBitPattern;

use super::{Active, I32x4, Kernels, Scheme};

/// Weights of four inputs to four rows: `block[row][input]`.
pub type RowBlock = [[i8; 4]; 4];

/// Weights of four inputs to four rows as 16-bit lanes, `[lane][low byte, high byte]`.
pub type PairedBlock = [[i8; 2]; 8];

/// int4 weights of four inputs to four rows: `block[pair][2·input + row]`, see the order's description.
pub type NibbleBlock = [[u8; 4]; 2];

/// int4 weights of four inputs to four rows as 16-bit lanes, `[input][low byte, high byte]`.
pub type NibbleLanes = [[u8; 2]; 4];

/// int4 weights of eight inputs to four rows: `group[row][input / 2]`.
pub type NibbleWords = [[u8; 4]; 4];

/// Weights of sixteen inputs to four rows: `group[row][input]`.
pub type RowGroup = [[i8; 16]; 4];

/// int4 weights of sixteen inputs to four rows: `group[pair][input]`, rows 0 and 2, then 1 and 3.
pub type NibbleGroup = [[u8; 16]; 2];

// Orders that this build reads: others cost no flash.
const OFFSET: bool = is_read(Order::Offset);
const PAIRED: bool = is_read(Order::Paired);
pub(super) const GROUPED: bool = is_read(Order::Grouped);
const GROUPED_BYTES: bool = is_read(Order::GroupedBytes) && cfg!(feature = "w8a8");
const GROUPED_NIBBLES: bool = is_read(Order::GroupedNibbles) && cfg!(feature = "w4a16");
const PAIRED_NIBBLES: bool = is_read(Order::PairedNibbles) && cfg!(feature = "w4a16");
const OFFSET_NIBBLES: bool = is_read(Order::OffsetNibbles) && cfg!(feature = "w4a16");

const fn is_read(order: Order) -> bool {
    let mut index = 0;
    while index < Active::ORDERS.len() {
        if Active::ORDERS[index].code() == order.code() {
            return true;
        }
        index += 1;
    }
    false
}

/// How the weights of an LSTM layer are ordered in a model file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Blocks of four gates by four inputs; every core runs it.
    #[default]
    Generic,
    /// Blocks whose rows are words without borrows, for cores without SIMD (M0, M3).
    Offset,
    /// Two rows in one 16-bit lane, for cores with the DSP extension (M4, M7, M33).
    Paired,
    /// Groups of four gates by sixteen inputs, for cores with Helium (M55, M85).
    Grouped,
    /// What stands for [`Order::Grouped`] where activations are int8.
    GroupedBytes,
    /// What stands for [`Order::Grouped`] where weights are int4.
    GroupedNibbles,
    /// What stands for [`Order::Paired`] where weights are int4: four rows in one 16-bit lane.
    PairedNibbles,
    /// What stands for [`Order::Offset`] where weights are int4: eight of a row in one word.
    OffsetNibbles,
}

/// Each core's order of weights, for those who write model files and build firmware.
const CORES: [(&str, Order); 7] = [
    ("M0", Order::Offset),
    ("M3", Order::Offset),
    ("M4", Order::Paired),
    ("M7", Order::Paired),
    ("M33", Order::Paired),
    ("M55", Order::Grouped),
    ("M85", Order::Grouped),
];

impl Order {
    /// Every order.
    pub const ALL: [Self; 8] = [
        Self::Generic,
        Self::Paired,
        Self::Grouped,
        Self::Offset,
        Self::GroupedBytes,
        Self::GroupedNibbles,
        Self::PairedNibbles,
        Self::OffsetNibbles,
    ];

    /// The order that suits the kernels of a Cortex-M core, named as in `M4`; `None` for a core without kernels
    /// of its own.
    pub fn for_core(name: &str) -> Option<Self> {
        let mut cores = CORES.iter();
        let (_, order) = cores.find(|(core, _)| core.eq_ignore_ascii_case(name))?;
        Some(*order)
    }

    /// The number of the order in a model file.
    pub const fn code(self) -> u8 {
        match self {
            Self::Generic => 0,
            Self::Paired => 1,
            Self::Grouped => 2,
            Self::Offset => 3,
            Self::GroupedBytes => 4,
            Self::GroupedNibbles => 5,
            Self::PairedNibbles => 6,
            Self::OffsetNibbles => 7,
        }
    }

    /// The order with this number.
    pub fn from_code(code: u8) -> Option<Self> {
        let mut all = Self::ALL.iter();
        all.find(|order| order.code() == code).copied()
    }

    /// The order in which weights of `scheme` lie when this one is asked for: int4 weights have orders of their
    /// own, and groups differ for int8 activations.
    pub const fn of(self, scheme: Scheme) -> Self {
        match (self, scheme) {
            (Self::Generic, _) => Self::Generic,
            (Self::Paired | Self::PairedNibbles, Scheme::W4a16) => Self::PairedNibbles,
            (Self::Paired | Self::PairedNibbles, _) => Self::Paired,
            (Self::Offset | Self::OffsetNibbles, Scheme::W4a16) => Self::OffsetNibbles,
            (Self::Offset | Self::OffsetNibbles, _) => Self::Offset,
            (Self::Grouped | Self::GroupedBytes | Self::GroupedNibbles, Scheme::W8a16) => {
                Self::Grouped
            }
            (Self::Grouped | Self::GroupedBytes | Self::GroupedNibbles, Scheme::W8a8) => {
                Self::GroupedBytes
            }
            (Self::Grouped | Self::GroupedBytes | Self::GroupedNibbles, Scheme::W4a16) => {
                Self::GroupedNibbles
            }
        }
    }

    /// Whether sixteen inputs lie side by side, as Helium reads them.
    pub const fn is_grouped(self) -> bool {
        matches!(
            self,
            Self::Grouped | Self::GroupedBytes | Self::GroupedNibbles
        )
    }

    /// Whether biases hold what activations without an offset of 128 leave out.
    pub(crate) const fn has_bias_excess(self) -> bool {
        matches!(self, Self::Grouped | Self::GroupedNibbles)
    }

    /// How a unit's rows of `inputs` and `hidden` weights are laid out; `shifts` is k compared with n.
    pub fn rows(self, inputs: usize, hidden: usize, shifts: Ordering) -> RowLayout {
        let padded = |n: usize| match self {
            order if GROUPED && order.is_grouped() => n.wrapping_add(15) & !15,
            Self::OffsetNibbles if OFFSET_NIBBLES => n.wrapping_add(7) & !7,
            _ => n.wrapping_add(3) & !3,
        };
        let (x, h) = (padded(inputs), padded(hidden));
        match (self, shifts) {
            (Self::GroupedBytes, Ordering::Equal) if GROUPED_BYTES => RowLayout {
                x: 0..inputs,
                h: inputs..padded(inputs.wrapping_add(hidden)),
            },
            (Self::GroupedBytes, Ordering::Less) if GROUPED_BYTES => RowLayout {
                x: h..h.wrapping_add(x),
                h: 0..h,
            },
            _ => RowLayout {
                x: 0..x,
                h: x..x.wrapping_add(h),
            },
        }
    }
}

/// Where the weights of a unit's rows lie, counted in weights of one row, with the padding of each part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowLayout {
    /// Those of the layer input.
    pub x: Range<usize>,
    /// Those of the hidden state.
    pub h: Range<usize>,
}

impl RowLayout {
    /// Weights of a row, padding included; a multiple of four.
    pub fn lanes(&self) -> usize {
        self.x.end.max(self.h.end)
    }
}

/// The weights of an LSTM layer where they lie.
#[derive(Clone, Copy, Debug)]
pub enum Weights<'m> {
    /// [`Order::Generic`]
    Generic(&'m [RowBlock]),
    /// [`Order::Offset`]
    Offset(&'m [RowBlock]),
    /// [`Order::Paired`]
    Paired(&'m [PairedBlock]),
    /// [`Order::Grouped`]
    Grouped(&'m [RowGroup]),
    /// [`Order::GroupedBytes`]
    GroupedBytes(&'m [RowGroup]),
    /// int4 in [`Order::Generic`]
    Nibbles(&'m [NibbleBlock]),
    /// [`Order::GroupedNibbles`]
    GroupedNibbles(&'m [NibbleGroup]),
    /// [`Order::PairedNibbles`]
    PairedNibbles(&'m [NibbleLanes]),
    /// [`Order::OffsetNibbles`]
    OffsetNibbles(&'m [NibbleWords]),
}

impl<'m> Weights<'m> {
    /// Those of `scheme` that lie in `order` in these words; none if they do not fill whole blocks.
    pub(crate) fn of(scheme: Scheme, order: Order, words: &'m [u32]) -> Option<Self> {
        fn cast<T: AnyBitPattern>(words: &[u32]) -> Option<&[T]> {
            bytemuck::try_cast_slice(words).ok()
        }
        Some(match order {
            Order::Generic if scheme == Scheme::W4a16 => Self::Nibbles(cast(words)?),
            Order::Generic => Self::Generic(cast(words)?),
            Order::Offset => Self::Offset(cast(words)?),
            Order::Paired => Self::Paired(cast(words)?),
            Order::Grouped => Self::Grouped(cast(words)?),
            Order::GroupedBytes => Self::GroupedBytes(cast(words)?),
            Order::GroupedNibbles => Self::GroupedNibbles(cast(words)?),
            Order::PairedNibbles => Self::PairedNibbles(cast(words)?),
            Order::OffsetNibbles => Self::OffsetNibbles(cast(words)?),
        })
    }

    /// Words that `groups` groups of four rows of `scheme` take, each row of so many lanes.
    pub(crate) const fn words(scheme: Scheme, groups: usize, lanes: usize) -> usize {
        let lanes = match scheme {
            Scheme::W4a16 => lanes / 2,
            Scheme::W8a16 | Scheme::W8a8 => lanes,
        };
        groups.saturating_mul(lanes)
    }
}

impl Weights<'_> {
    /// Bytes that they take.
    pub const fn bytes(&self) -> usize {
        match self {
            Self::Generic(blocks) | Self::Offset(blocks) => size_of_val(*blocks),
            Self::Paired(blocks) => size_of_val(*blocks),
            Self::Grouped(groups) | Self::GroupedBytes(groups) => size_of_val(*groups),
            Self::Nibbles(blocks) => size_of_val(*blocks),
            Self::GroupedNibbles(groups) => size_of_val(*groups),
            Self::PairedNibbles(blocks) => size_of_val(*blocks),
            Self::OffsetNibbles(groups) => size_of_val(*groups),
        }
    }

    /// Where they begin.
    #[cfg(lstm_cortex_m)]
    pub(super) const fn start(&self) -> *const u8 {
        match self {
            Self::Generic(blocks) | Self::Offset(blocks) => blocks.as_ptr().cast(),
            Self::Paired(blocks) => blocks.as_ptr().cast(),
            Self::Grouped(groups) | Self::GroupedBytes(groups) => groups.as_ptr().cast(),
            Self::Nibbles(blocks) => blocks.as_ptr().cast(),
            Self::GroupedNibbles(groups) => groups.as_ptr().cast(),
            Self::PairedNibbles(blocks) => blocks.as_ptr().cast(),
            Self::OffsetNibbles(groups) => groups.as_ptr().cast(),
        }
    }

    /// How they are ordered.
    pub const fn order(&self) -> Order {
        match self {
            Self::Generic(_) | Self::Nibbles(_) => Order::Generic,
            Self::Offset(_) => Order::Offset,
            Self::Paired(_) => Order::Paired,
            Self::Grouped(_) => Order::Grouped,
            Self::GroupedBytes(_) => Order::GroupedBytes,
            Self::GroupedNibbles(_) => Order::GroupedNibbles,
            Self::PairedNibbles(_) => Order::PairedNibbles,
            Self::OffsetNibbles(_) => Order::OffsetNibbles,
        }
    }

    /// Blocks of four inputs by four rows, with the padding of groups; none of an order or a scheme that this build does
    /// not read.
    pub const fn block_count(&self) -> usize {
        match self {
            Self::Generic(blocks) => blocks.len(),
            Self::Offset(blocks) if OFFSET => blocks.len(),
            Self::Paired(blocks) if PAIRED => blocks.len(),
            // As many groups lie in memory, so that their blocks can be counted.
            Self::Grouped(groups) if GROUPED => groups.len().wrapping_mul(4),
            Self::GroupedBytes(groups) if GROUPED_BYTES => groups.len().wrapping_mul(4),
            Self::Nibbles(blocks) if cfg!(feature = "w4a16") => blocks.len(),
            Self::GroupedNibbles(groups) if GROUPED_NIBBLES => groups.len().wrapping_mul(4),
            Self::PairedNibbles(blocks) if PAIRED_NIBBLES => blocks.len(),
            Self::OffsetNibbles(groups) if OFFSET_NIBBLES => groups.len().wrapping_mul(2),
            _ => 0,
        }
    }

    /// Block `index` of the part of a row that begins at weight `first`, all rows laid end to end, and has
    /// `len` weights; zeros past both ends. Only in [`Order::GroupedBytes`] may `first` and `len` be no
    /// multiples of four.
    ///
    /// A pair that does not stand for weights in −127..=127 comes out with a −128, and a nibble that does
    /// not stand for one in −7..=7 with a −8.
    #[inline(always)]
    pub fn block(&self, first: usize, index: usize, len: usize) -> RowBlock {
        let number = (first / 4).wrapping_add(index);
        match self {
            Self::Generic(blocks) => blocks.get(number).copied().unwrap_or_default(),
            Self::Offset(blocks) if OFFSET => blocks.get(number).map(offset).unwrap_or_default(),
            Self::Paired(blocks) if PAIRED => blocks.get(number).map(unpair).unwrap_or_default(),
            Self::Grouped(groups) if GROUPED => groups
                .get(number / 4)
                .map(|group| group.map(|row| row.as_chunks().0[number % 4]))
                .unwrap_or_default(),
            Self::GroupedBytes(groups) if GROUPED_BYTES => {
                let done = index.wrapping_mul(4);
                gathered(groups, first.wrapping_add(done), len.wrapping_sub(done))
            }
            Self::Nibbles(blocks) if cfg!(feature = "w4a16") => {
                blocks.get(number).map(unpack).unwrap_or_default()
            }
            Self::GroupedNibbles(groups) if GROUPED_NIBBLES => groups
                .get(number / 4)
                .map(|group| ungroup(&group.map(|pair| pair.as_chunks().0[number % 4])))
                .unwrap_or_default(),
            Self::PairedNibbles(blocks) if PAIRED_NIBBLES => {
                blocks.get(number).map(unlane).unwrap_or_default()
            }
            Self::OffsetNibbles(groups) if OFFSET_NIBBLES => groups
                .get(number / 2)
                .map(|group| unword(group, number % 2))
                .unwrap_or_default(),
            _ => RowBlock::default(),
        }
    }
}

/// Up to four of `count` weights of each row from weight `first` on, which may lie in two groups.
#[inline(never)]
fn gathered(groups: &[RowGroup], first: usize, count: usize) -> RowBlock {
    let rows = groups.as_flattened();
    let mut block = RowBlock::default();
    for j in 0..count.min(4) {
        let lane = first.wrapping_add(j);
        for (gate, weights) in block.iter_mut().enumerate() {
            let row = rows.get(lane / 16 * 4 + gate).unwrap_or(&[0; 16]);
            weights[j & 3] = row[lane % 16];
        }
    }
    block
}

/// Adds 128 to the first three weights of each row, modulo 256; its own inverse.
pub fn offset(block: &RowBlock) -> RowBlock {
    block.map(|[w0, w1, w2, w3]| [w0 ^ i8::MIN, w1 ^ i8::MIN, w2 ^ i8::MIN, w3])
}

/// Splits 16-bit lanes into the weights of their two rows.
fn unpair(block: &PairedBlock) -> RowBlock {
    let mut rows = RowBlock::default();
    for (lane, [low, high]) in block.iter().enumerate() {
        let (pair, input) = ((lane / 2) % 2, lane / 4 * 2 + lane % 2);
        rows[2 * pair][input] = high.wrapping_add(i8::from(*low < 0));
        rows[2 * pair + 1][input] = *low;
    }
    rows
}

/// The inverse of the split: two rows in each 16-bit lane.
pub fn pair(rows: &RowBlock) -> PairedBlock {
    let mut block = PairedBlock::default();
    for (lane, bytes) in block.iter_mut().enumerate() {
        let (pair, input) = ((lane / 2) % 2, lane / 4 * 2 + lane % 2);
        let (high, low) = (rows[2 * pair][input], rows[2 * pair + 1][input]);
        *bytes = [low, high.wrapping_sub(i8::from(low < 0))];
    }
    block
}

/// Splits bytes into the int4 weights of their two inputs.
#[inline(always)]
fn unpack(block: &NibbleBlock) -> RowBlock {
    let mut rows = RowBlock::default();
    for (gate, row) in rows.iter_mut().enumerate() {
        for (input, w) in row.iter_mut().enumerate() {
            let byte = block[gate / 2][2 * (input % 2) + gate % 2];
            *w = (byte >> (4 * (input / 2)) & 15) as i8 - 8;
        }
    }
    rows
}

/// The inverse of the split: weights in −7..=7 as nibbles.
pub fn pack(rows: &RowBlock) -> NibbleBlock {
    let mut block = NibbleBlock::default();
    for (gate, row) in rows.iter().enumerate() {
        for (input, w) in row.iter().enumerate() {
            let nibble = (w + 8) as u8 & 15;
            block[gate / 2][2 * (input % 2) + gate % 2] |= nibble << (4 * (input / 2));
        }
    }
    block
}

/// Splits bytes of [`Order::GroupedNibbles`] into the int4 weights of their two rows.
#[inline(always)]
fn ungroup([even, odd]: &[[u8; 4]; 2]) -> RowBlock {
    let high = |bytes: &[u8; 4]| bytes.map(|byte| byte as i8 >> 4);
    let low = |bytes: &[u8; 4]| bytes.map(|byte| ((byte & 15) as i8).wrapping_sub(8));
    [high(even), high(odd), low(even), low(odd)]
}

/// The inverse of the split, for any number of weights in −7..=7 of rows a and c.
pub fn nibble_pairs(a: &[i8], c: &[i8]) -> impl Iterator<Item = u8> {
    a.iter().zip(c).map(|(a, c)| (16 * a + c + 8) as u8)
}

/// Weights in −7..=7 as the nibbles of 16-bit lanes, from the lowest: f, g and o as w + 8, then i.
pub fn lane(rows: &RowBlock) -> NibbleLanes {
    let [i, f, g, o] = rows;
    core::array::from_fn(|j| {
        [
            nibble(f[j] + 8) | nibble(g[j] + 8) << 4,
            nibble(o[j] + 8) | nibble(i[j]) << 4,
        ]
    })
}

/// The inverse.
#[inline(always)]
fn unlane(block: &NibbleLanes) -> RowBlock {
    let low = |byte: u8| (byte & 15) as i8 - 8;
    [
        block.map(|[_, high]| high as i8 >> 4),
        block.map(|[f, _]| low(f)),
        block.map(|[g, _]| low(g >> 4)),
        block.map(|[_, o]| low(o)),
    ]
}

/// Eight weights in −7..=7 of a row as nibbles of w + 8, from the lowest, but w for the last.
pub fn word(row: &[i8; 8]) -> [u8; 4] {
    let [w0, w1, w2, w3, w4, w5, w6, w7] = row.map(|w| nibble(w + 8));
    [w0 | w1 << 4, w2 | w3 << 4, w4 | w5 << 4, w6 | (w7 ^ 8) << 4]
}

/// The weights of the first or last four inputs of a group.
#[inline(always)]
fn unword(group: &NibbleWords, half: usize) -> RowBlock {
    let half = half & 1;
    group.map(|row| {
        let last = if half == 1 { 0x80 } else { 0 };
        let (a, b) = (row[2 * half], row[2 * half + 1] ^ last);
        [a, a >> 4, b, b >> 4].map(|byte| (byte & 15) as i8 - 8)
    })
}

/// The lower four bits.
const fn nibble(w: i8) -> u8 {
    w as u8 & 15
}

/// What [`Order::Grouped`] and [`Order::GroupedNibbles`] add to the biases of a unit with these sums of weights.
///
/// Exact for rows inside of the accumulator's bound. Of others, which are refused by their weights and
/// `x_shift` alone, it wraps.
pub fn grouped_bias_excess(sum_x: I32x4, sum_h: I32x4, x_shift: u32) -> I32x4 {
    let mut excess = sum_h;
    for (excess, sum_x) in excess.iter_mut().zip(sum_x) {
        let sum = excess.wrapping_add(sum_x.wrapping_shl(x_shift));
        *excess = sum.wrapping_mul(128);
    }
    excess
}

/// Sum of the weights of each row.
pub(super) fn sums(blocks: impl Iterator<Item = RowBlock>) -> I32x4 {
    let mut sums: I32x4 = [0; 4];
    for block in blocks {
        for (sum, row) in sums.iter_mut().zip(block) {
            // Four bytes are far from the end of i32, and so are as many as a file can hold.
            for w in &row {
                *sum = sum.wrapping_add(i32::from(*w));
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn nibbles_split_into_the_same_rows(
            rows in prop::array::uniform4(prop::array::uniform4(-7i8..=7)),
        ) {
            let block = pack(&rows);
            prop_assert_eq!(unpack(&block), rows);
            for (gate, row) in rows.iter().enumerate() {
                let word = u32::from_le_bytes(block[gate / 2]);
                for (pair, inputs) in row.chunks(2).enumerate() {
                    let lanes = word >> (8 * (gate % 2) + 4 * pair) & 0x000f_000f;
                    let expected = (inputs[1] + 8) as u32 * 65_536 + (inputs[0] + 8) as u32;
                    prop_assert_eq!(lanes, expected);
                }
            }
        }

        #[test]
        fn nibbles_in_groups_split_into_the_same_rows(
            rows in prop::array::uniform4(prop::array::uniform4(-7i8..=7)),
        ) {
            let pair = |a: usize, c: usize| {
                let mut bytes = nibble_pairs(&rows[a], &rows[c]);
                core::array::from_fn(|_| bytes.next().unwrap())
            };
            prop_assert_eq!(ungroup(&[pair(0, 2), pair(1, 3)]), rows);
        }

        #[test]
        fn nibbles_in_lanes_split_into_the_same_rows(
            rows in prop::array::uniform4(prop::array::uniform4(-7i8..=7)),
        ) {
            let block = lane(&rows);
            prop_assert_eq!(unlane(&block), rows);
            for (j, bytes) in block.into_iter().enumerate() {
                let [i, f, g, o] = rows.map(|row| i16::from(row[j]));
                let value = 4096 * i + 256 * (o + 8) + 16 * (g + 8) + f + 8;
                prop_assert_eq!(i16::from_le_bytes(bytes), value);
            }
        }

        #[test]
        fn nibbles_in_words_split_into_the_same_rows(
            rows in prop::array::uniform4(prop::array::uniform8(-7i8..=7)),
        ) {
            let group = rows.each_ref().map(word);
            for (row, w) in rows.iter().enumerate() {
                prop_assert_eq!(&unword(&group, 0)[row], &w[..4]);
                prop_assert_eq!(&unword(&group, 1)[row], &w[4..]);
                let mut digits = w.map(|w| i64::from(w) + 8);
                digits[7] -= 8;
                let value: i64 = digits.iter().rev().fold(0, |sum, digit| 16 * sum + digit);
                prop_assert_eq!(i64::from(i32::from_le_bytes(group[row])), value);
            }
        }

        #[test]
        fn pairs_split_into_the_same_rows(
            rows in prop::array::uniform4(prop::array::uniform4(-127i8..=127)),
        ) {
            let block = pair(&rows);
            prop_assert_eq!(unpair(&block), rows);
            for (lane, bytes) in block.into_iter().enumerate() {
                let (pair, input) = ((lane / 2) % 2, lane / 4 * 2 + lane % 2);
                let value = 256 * i16::from(rows[2 * pair][input]) + i16::from(rows[2 * pair + 1][input]);
                prop_assert_eq!(i16::from_le_bytes(bytes.map(|b| b as u8)), value);
            }
        }
    }
}
