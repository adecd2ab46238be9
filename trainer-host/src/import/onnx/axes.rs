//! Operators that turn axes around, pick steps, and compute shapes.

use super::Walk;
use super::proto::Node;
use super::value::{Role, Signal, SignalAxis, Value, axis_number};
use crate::import::error::{Kind, Problem};
use crate::import::model::{Axis, Layer};

impl Walk<'_> {
    /// Whole numbers that are an input, or an attribute in operators of an earlier version.
    fn ints(&self, node: &Node, n: usize, name: &str) -> Result<Option<Vec<i64>>, Problem> {
        if let Some(attribute) = node.attribute(name) {
            return Ok(Some(attribute.ints.clone()));
        }
        match self.optional(node, n)? {
            None => Ok(None),
            Some(Value::Ints { values, .. }) => {
                let known: Option<Vec<i64>> = values.into_iter().collect();
                let unknown =
                    || Problem::refused(node.title(), format!("{name} depends on the input"));
                known.ok_or_else(unknown).map(Some)
            }
            Some(_) => Err(Problem::refused(
                node.title(),
                format!("{name} is not whole numbers"),
            )),
        }
    }

    pub(super) fn shape(&self, node: &Node) -> Result<Value, Problem> {
        let sizes: Vec<Option<i64>> = match self.input(node, 0)? {
            Value::Signal(signal) => (signal.axes.iter())
                .map(|axis| axis.size.map(|n| n as i64))
                .collect(),
            Value::Floats { shape, .. } => shape.iter().map(|n| Some(*n as i64)).collect(),
            _ => {
                return Err(Problem::refused(
                    node.title(),
                    "the shape of such a value is not known",
                ));
            }
        };
        let rank = sizes.len();
        let bound = |name: &str, default: usize| match node.attribute(name) {
            None => default,
            Some(at) if at.i < 0 => axis_number(at.i, rank).unwrap_or(0),
            Some(at) => usize::try_from(at.i).unwrap_or(rank).min(rank),
        };
        let (start, end) = (bound("start", 0), bound("end", rank));
        let values = sizes.get(start..end).unwrap_or(&[]).to_vec();
        Ok(Value::Ints {
            scalar: false,
            values,
        })
    }

    pub(super) fn concat(&self, node: &Node) -> Result<Value, Problem> {
        let mut all = Vec::new();
        for n in 0..node.input.len() {
            match self.input(node, n)? {
                Value::Ints { values, .. } => all.extend(values),
                _ => {
                    return Err(Problem::refused(
                        node.title(),
                        "it joins arrays, and a network here is a chain",
                    ));
                }
            }
        }
        Ok(Value::Ints {
            scalar: false,
            values: all,
        })
    }

    pub(super) fn expand(&self, node: &Node) -> Result<Value, Problem> {
        match self.input(node, 0)? {
            Value::Filled(value) => Ok(Value::Filled(value)),
            Value::Floats { values, .. } if values.windows(2).all(|pair| pair[0] == pair[1]) => {
                Ok(Value::Filled(values.first().copied().unwrap_or(0.0).into()))
            }
            _ => Err(Problem::refused(
                node.title(),
                "it repeats something else than one number",
            )),
        }
    }

    /// One element of a shape, or one step of an array.
    pub(super) fn gather(&mut self, node: &Node) -> Result<Value, Problem> {
        let Value::Ints {
            scalar,
            values: indices,
        } = self.input(node, 1)?
        else {
            return Err(Problem::refused(
                node.title(),
                "its indices are not whole numbers",
            ));
        };
        let axis = node.int("axis", 0);
        if let Value::Ints { values, .. } = self.input(node, 0)? {
            let picked = indices.iter().map(|index| {
                let index = axis_number((*index)?, values.len())?;
                Some(values[index])
            });
            let values: Option<Vec<Option<i64>>> = picked.collect();
            let values = values
                .ok_or_else(|| Problem::refused(node.title(), "it picks what is not there"))?;
            return Ok(Value::Ints { scalar, values });
        }
        let signal = self.signal(node, 0)?;
        match indices[..] {
            [Some(index)] => self
                .pick(node, &signal, axis, index, scalar)
                .map(Value::Signal),
            _ => Err(Problem::refused(node.title(), "it picks several elements")),
        }
    }

    /// Element `index` of an axis, which is then gone or has length one.
    fn pick(
        &mut self,
        node: &Node,
        signal: &Signal,
        axis: i64,
        index: i64,
        gone: bool,
    ) -> Result<Signal, Problem> {
        let axis = self.axis(node, signal, axis)?;
        let SignalAxis { role, size } = signal.axes[axis];
        let is_last = index == -1 || size.is_some_and(|size| index == size as i64 - 1);
        let mut picked = match role {
            Role::Is(Axis::One) if index == 0 || index == -1 => signal.clone(),
            Role::Is(Axis::Time) if is_last && self.lengths.is_none() => {
                self.after(signal, Layer::LastStep, node)
            }
            Role::Is(Axis::Time) => {
                return Err(Problem::refused(
                    node.title(),
                    format!("it picks step {index}, and only the last valid one can be"),
                ));
            }
            _ => {
                return Err(Problem::refused(
                    node.title(),
                    "it picks some of the channels or sequences",
                ));
            }
        };
        match gone {
            true => {
                picked.axes.remove(axis);
            }
            false => picked.axes[axis] = SignalAxis::one(),
        }
        Ok(picked)
    }

    fn axis(&self, node: &Node, signal: &Signal, axis: i64) -> Result<usize, Problem> {
        let rank = signal.axes.len();
        axis_number(axis, rank)
            .ok_or_else(|| Problem::Damaged(format!("{}: axis {axis} of {rank}", node.title())))
    }

    pub(super) fn slice(&mut self, node: &Node) -> Result<Value, Problem> {
        let mut signal = self.signal(node, 0)?;
        let needed = |values: Option<Vec<i64>>| {
            values.ok_or_else(|| {
                Problem::Damaged(format!("{}: starts or ends are missing", node.title()))
            })
        };
        let starts = needed(self.ints(node, 1, "starts")?)?;
        let ends = needed(self.ints(node, 2, "ends")?)?;
        let axes = self.ints(node, 3, "axes")?;
        let axes = axes.unwrap_or_else(|| (0..starts.len() as i64).collect());
        let steps = self
            .ints(node, 4, "steps")?
            .unwrap_or_else(|| vec![1; starts.len()]);
        for (((start, end), axis), step) in starts.iter().zip(&ends).zip(&axes).zip(&steps) {
            let number = self.axis(node, &signal, *axis)?;
            let SignalAxis { role, size } = signal.axes[number];
            let size = size.map(|size| size as i64);
            let to_end = *end >= size.unwrap_or(i64::from(i32::MAX));
            match (role, *step) {
                (_, 1) if *start == 0 && to_end => {}
                (_, 1) if (*start == -1 || Some(*start) == size.map(|n| n - 1)) && to_end => {
                    signal = self.pick(node, &signal, *axis, -1, false)?;
                }
                (Role::Is(Axis::Time) | Role::Input(_), -1) => {
                    return Err(Problem::later(node.title(), Kind::Reverse));
                }
                _ => {
                    return Err(Problem::refused(
                        node.title(),
                        "it cuts something else than the last step out",
                    ));
                }
            }
        }
        Ok(Value::Signal(signal))
    }

    pub(super) fn squeeze(&mut self, node: &Node) -> Result<Value, Problem> {
        let axes = self.ints(node, 1, "axes")?;
        if let Value::Ints { values, .. } = self.input(node, 0)? {
            return Ok(Value::Ints {
                scalar: true,
                values,
            });
        }
        let mut signal = self.signal(node, 0)?;
        let is_one = |axis: &SignalAxis| axis.role == Role::Is(Axis::One);
        let Some(axes) = axes else {
            signal.axes.retain(|axis| !is_one(axis));
            return Ok(Value::Signal(signal));
        };
        let mut gone = Vec::new();
        for axis in axes {
            let axis = self.axis(node, &signal, axis)?;
            if !is_one(&signal.axes[axis]) {
                return Err(Problem::refused(
                    node.title(),
                    "it takes out an axis of steps, sequences or channels",
                ));
            }
            gone.push(axis);
        }
        let mut number = 0..;
        signal
            .axes
            .retain(|_| !number.next().is_some_and(|n| gone.contains(&n)));
        Ok(Value::Signal(signal))
    }

    pub(super) fn unsqueeze(&mut self, node: &Node) -> Result<Value, Problem> {
        let axes = self.ints(node, 1, "axes")?.unwrap_or_default();
        match self.input(node, 0)? {
            Value::Ints { values, .. } => {
                return Ok(Value::Ints {
                    scalar: false,
                    values,
                });
            }
            Value::Filled(value) => return Ok(Value::Filled(value)),
            Value::Floats { mut shape, values } => {
                insert(node, &mut shape, &axes, 1)?;
                return Ok(Value::Floats { shape, values });
            }
            _ => {}
        }
        let mut signal = self.signal(node, 0)?;
        insert(node, &mut signal.axes, &axes, SignalAxis::one())?;
        Ok(Value::Signal(signal))
    }

    pub(super) fn transpose(&mut self, node: &Node) -> Result<Value, Problem> {
        let order = node.attribute("perm").map(|perm| perm.ints.clone());
        if let Value::Floats { shape, values } = self.input(node, 0)? {
            let ([rows, columns], None | Some([1, 0])) = (&shape[..], order.as_deref()) else {
                return Err(Problem::refused(
                    node.title(),
                    "a constant with more than two axes is turned",
                ));
            };
            let turned = (0..columns * rows).map(|n| values[n % rows * columns + n / rows]);
            return Ok(Value::Floats {
                shape: vec![*columns, *rows],
                values: turned.collect(),
            });
        }
        let mut signal = self.signal(node, 0)?;
        let rank = signal.axes.len();
        let order = order.unwrap_or_else(|| (0..rank as i64).rev().collect());
        let axes: Option<Vec<SignalAxis>> = (order.iter())
            .map(|axis| Some(signal.axes[axis_number(*axis, rank)?]))
            .collect();
        let mut sorted = order.clone();
        sorted.sort_unstable();
        sorted.dedup();
        match axes.filter(|axes| axes.len() == rank && sorted.len() == rank) {
            Some(axes) => signal.axes = axes,
            None => {
                return Err(Problem::Damaged(format!(
                    "{}: perm {order:?} of {rank} axes",
                    node.title()
                )));
            }
        }
        Ok(Value::Signal(signal))
    }

    /// Sequences and units in two axes, where there is nothing else.
    pub(super) fn flatten(&mut self, node: &Node) -> Result<Signal, Problem> {
        let mut signal = self.signal(node, 0)?;
        signal.axes.retain(|axis| axis.role != Role::Is(Axis::One));
        let roles: Vec<Role> = signal.axes.iter().map(|axis| axis.role).collect();
        match (
            roles[..] == [Role::Is(Axis::Batch), Role::Is(Axis::Channel)],
            node.int("axis", 1),
        ) {
            (true, 1) => Ok(signal),
            _ => Err(Problem::refused(
                node.title(),
                "it flattens steps, so that a dense layer reads all of them at once",
            )),
        }
    }

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
        match reshaped(&signal.axes, &shape, node.int("allowzero", 0) == 0) {
            Some(axes) => signal.axes = axes,
            None => {
                return Err(Problem::refused(
                    node.title(),
                    "it does more than put in or take out axes of length one, or join sequences and steps",
                ));
            }
        }
        Ok(Value::Signal(signal))
    }
}

/// Puts `new` in at places of the result.
fn insert<T: Copy>(node: &Node, into: &mut Vec<T>, axes: &[i64], new: T) -> Result<(), Problem> {
    let rank = into.len() + axes.len();
    let places: Option<Vec<usize>> = axes.iter().map(|axis| axis_number(*axis, rank)).collect();
    let damaged = || Problem::Damaged(format!("{}: axes {axes:?} of {rank}", node.title()));
    let mut places = places.ok_or_else(damaged)?;
    places.sort_unstable();
    for place in places {
        if place > into.len() {
            return Err(damaged());
        }
        into.insert(place, new);
    }
    Ok(())
}

/// The axes after a reshape to `shape`, in which `None` is any number, -1 what is left, and 0 (with `copies`) the same
/// as before.
pub(super) fn reshaped(
    axes: &[SignalAxis],
    shape: &[Option<i64>],
    copies: bool,
) -> Option<Vec<SignalAxis>> {
    let kept: Vec<SignalAxis> = (axes.iter().copied())
        .filter(|axis| axis.role != Role::Is(Axis::One))
        .collect();
    one_to_one(axes, &kept, shape, copies)
        .or_else(|| joined(&kept, shape))
        .or_else(|| parted(&kept, shape))
}

/// Every axis stays, and those of length one come and go.
fn one_to_one(
    axes: &[SignalAxis],
    kept: &[SignalAxis],
    shape: &[Option<i64>],
    copies: bool,
) -> Option<Vec<SignalAxis>> {
    let mut left = kept.iter().copied().peekable();
    let mut result = Vec::new();
    for (place, length) in shape.iter().enumerate() {
        let spare = shape.len() - place > left.len();
        let is_one = match length {
            Some(0) if copies => axes.get(place)?.role == Role::Is(Axis::One),
            Some(1) => left.peek().is_none_or(|axis| spare && axis.size != Some(1)),
            _ => false,
        };
        if is_one {
            result.push(SignalAxis::one());
            continue;
        }
        let axis = left.next()?;
        let fits = match length {
            None | Some(-1 | 0) => true,
            Some(length) => axis.size.is_none_or(|size| size as i64 == *length),
        };
        if !fits {
            return None;
        }
        result.push(axis);
    }
    left.next().is_none().then_some(result)
}

/// Steps and sequences become one axis.
fn joined(kept: &[SignalAxis], shape: &[Option<i64>]) -> Option<Vec<SignalAxis>> {
    let ([first, second, channels], [rows, last]) = (kept, shape) else {
        return None;
    };
    let fits = |length: &Option<i64>, size: Option<usize>| match (length, size) {
        (None | Some(-1), _) | (_, None) => true,
        (Some(length), Some(size)) => size as i64 == *length,
    };
    let product = first
        .size
        .zip(second.size)
        .and_then(|(a, b)| a.checked_mul(b));
    let time_outside = match (first.role, second.role) {
        (Role::Is(Axis::Time), Role::Is(Axis::Batch)) => true,
        (Role::Is(Axis::Batch), Role::Is(Axis::Time)) => false,
        _ => return None,
    };
    let is_channel = channels.role == Role::Is(Axis::Channel);
    (is_channel && fits(rows, product) && fits(last, channels.size)).then(|| {
        let role = Role::Rows { time_outside };
        vec![
            SignalAxis {
                role,
                size: product,
            },
            *channels,
        ]
    })
}

/// And become two again.
fn parted(kept: &[SignalAxis], shape: &[Option<i64>]) -> Option<Vec<SignalAxis>> {
    let ([rows, channels], [first, second, _]) = (kept, shape) else {
        return None;
    };
    let Role::Rows { time_outside } = rows.role else {
        return None;
    };
    let size = |length: &Option<i64>| length.and_then(|n| usize::try_from(n).ok());
    let [outer, inner] = match time_outside {
        true => [Axis::Time, Axis::Batch],
        false => [Axis::Batch, Axis::Time],
    };
    Some(vec![
        SignalAxis::is(outer, size(first)),
        SignalAxis::is(inner, size(second)),
        *channels,
    ])
}
