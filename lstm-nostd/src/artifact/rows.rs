//! The rows of weights of a recurrent layer in a model file, whatever its kind: read, checked and written.
//!
//! Rows lie in groups of four, in one of the orders of [`crate::kernels`]. Which row is what is up to the kind.

use core::cmp::Ordering;

use bytemuck::{Pod, Zeroable};

use super::cursor::Reader;
use super::layer::{LayerHead, MAX_WIDTH_SHIFT, Place, Stop, layer_range, magnitude, zeros};
use super::{LayerError, LayerKind};
use crate::kernels::{Active, Kernels, Order, RecurrentRows, RowBlock, Scheme, Weights, Width};

const MAX_X_SHIFT: u8 = 15;

/// The record of a recurrent layer of any kind, 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct RecurrentRecord {
    /// 0..8: kind, and flags of the kind.
    pub head: LayerHead,
    /// 8: left shift of the input products `k`, 0..=15.
    pub x_shift: u8,
    /// 9: integer bits of the 32-bit state `m`: 1..=15 of an LSTM's cell; 0 of a GRU's h.
    pub cell_int_bits: u8,
    /// 10: [`crate::kernels::Order::code`]: 0 generic, 1 paired, 2 grouped, 3 offset, 4 grouped bytes, 5 grouped
    /// nibbles, 6 paired nibbles, 7 offset nibbles; w8a16 has 0 to 3, w8a8 0, 1, 3 or 4, w4a16 0 or 5 to 7.
    pub order: u8,
    /// 11: w8a8: `n` in 0..=8, the hidden state is Q0.(15−n); else 0.
    pub h_shift: u8,
    /// 12: above a layer of the other width 0..=8, see [`convert`](crate::kernels::convert); else 0.
    pub input_shift: u8,
    /// 13: [`Direction::code`](crate::layers::Direction::code).
    pub direction: u8,
    /// 14..16: zero.
    pub reserved: [u8; 2],
}

impl RecurrentRecord {
    /// Checks the record of a layer of this kind at `place`, and takes its first weights from `weights`, which gets the
    /// scheme, the units, and k compared with n. `flags` is the largest value of the flags, `m` has the least and the
    /// largest of `cell_int_bits`.
    pub(super) fn read<'m>(
        &self,
        (kind, flags): (LayerKind, u16),
        place: Place,
        m: (u32, u32),
        weights: impl FnOnce(Scheme, usize, Ordering) -> Result<Weights<'m>, Stop>,
    ) -> Result<RecurrentRows<'m>, Stop> {
        let scheme = self.head.check(kind, place, (0, flags))?;
        zeros(&self.reserved)?;
        let (x_shift, h_shift) = (self.x_shift.into(), self.h_shift.into());
        layer_range("x shift", x_shift, 0, MAX_X_SHIFT.into())?;
        layer_range("cell integer bits", self.cell_int_bits.into(), m.0, m.1)?;
        let most = match scheme.width() {
            Width::Int16 => 0,
            Width::Int8 => MAX_WIDTH_SHIFT,
        };
        layer_range("hidden shift", h_shift, 0, most.into())?;
        let (inputs, outputs) = (place.inputs, self.head.units.into());
        let weights = weights(scheme, outputs, x_shift.cmp(&h_shift))?;
        Ok(RecurrentRows {
            inputs,
            outputs,
            weights,
            width: scheme.width(),
            x_shift,
            h_shift,
            input_shift: place.input_shift(self.input_shift, scheme)?,
        })
    }
}

/// The weights of `groups` groups in the order whose code is `order`. `shifts` is k compared with n.
pub(super) fn weights<'m>(
    reader: &mut Reader<'m>,
    scheme: Scheme,
    (order, groups): (u8, usize),
    (inputs, outputs, shifts): (usize, usize, Ordering),
) -> Result<Weights<'m>, Stop> {
    let code = order;
    let order = checked_order(scheme, code)?;
    let lanes = order.rows(inputs, outputs, shifts).lanes();
    let words = reader.slice(Weights::words(scheme, groups, lanes))?;
    // Lanes fill whole blocks.
    let weights = Weights::of(scheme, order, words);
    Ok(weights.ok_or(LayerError::Order { found: code })?)
}

/// The order of this code, if weights of `scheme` lie in it and this build reads it.
pub(super) fn checked_order(scheme: Scheme, code: u8) -> Result<Order, LayerError> {
    let refused = LayerError::Order { found: code };
    let order = Order::from_code(code).ok_or(refused)?;
    if order.of(scheme) != order {
        return Err(LayerError::SchemeOrder { scheme, order });
    }
    match Active::ORDERS.contains(&order) {
        true => Ok(order),
        false => Err(refused),
    }
}

/// What the products of row `lane` of group `group` may reach: it is row `row` of the file. Nothing but zeros
/// pads it.
// One copy of it is enough for recurrent and dense rows.
#[inline(never)]
pub(super) fn reach(
    rows: &RecurrentRows<'_>,
    (group, lane): (usize, usize),
    row: usize,
) -> Result<u64, LayerError> {
    let most = rows.scheme().weight_max();
    // Of an activation without its sign.
    let bits = rows.width.bits() - 1;
    // The mask changes nothing, and shows the optimiser that every index is in range.
    let of_row = move |block: RowBlock| block[lane & 3];
    let x = rows.input_part(group).map(of_row);
    let x = magnitude(x, rows.inputs, most, row)?.wrapping_shl(bits.wrapping_add(rows.x_shift));
    let h = rows.recurrent_part(group).map(of_row);
    let h = magnitude(h, rows.outputs, most, row)?.wrapping_shl(bits.wrapping_add(rows.h_shift));
    Ok(x.saturating_add(h))
}

/// Refuses anything but zeros behind `rows` rows, in the rest of their last group; `reach` is what the products of a row
/// may reach.
#[cfg(any(feature = "gru", feature = "coupled"))]
pub(super) fn zeros_behind(
    rows: usize,
    reach: impl Fn(usize) -> Result<u64, LayerError>,
) -> Result<(), LayerError> {
    let mut row = rows;
    while row & 3 != 0 {
        if reach(row)? != 0 {
            return Err(LayerError::Weight { row });
        }
        row = row.wrapping_add(1);
    }
    Ok(())
}

#[cfg(all(
    feature = "write",
    any(feature = "gru", feature = "gru-before", feature = "coupled")
))]
pub(super) use content::rows_of_group;
#[cfg(feature = "write")]
pub(super) use content::{GroupOfRows, RowFormats, rows_of_groups};

#[cfg(feature = "write")]
mod content {
    use alloc::vec;
    use alloc::vec::Vec;
    use core::cmp::Ordering;

    use super::RecurrentRecord;
    use crate::artifact::cursor::{Writer, fitted};
    use crate::artifact::layer::{LayerHead, quarter};
    use crate::artifact::{LayerKind, WriteError};
    use crate::kernels::{
        I32x4, Order, RecurrentRows, RowBlock, Scheme, grouped_bias_excess, lane, nibble_pairs,
        offset, pack, pair, word,
    };

    /// The formats of a layer's rows.
    pub(in crate::artifact) struct RowFormats {
        pub(in crate::artifact) scheme: Scheme,
        pub(in crate::artifact) x_shift: u8,
        pub(in crate::artifact) h_shift: u8,
        pub(in crate::artifact) input_shift: u8,
    }

    impl RecurrentRecord {
        /// The record of a layer of this kind with these flags, and no integer bits.
        pub(in crate::artifact) fn new(
            (kind, flags): (LayerKind, u16),
            (inputs, units): (usize, usize),
            formats: RowFormats,
            order: Order,
        ) -> Result<Self, WriteError> {
            Ok(Self {
                head: LayerHead {
                    kind: kind.code(),
                    scheme: formats.scheme.code(),
                    flags,
                    inputs: fitted("inputs", inputs)?,
                    units: fitted("hidden units", units)?,
                },
                x_shift: formats.x_shift,
                cell_int_bits: 0,
                order: order.code(),
                h_shift: formats.h_shift,
                input_shift: formats.input_shift,
                direction: 0,
                reserved: [0; 2],
            })
        }
    }

    /// The weights of the rows of group `group`: `place` says where a row of the file lies in `part`, and `zeros` stand
    /// behind the last one.
    #[cfg(any(feature = "gru", feature = "gru-before", feature = "coupled"))]
    pub(in crate::artifact) fn rows_of_group<'a>(
        part: &'a [Vec<i8>],
        zeros: &'a [i8],
        group: usize,
        place: impl Fn(usize) -> usize,
    ) -> [&'a [i8]; 4] {
        let length = part.first().map_or(0, Vec::len);
        [0, 1, 2, 3].map(|lane| match 4 * group + lane {
            row if row < part.len() => part[place(row)].as_slice(),
            _ => &zeros[..length],
        })
    }

    /// Four rows that are written together.
    pub(in crate::artifact) struct GroupOfRows<'a> {
        /// Input weights of each row.
        pub(in crate::artifact) w_x: [&'a [i8]; 4],
        /// Recurrent weights of each row.
        pub(in crate::artifact) w_h: [&'a [i8]; 4],
        /// `k` and `n`.
        pub(in crate::artifact) shifts: (u8, u8),
    }

    impl GroupOfRows<'_> {
        /// What the order adds to the biases.
        pub(in crate::artifact) fn bias_excess(&self, order: Order) -> I32x4 {
            let sum = |weights: &[i8]| weights.iter().copied().map(i32::from).sum();
            if !order.has_bias_excess() {
                return [0; 4];
            }
            grouped_bias_excess(self.w_x.map(sum), self.w_h.map(sum), self.shifts.0.into())
        }

        /// Appends the weights.
        pub(in crate::artifact) fn write(&self, scheme: Scheme, order: Order, out: &mut Writer) {
            let rows = self.laid_out(order);
            if order.is_grouped() {
                for first in (0..rows[0].len()).step_by(16) {
                    let group = rows.each_ref().map(|row| &row[first..first + 16]);
                    if scheme == Scheme::W4a16 {
                        out.0.extend(nibble_pairs(group[0], group[2]));
                        out.0.extend(nibble_pairs(group[1], group[3]));
                    } else {
                        out.i8s(group.into_iter().flatten().copied());
                    }
                }
                return;
            }
            if order == Order::OffsetNibbles {
                for group in 0..rows[0].len() / 8 {
                    for row in &rows {
                        out.0.extend(word(&row.as_chunks().0[group]));
                    }
                }
                return;
            }
            for index in 0..rows[0].len() / 4 {
                let block: RowBlock = [0, 1, 2, 3].map(|lane| quarter(&rows[lane], index));
                match order {
                    Order::Offset => out.i8s(offset(&block).into_iter().flatten()),
                    Order::Paired => out.i8s(pair(&block).into_iter().flatten()),
                    Order::PairedNibbles => out.0.extend(lane(&block).as_flattened()),
                    _ if scheme == Scheme::W4a16 => out.0.extend(pack(&block).as_flattened()),
                    _ => out.i8s(block.into_iter().flatten()),
                }
            }
        }

        /// The rows as they are laid out, with their padding.
        fn laid_out(&self, order: Order) -> [Vec<i8>; 4] {
            let shifts: Ordering = self.shifts.0.cmp(&self.shifts.1);
            [0, 1, 2, 3].map(|lane| {
                let [w_x, w_h] = [self.w_x[lane], self.w_h[lane]];
                let layout = order.rows(w_x.len(), w_h.len(), shifts);
                let mut lanes = vec![0; layout.lanes()];
                lanes[layout.x.start..][..w_x.len()].copy_from_slice(w_x);
                lanes[layout.h.start..][..w_h.len()].copy_from_slice(w_h);
                lanes
            })
        }
    }

    /// Input and recurrent weights of the rows of all `groups`, as they lie in the file.
    pub(in crate::artifact) fn rows_of_groups(
        rows: &RecurrentRows<'_>,
        groups: usize,
    ) -> [Vec<Vec<i8>>; 2] {
        let row = |blocks: &[RowBlock], lane: usize, count: usize| -> Vec<i8> {
            let weights = blocks.iter().flat_map(|block| block[lane]);
            weights.take(count).collect()
        };
        let (mut w_x, mut w_h) = (Vec::new(), Vec::new());
        for group in 0..groups {
            let x: Vec<RowBlock> = rows.input_part(group).collect();
            let h: Vec<RowBlock> = rows.recurrent_part(group).collect();
            for lane in 0..4 {
                w_x.push(row(&x, lane, rows.inputs));
                w_h.push(row(&h, lane, rows.outputs));
            }
        }
        [w_x, w_h]
    }
}
