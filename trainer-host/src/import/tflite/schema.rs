//! The tables of a TensorFlow Lite file that are read, by field number.
//!
//! Source: `tensorflow/compiler/mlir/lite/schema/schema.fbs`, whose numbers never change.

use super::flatbuffer::{Read, Table};

/// Operators by their numbers in the schema.
pub(super) mod op {
    pub(in super::super) const ADD: i32 = 0;
    pub(in super::super) const CONV_2D: i32 = 3;
    pub(in super::super) const DEQUANTIZE: i32 = 6;
    pub(in super::super) const FULLY_CONNECTED: i32 = 9;
    pub(in super::super) const LOGISTIC: i32 = 14;
    pub(in super::super) const MUL: i32 = 18;
    pub(in super::super) const RELU: i32 = 19;
    pub(in super::super) const RESHAPE: i32 = 22;
    pub(in super::super) const SOFTMAX: i32 = 25;
    pub(in super::super) const MEAN: i32 = 40;
    pub(in super::super) const SUB: i32 = 41;
    pub(in super::super) const DIV: i32 = 42;
    pub(in super::super) const UNIDIRECTIONAL_SEQUENCE_LSTM: i32 = 44;
    pub(in super::super) const STRIDED_SLICE: i32 = 45;
    pub(in super::super) const BIDIRECTIONAL_SEQUENCE_LSTM: i32 = 52;
    pub(in super::super) const SPLIT: i32 = 49;
    pub(in super::super) const UNPACK: i32 = 88;
    pub(in super::super) const QUANTIZE: i32 = 114;
    pub(in super::super) const WHILE: i32 = 119;
}

/// Activations within an operator, by their numbers in the schema.
pub(super) mod activation {
    pub(in super::super) const NONE: i8 = 0;
    pub(in super::super) const RELU: i8 = 1;
    pub(in super::super) const TANH: i8 = 4;
}

/// A network.
pub(super) struct Graph<'a> {
    pub(super) tensors: Vec<Tensor<'a>>,
    pub(super) inputs: Vec<i32>,
    pub(super) outputs: Vec<i32>,
    pub(super) operators: Vec<Operator<'a>>,
}

/// An array; a constant if it has bytes.
pub(super) struct Tensor<'a> {
    pub(super) name: String,
    pub(super) shape: Vec<i32>,
    /// 0 float32, 1 float16, 2 int32, 7 int16, 9 int8
    pub(super) kind: i8,
    pub(super) data: &'a [u8],
    pub(super) scale: Vec<f32>,
    pub(super) zero_point: Vec<i64>,
    pub(super) quantised_axis: i32,
}

/// One operator.
pub(super) struct Operator<'a> {
    pub(super) code: i32,
    /// Numbers of tensors; -1 for none.
    pub(super) inputs: Vec<i32>,
    pub(super) outputs: Vec<i32>,
    pub(super) options: Option<Table<'a>>,
}

impl<'a> Graph<'a> {
    /// The first graph of a file.
    pub(super) fn read(bytes: &'a [u8]) -> Read<Self> {
        let model = Table::root(bytes)?;
        let codes = model.tables(1)?.into_iter().map(|code| -> Read<i32> {
            // Numbers above 127 have the later field alone.
            let (old, new) = (
                code.scalar(0, i8::from_le_bytes, 0)?,
                code.scalar(3, i32::from_le_bytes, 0)?,
            );
            Ok(new.max(old.into()))
        });
        let codes: Vec<i32> = codes.collect::<Read<_>>()?;
        let buffers = model.tables(4)?;
        let graphs = model.tables(2)?;
        let graph = graphs.first().ok_or("there is no graph in it")?;
        let tensors = graph
            .tables(0)?
            .into_iter()
            .map(|t| Tensor::read(&t, &buffers));
        let operators = graph
            .tables(3)?
            .into_iter()
            .map(|o| Operator::read(&o, &codes));
        Ok(Self {
            tensors: tensors.collect::<Read<_>>()?,
            inputs: graph.scalars(1, i32::from_le_bytes)?,
            outputs: graph.scalars(2, i32::from_le_bytes)?,
            operators: operators.collect::<Read<_>>()?,
        })
    }
}

impl<'a> Tensor<'a> {
    fn read(table: &Table<'a>, buffers: &[Table<'a>]) -> Read<Self> {
        let buffer = table.scalar(2, u32::from_le_bytes, 0)? as usize;
        let buffer = buffers
            .get(buffer)
            .ok_or_else(|| format!("buffer {buffer} is not there"))?;
        let mut tensor = Self {
            name: table.text(3)?,
            shape: table.scalars(0, i32::from_le_bytes)?,
            kind: table.scalar(1, i8::from_le_bytes, 0)?,
            data: buffer.bytes(0)?,
            scale: Vec::new(),
            zero_point: Vec::new(),
            quantised_axis: 0,
        };
        if let Some(quantisation) = table.table(4)? {
            tensor.scale = quantisation.scalars(2, f32::from_le_bytes)?;
            tensor.zero_point = quantisation.scalars(3, i64::from_le_bytes)?;
            tensor.quantised_axis = quantisation.scalar(6, i32::from_le_bytes, 0)?;
        }
        Ok(tensor)
    }
}

impl<'a> Operator<'a> {
    fn read(table: &Table<'a>, codes: &[i32]) -> Read<Self> {
        let code = table.scalar(0, u32::from_le_bytes, 0)? as usize;
        Ok(Self {
            code: *codes
                .get(code)
                .ok_or_else(|| format!("operator code {code} is not there"))?,
            inputs: table.scalars(1, i32::from_le_bytes)?,
            outputs: table.scalars(2, i32::from_le_bytes)?,
            options: table.table(4)?,
        })
    }
}
