//! Operators that turn axes around, pick steps, and compute shapes.

use super::proto::Node;
use super::value::{Number, Role, Signal, SignalAxis, Value, axis_number};
use super::{MOST_AXES, Walk};
use crate::import::error::{Kind, Problem};
use crate::import::model::{Axis, Layer};

/// Whole numbers in one list that operators join, at most; a shape has a few.
const MOST_SIZES: usize = 64;

impl Walk<'_> {
    /// Whole numbers that are an input, or an attribute in operators of an earlier version.
    fn ints(&self, node: &Node, n: usize, name: &str) -> Result<Option<Vec<i64>>, Problem> {
        if let Some(attribute) = node.attribute(name) {
            return Ok(Some(attribute.ints.clone()));
        }
        match self.optional(node, n)? {
            None => Ok(None),
            Some(Value::Ints { values, .. }) => {
                let known: Option<Vec<i64>> = values.into_iter().map(|n| n.value).collect();
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
        let sizes: Vec<Number> = match self.input(node, 0)? {
            Value::Signal(mut signal) => {
                self.name_axes(&mut signal);
                let root = self.root(signal.at);
                (signal.axes.iter())
                    .map(|axis| Number::of(*axis, root))
                    .collect()
            }
            Value::Floats { shape, .. } => shape.iter().map(|n| (*n as i64).into()).collect(),
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
                Value::Ints { values, .. } if all.len() + values.len() <= MOST_SIZES => {
                    all.extend(values);
                }
                Value::Ints { .. } => {
                    return Err(Problem::refused(
                        node.title(),
                        format!("it joins more than {MOST_SIZES} whole numbers; a shape has a few"),
                    ));
                }
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
                let index = axis_number(index.value?, values.len())?;
                Some(values[index])
            });
            let values: Option<Vec<Number>> = picked.collect();
            let values = values
                .ok_or_else(|| Problem::refused(node.title(), "it picks what is not there"))?;
            return Ok(Value::Ints { scalar, values });
        }
        let signal = self.signal(node, 0)?;
        match indices[..] {
            [
                Number {
                    value: Some(index), ..
                },
            ] => self
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
            Role::Is(Axis::Time) if is_last && self.tree[signal.at].lengths.is_some() => {
                return Err(Problem::refused(
                    node.title(),
                    "it picks the last step, which is zero in each sequence that sequence_lens make shorter; \
                     Y_h is the last valid one",
                ));
            }
            Role::Is(Axis::Time) if is_last => self.after(signal, Layer::LastStep, node),
            Role::Is(Axis::Time) => {
                return Err(Problem::refused(
                    node.title(),
                    format!("it picks step {index}, and only the last valid one can be"),
                ));
            }
            Role::Is(Axis::Half) => {
                return Err(Problem::refused(
                    node.title(),
                    "it picks one of the two directions; let both become one axis of channels, in PyTorch by \
                     `h_n.transpose(0, 1).flatten(1)`",
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

    /// `ReduceMean` over the steps, or `GlobalAveragePool`, which takes all axes behind the second one.
    pub(super) fn mean_over_time(&mut self, node: &Node) -> Result<Signal, Problem> {
        let signal = self.signal(node, 0)?;
        let (axes, keeps) = match node.op_type.as_str() {
            "GlobalAveragePool" => (Some((2..signal.axes.len() as i64).collect()), true),
            _ => (self.ints(node, 1, "axes")?, node.int("keepdims", 1) != 0),
        };
        let axes: Vec<i64> = axes.unwrap_or_default();
        let [axis] = axes[..] else {
            let why = "it is a mean over several axes; one over the steps is taken";
            return Err(Problem::refused(node.title(), why));
        };
        let axis = self.axis(node, &signal, axis)?;
        if signal.axes[axis].role != Role::Is(Axis::Time) {
            let why =
                "it is a mean over another axis than the steps of a recurrent layer's outputs";
            return Err(Problem::refused(node.title(), why));
        }
        if self.tree[signal.at].lengths.is_some() {
            let why = "it is a mean over all steps, also those behind the end of sequences that sequence_lens make \
                       shorter; here each mean is that of a sequence's own steps";
            return Err(Problem::refused(node.title(), why));
        }
        let mut mean = self.after(&signal, Layer::Mean, node);
        match keeps {
            true => mean.axes[axis] = SignalAxis::one(),
            false => {
                mean.axes.remove(axis);
            }
        }
        Ok(mean)
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
        if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] {
            let why = "its starts, ends, axes and steps are not as many of each";
            return Err(Problem::refused(node.title(), why));
        }
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
            return match values.len() {
                1 => Ok(Value::Ints {
                    scalar: true,
                    values,
                }),
                _ => Err(Problem::refused(
                    node.title(),
                    "it makes one number of several",
                )),
            };
        }
        let mut signal = self.signal(node, 0)?;
        let is_one = |axis: &SignalAxis| axis.role == Role::Is(Axis::One);
        let Some(axes) = axes else {
            signal.axes.retain(|axis| !is_one(axis));
            // Which of them are there depends on sizes that are one by chance, or are open.
            return match signal.axes.iter().all(|axis| axis.size != Some(1)) {
                true => Ok(Value::Signal(signal)),
                false => Err(Problem::refused(
                    node.title(),
                    "it takes out every axis of length one, and steps, sequences or channels are one",
                )),
            };
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
            Value::Ints {
                scalar: true,
                values,
            } => {
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
        let numbers = order.iter().map(|axis| axis_number(*axis, rank));
        let numbers: Option<Vec<usize>> = numbers.collect();
        let all = |numbers: &Vec<usize>| (0..rank).all(|axis| numbers.contains(&axis));
        match numbers.filter(|numbers| numbers.len() == rank && all(numbers)) {
            Some(numbers) => signal.axes = numbers.into_iter().map(|n| signal.axes[n]).collect(),
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
        let rank = signal.axes.len() as i64;
        let at = match node.int("axis", 1) {
            end if end == rank => rank as usize,
            axis => self.axis(node, &signal, axis)?,
        };
        let (before, after) = signal.axes.split_at(at);
        let is = |axes: &[SignalAxis], wanted: Axis| {
            let mut long = axes.iter().filter(|axis| axis.role != Role::Is(Axis::One));
            long.next()
                .is_some_and(|axis| axis.role == Role::Is(wanted))
                && long.next().is_none()
        };
        if !is(before, Axis::Batch) || !is(after, Axis::Channel) {
            return Err(Problem::refused(
                node.title(),
                "it flattens steps, so that a dense layer reads all of them at once",
            ));
        }
        signal.axes.retain(|axis| axis.role != Role::Is(Axis::One));
        Ok(signal)
    }
}

/// Puts `new` in at places of the result.
fn insert<T: Copy>(node: &Node, into: &mut Vec<T>, axes: &[i64], new: T) -> Result<(), Problem> {
    let rank = into.len() + axes.len();
    if rank > MOST_AXES {
        let why = format!("it makes more than {MOST_AXES} axes");
        return Err(Problem::refused(node.title(), why));
    }
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
