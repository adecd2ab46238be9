//! Reshapes that are known to keep every value at its step, sequence and channel.

use super::proto::Node;
use super::value::{Number, Role, Signal, SignalAxis, Value};
use super::{MOST_AXES, Walk};
use crate::import::error::Problem;
use crate::import::model::Axis;

impl Walk<'_> {
    pub(super) fn reshape(&mut self, node: &Node) -> Result<Value, Problem> {
        let Value::Ints { values: shape, .. } = self.input(node, 1)? else {
            return Err(Problem::refused(
                node.title(),
                "its shape is not whole numbers",
            ));
        };
        if let Value::Filled(value) = self.input(node, 0)? {
            return Ok(Value::Filled(value));
        }
        let mut signal = self.signal(node, 0)?;
        let copies = node.int("allowzero", 0) == 0;
        let sizes = self.sizes(&signal, &shape, copies);
        match sizes.and_then(|sizes| reshaped(&signal.axes, &sizes)) {
            Some(axes) => signal.axes = axes,
            None => {
                return Err(Problem::refused(
                    node.title(),
                    "it is not known to do no more than put in or take out axes of length one, or join sequences and steps",
                ));
            }
        }
        Ok(Value::Signal(signal))
    }

    /// The sizes that a reshape asks for: -1 is what is left, and 0 (with `copies`) is the same as before. `None` if they are
    /// none.
    fn sizes(&self, signal: &Signal, shape: &[Number], copies: bool) -> Option<Vec<Size>> {
        let root = self.root(signal.at);
        let size = |(place, number): (usize, &Number)| match number.value {
            Some(-1) => Some(Size::Rest),
            Some(0) if copies => {
                let axis = signal.axes.get(place)?;
                Some(Size::Is(Number::of(*axis, root)))
            }
            Some(..1) => None,
            _ => Some(Size::Is(self.named(*number, root))),
        };
        match shape.len() <= MOST_AXES {
            true => shape.iter().enumerate().map(size).collect(),
            false => None,
        }
    }

    /// A length whose axis has the name that a recurrent layer gave it since, if it is one of the same input.
    fn named(&self, number: Number, root: usize) -> Number {
        let of = number.of.filter(|(_, other)| *other == root);
        let of = of.map(|(role, root)| match (role, self.inputs.get(&root)) {
            (Role::Input(n), Some(known)) => (Role::Is(known[n]), root),
            _ => (role, root),
        });
        Number { of, ..number }
    }
}

/// A size that a reshape asks for.
#[derive(Clone, Copy, Debug)]
enum Size {
    Is(Number),
    /// What is left.
    Rest,
}

impl Size {
    /// Whether it is the length of an axis; `None` if the graph does not fix that.
    fn is(self, axis: &SignalAxis) -> Option<bool> {
        let Self::Is(number) = self else {
            return None;
        };
        match (number.value, axis.size, number.of) {
            (Some(value), Some(size), _) => Some(value == size as i64),
            (None, None, Some((role, _))) if role == axis.role => Some(true),
            _ => None,
        }
    }
}

/// Whether each size is that of its axis. One that is open is then fixed by the others, for a reshape keeps the number of
/// values; two may be exchanged.
fn fit<'a>(pairs: impl IntoIterator<Item = (Size, &'a SignalAxis)>) -> bool {
    let mut open = 0;
    let fits = (pairs.into_iter()).all(|(size, axis)| match size.is(axis) {
        Some(fits) => fits,
        None => {
            open += 1;
            true
        }
    });
    fits && open <= 1
}

/// The axes after a reshape to `shape`.
fn reshaped(axes: &[SignalAxis], shape: &[Size]) -> Option<Vec<SignalAxis>> {
    let kept: Vec<SignalAxis> = (axes.iter().copied())
        .filter(|axis| axis.role != Role::Is(Axis::One))
        .collect();
    one_to_one(&kept, shape)
        .or_else(|| joined(&kept, shape))
        .or_else(|| parted(&kept, shape))
        .or_else(|| reshaped(&side_by_side(&kept)?, shape))
}

/// The halves of a layer and their units as one axis, where they are neighbours in this order.
fn side_by_side(kept: &[SignalAxis]) -> Option<Vec<SignalAxis>> {
    let half = (kept.iter()).position(|axis| axis.role == Role::Is(Axis::Half))?;
    let [halves, units] = kept.get(half..half + 2)?.try_into().ok()?;
    if units.role != Role::Is(Axis::Channel) {
        return None;
    }
    let size = halves
        .size
        .zip(units.size)
        .and_then(|(a, b)| a.checked_mul(b));
    let mut axes = kept.to_vec();
    axes.splice(half..half + 2, [SignalAxis::is(Axis::Channel, size)]);
    Some(axes)
}

/// Every axis stays, and those of length one come and go.
fn one_to_one(kept: &[SignalAxis], shape: &[Size]) -> Option<Vec<SignalAxis>> {
    let mut left = kept.iter().peekable();
    let (mut result, mut pairs) = (Vec::new(), Vec::new());
    for (place, size) in shape.iter().enumerate() {
        let spare = shape.len() - place > left.len();
        let is_one = matches!(size, Size::Is(Number { value: Some(1), .. }))
            && (left.peek()).is_none_or(|axis| spare && axis.size != Some(1));
        if is_one {
            result.push(SignalAxis::one());
            continue;
        }
        let axis = left.next()?;
        pairs.push((*size, axis));
        result.push(*axis);
    }
    (left.next().is_none() && fit(pairs)).then_some(result)
}

/// Steps and sequences become one axis.
fn joined(kept: &[SignalAxis], shape: &[Size]) -> Option<Vec<SignalAxis>> {
    let ([first, second, channels], [rows, last]) = (kept, shape) else {
        return None;
    };
    let time_outside = match (first.role, second.role) {
        (Role::Is(Axis::Time), Role::Is(Axis::Batch)) => true,
        (Role::Is(Axis::Batch), Role::Is(Axis::Time)) => false,
        _ => return None,
    };
    let product = (first.size.zip(second.size)).and_then(|(a, b)| a.checked_mul(b));
    let joined = SignalAxis {
        role: Role::Rows {
            time_outside,
            sizes: [first.size, second.size],
        },
        size: product,
    };
    let is_channel = channels.role == Role::Is(Axis::Channel);
    let fits = fit([(*rows, &joined), (*last, channels)]);
    (is_channel && fits).then(|| vec![joined, *channels])
}

/// And become two again.
fn parted(kept: &[SignalAxis], shape: &[Size]) -> Option<Vec<SignalAxis>> {
    let ([rows, channels], [first, second, last]) = (kept, shape) else {
        return None;
    };
    let Role::Rows {
        time_outside,
        sizes,
    } = rows.role
    else {
        return None;
    };
    let names = match time_outside {
        true => [Axis::Time, Axis::Batch],
        false => [Axis::Batch, Axis::Time],
    };
    let outer = SignalAxis::is(names[0], sizes[0]);
    let inner = SignalAxis::is(names[1], sizes[1]);
    let fits = fit([(*first, &outer), (*second, &inner), (*last, channels)]);
    fits.then(|| vec![outer, inner, *channels])
}
