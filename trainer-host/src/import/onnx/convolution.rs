//! A convolution over time.

use super::Walk;
use super::proto::Node;
use super::value::Signal;
use crate::import::error::Problem;
use crate::import::model::{Axis, ConvWeights, Layer, why_not_same_padding};
use crate::network::Padding;

impl Walk<'_> {
    /// Of an array of sequences, channels and steps.
    pub(super) fn convolution(&mut self, node: &Node) -> Result<Signal, Problem> {
        let refuse = |why: String| Problem::refused(node.title(), why);
        let mut signal = self.signal(node, 0)?;
        self.take_order(node, &mut signal, [Axis::Batch, Axis::Channel, Axis::Time])?;
        let (shape, values) = self.floats(node, 1)?;
        let [filters, channels, kernel] = shape[..] else {
            return Err(refuse(format!(
                "its weights have the shape {shape:?}, and are to have filters, channels and steps"
            )));
        };
        let all = |name: &str| node.attribute(name).map(|attribute| attribute.ints.clone());
        let is_one = |found: Option<Vec<i64>>| found.is_none_or(|found| found == [1]);
        if node.int("group", 1) != 1 || !is_one(all("dilations")) {
            return Err(refuse("groups and dilations are not taken".into()));
        }
        let auto = node
            .attribute("auto_pad")
            .map(|attribute| attribute.s.clone());
        let is_auto = auto.is_some_and(|auto| auto != b"NOTSET" && auto != b"VALID");
        let before = kernel as i64 - 1;
        let padding = match all("pads").unwrap_or_else(|| vec![0, 0])[..] {
            _ if is_auto => return Err(refuse(why_not_same_padding())),
            [0, 0] => Padding::Valid,
            [start, 0] if start == before => Padding::Causal,
            [_, 0] => {
                let why = format!(
                    "it pads the start by other than {before} steps (causal) or none (valid)"
                );
                return Err(refuse(why));
            }
            _ => return Err(refuse(why_not_same_padding())),
        };
        let stride = match all("strides").as_deref() {
            None => 1,
            Some([stride]) if *stride > 0 => *stride as usize,
            Some(other) => return Err(refuse(format!("strides {other:?} are no stride"))),
        };
        let bias = match self.optional(node, 2)? {
            None => None,
            Some(_) => Some(self.floats(node, 2)?.1),
        };
        let shape = (filters, channels, kernel);
        let weights = ConvWeights::channels_first(shape, &values, bias, (stride, padding));
        let mut after = self.after(&signal, Layer::Convolution(weights), node);
        let padded = match padding {
            Padding::Causal => kernel - 1,
            Padding::Valid => 0,
        };
        after.axes[1].size = Some(filters);
        after.axes[2].size = (after.axes[2].size)
            .and_then(|steps| (steps + padded).checked_sub(kernel))
            .map(|rest| rest / stride + 1);
        Ok(after)
    }
}
