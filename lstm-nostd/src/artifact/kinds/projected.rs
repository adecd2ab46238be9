//! An LSTM layer with a recurrent projection in a model file: read, checked and written.
//!
//! Two records come first: a [`RecurrentRecord`] as an LSTM's, whose units are the `H` cells, and a [`ProjectionRecord`].
//! Then:
//!
//! | section | content |
//! | --- | --- |
//! | units | those of an LSTM, see [`super::lstm`], whose rows have `P` recurrent weights |
//! | projection | those of a dense layer of `P` outputs on `H` inputs, see [`super::dense`] |

use super::dense::{self, MAX_OUTPUT_SHIFT};
use super::lstm;
use crate::artifact::LayerKind;
use crate::artifact::cursor::Reader;
use crate::artifact::layer::{Place, Stop, View, layer_range};
use crate::artifact::rows::RecurrentRecord;
use crate::kernels::{ProjectedParameters, ProjectionRecord, Width};

/// The bits of the largest number of 32 bits.
const MAX_UNIT: u32 = f32::MAX.to_bits();

impl<'m> View<'m> for ProjectedParameters<'m> {
    const KIND: LayerKind = LayerKind::Projected;

    fn read(reader: &mut Reader<'m>, place: Place) -> Result<Self, Stop> {
        let units: &RecurrentRecord = reader.record()?;
        let record: &ProjectionRecord = reader.record()?;
        let output_shift = record.output_shift.into();
        layer_range("outputs", record.outputs.into(), 1, u16::MAX.into())?;
        layer_range("output shift", output_shift, 0, MAX_OUTPUT_SHIFT.into())?;
        layer_range("unit of the outputs", record.unit, 1, MAX_UNIT)?;
        let outputs = record.outputs.into();
        let lstm = lstm::sections(reader, units, Self::KIND, place, Some(outputs))?;
        let sizes = (lstm.units(), outputs);
        let (scheme, shifts) = (lstm.rows.scheme(), (output_shift, 0));
        let mut words = reader.clone();
        let (rows, end) = (reader.left(), {
            dense::sections(reader, scheme, record.order, sizes, shifts)?;
            reader.left()
        });
        Ok(Self {
            lstm,
            record,
            words: words.slice(rows.saturating_sub(end) / size_of::<u32>())?,
        })
    }

    fn handed_on(&self) -> (usize, Width) {
        self.lstm.handed_on()
    }
}

#[cfg(feature = "write")]
pub use content::Projected;

#[cfg(feature = "write")]
mod content {
    use alloc::vec::Vec;
    use core::ops::{Deref, DerefMut};

    use crate::artifact::cursor::{Writer, fitted};
    use crate::artifact::kinds::lstm::Lstm;
    use crate::artifact::layer::Content;
    use crate::artifact::{Dense, LayerError, LayerKind, WriteError};
    use crate::kernels::projected::scratch_blocks;
    use crate::kernels::{Order, ProjectedParameters, ProjectionRecord, Scheme};
    use crate::layers::LayerSize;

    /// The integers of one LSTM layer with a recurrent projection.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct Projected {
        /// The units: recurrent weights are `[4H][P]`.
        pub lstm: Lstm,
        /// The projection, `[P][H]`, in the scheme of the units. It converts nothing below.
        pub projection: Dense,
        /// See [`ProjectedParameters::unit`](crate::kernels::ProjectedParameters::unit).
        pub unit: f32,
    }

    impl Deref for Projected {
        type Target = Lstm;

        fn deref(&self) -> &Lstm {
            &self.lstm
        }
    }

    impl DerefMut for Projected {
        fn deref_mut(&mut self) -> &mut Lstm {
            &mut self.lstm
        }
    }

    impl Projected {
        /// Outputs, `P`.
        pub fn outputs(&self) -> usize {
            self.projection.weight.len()
        }

        /// A layer of the same shape in this scheme whose weights and biases are zero, with nothing to convert below.
        pub(in crate::artifact::kinds) fn without_weights(&self, scheme: Scheme) -> Self {
            let zeros = |row: &Vec<i8>| alloc::vec![0; row.len()];
            Self {
                lstm: self.lstm.without_weights(scheme),
                projection: Dense {
                    scheme,
                    weight: self.projection.weight.iter().map(zeros).collect(),
                    bias: alloc::vec![0; self.outputs()],
                    ..self.projection.clone()
                },
                unit: self.unit,
            }
        }
    }

    impl Content for Projected {
        fn kind(&self) -> LayerKind {
            LayerKind::Projected
        }

        fn size(&self) -> LayerSize {
            let (units, width) = (self.lstm.size(), self.scheme.width());
            let hidden = width.blocks(units.outputs.max(self.outputs()));
            LayerSize {
                outputs: self.outputs(),
                scratch: scratch_blocks(hidden, self.outputs()),
                ..units
            }
        }

        fn check_weights(&self) -> Result<(), LayerError> {
            self.lstm.check_weights()?;
            self.projection.check_weights()
        }

        fn write(&self, order: Order, _: bool, out: &mut Writer) -> Result<(), WriteError> {
            let (units, rows) = (order.of(self.scheme), self.projection.order(order));
            out.record(&self.lstm.record(self.kind(), self.lstm.hidden(), units)?);
            out.record(&ProjectionRecord {
                outputs: fitted("outputs", self.outputs())?,
                output_shift: self.projection.output_shift,
                order: rows.code(),
                unit: self.unit.to_bits(),
            });
            self.lstm.write_sections(units, out);
            self.projection.write_sections(rows, out);
            Ok(())
        }
    }

    impl From<&ProjectedParameters<'_>> for Projected {
        /// The content of a parsed layer.
        fn from(layer: &ProjectedParameters<'_>) -> Self {
            Self {
                lstm: (&layer.lstm).into(),
                projection: layer
                    .projection()
                    .map_or_else(Dense::default, |rows| (&rows).into()),
                unit: layer.unit(),
            }
        }
    }
}
