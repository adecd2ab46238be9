//! Constants of a TensorFlow Lite file as floats.

use ndarray::Array2;

use super::Chain;
use super::schema::{Operator, Tensor};
use crate::import::error::{Problem, short};
use crate::import::half;

impl Chain<'_> {
    /// The tensor that is input `n` of an operator, if it has one.
    pub(super) fn tensor(&self, operator: &Operator<'_>, n: usize) -> Option<&Tensor<'_>> {
        let number = usize::try_from(*operator.inputs.get(n)?).ok()?;
        self.graph.tensors.get(number)
    }

    /// The shape of input `n`.
    pub(super) fn shape(&self, operator: &Operator<'_>, n: usize) -> &[i32] {
        self.tensor(operator, n).map_or(&[], |tensor| &tensor.shape)
    }

    /// Input `n`, a constant matrix.
    pub(super) fn matrix(
        &mut self,
        operator: &Operator<'_>,
        n: usize,
        title: &str,
    ) -> Result<Array2<f32>, Problem> {
        let values = self.vector(operator, n, title)?;
        let shape = self.shape(operator, n);
        let damaged = || {
            Problem::Damaged(format!(
                "{title}: input {n} of shape {shape:?} is no matrix"
            ))
        };
        let sizes = shape.iter().map(|size| usize::try_from(*size));
        match sizes.collect::<Result<Vec<_>, _>>().as_deref() {
            Ok([rows, columns]) => {
                let values = values.ok_or_else(damaged)?;
                Array2::from_shape_vec((*rows, *columns), values).map_err(|_| damaged())
            }
            _ => Err(damaged()),
        }
    }

    /// Input `n`, a constant; `None` if the operator has no such input.
    pub(super) fn vector(
        &mut self,
        operator: &Operator<'_>,
        n: usize,
        title: &str,
    ) -> Result<Option<Vec<f32>>, Problem> {
        let Some(tensor) = self.tensor(operator, n) else {
            return Ok(None);
        };
        self.budget.take(title, tensor.data.len())?;
        let values = tensor.floats().map_err(|why| {
            Problem::refused(title, format!("input {n} ({}): {why}", short(&tensor.name)))
        })?;
        let is_integer = tensor.kind > 1;
        self.integer |= is_integer;
        Ok(Some(values))
    }

    /// Input `n`, constant whole numbers.
    pub(super) fn ints(
        &self,
        operator: &Operator<'_>,
        n: usize,
        title: &str,
    ) -> Result<Vec<i32>, Problem> {
        match self.tensor(operator, n) {
            Some(tensor) if tensor.kind == 2 => Ok(tensor
                .data
                .chunks_exact(4)
                .map(|b| i32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                .collect()),
            _ => Err(Problem::refused(
                title,
                format!("input {n} is not constant whole numbers"),
            )),
        }
    }
}

impl Tensor<'_> {
    /// Channels of an array of sequences, where the file says them.
    pub(super) fn channels(&self) -> Option<usize> {
        match self.shape[..] {
            [_, _, channels] => usize::try_from(channels).ok().filter(|n| *n > 0),
            _ => None,
        }
    }

    /// The values as floats: integers are `scale · (code − zero point)`.
    fn floats(&self) -> Result<Vec<f32>, String> {
        let size = match self.kind {
            0 | 2 => 4,
            1 | 7 => 2,
            9 => 1,
            other => {
                return Err(format!(
                    "its type (number {other} of the schema) is not taken"
                ));
            }
        };
        let sizes: Option<Vec<usize>> = self
            .shape
            .iter()
            .map(|n| usize::try_from(*n).ok())
            .collect();
        let sizes = sizes.ok_or("it has a negative size")?;
        let count = sizes
            .iter()
            .try_fold(1usize, |product, n| product.checked_mul(*n));
        if count.and_then(|count| count.checked_mul(size)) != Some(self.data.len()) {
            let (shape, bytes) = (&self.shape, self.data.len());
            return Err(format!(
                "it is no constant, or {bytes} bytes do not make the shape {shape:?}"
            ));
        }
        let chunks = self.data.chunks_exact(size);
        match self.kind {
            0 => Ok(chunks
                .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                .collect()),
            1 => Ok(chunks
                .map(|b| half::from_f16(u16::from_le_bytes([b[0], b[1]])))
                .collect()),
            _ => self.dequantised(&sizes, chunks),
        }
    }

    /// Each code by its channel's scale and zero point, or by the only ones.
    fn dequantised(
        &self,
        sizes: &[usize],
        codes: std::slice::ChunksExact<'_, u8>,
    ) -> Result<Vec<f32>, String> {
        let axis = usize::try_from(self.quantised_axis).unwrap_or(usize::MAX);
        let along = sizes.get(axis).copied().unwrap_or(1).max(1);
        let inner = sizes
            .iter()
            .skip(axis.saturating_add(1))
            .product::<usize>()
            .max(1);
        if ![1, along].contains(&self.scale.len()) {
            return Err(format!(
                "it has {} scales for {along} channels",
                self.scale.len()
            ));
        }
        let codes = codes.map(|bytes| match *bytes {
            [a] => i64::from(a as i8),
            [a, b] => i64::from(i16::from_le_bytes([a, b])),
            [a, b, c, d] => i64::from(i32::from_le_bytes([a, b, c, d])),
            _ => 0,
        });
        let values = codes.enumerate().map(|(k, code)| {
            let channel = k / inner % along;
            let of = |count: usize| channel.min(count.saturating_sub(1));
            let scale = self.scale[of(self.scale.len())];
            let zero = self
                .zero_point
                .get(of(self.zero_point.len()))
                .copied()
                .unwrap_or(0);
            (f64::from(scale) * code.saturating_sub(zero) as f64) as f32
        });
        Ok(values.collect())
    }
}
