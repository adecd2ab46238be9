//! Recurrent layers of any kind in a pass. What kinds have in common is in [`pass`] and [`back`]: products, states and
//! masks. A kind brings its parameters in panels, here, and the elementwise half of its step.
//!
//! Sums of gates lie in blocks of H' columns, the units rounded up to whole panels of 16. A kind decides in which blocks
//! the products of inputs and of the state enter, see [`Blocks`]; so both are one matrix product each.

mod back;
mod gru_before_cell;
mod gru_cell;
mod lstm_cell;
mod pass;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, ArrayViewMut2, s};

pub(crate) use self::back::{RecurrentBack, RecurrentTransposed};
use self::lstm_cell::{CellSums, Peepholes};
pub(crate) use self::pass::RecurrentPass;
use crate::compute::lanes::{Backend, LANES, Line};
use crate::compute::panels::Panels;
use crate::network::lstm::{PEEPHOLES, gate_of_peephole};
use crate::network::{
    GateRole, GruBeforeLayer, GruLayer, LstmLayer, Recurrent as _, RecurrentLayer,
};
use crate::passes::activation_format::ActivationFormat;
use crate::passes::dropout::Dropout;
use crate::passes::steps::Steps;

/// What a layer needs of the pass that it is part of.
#[derive(Clone, Copy)]
pub(crate) struct Around<'a> {
    pub(crate) backend: Backend,
    pub(crate) steps: &'a Steps,
    pub(crate) dropout: &'a Dropout,
    /// What the layer's outputs are rounded to.
    pub(crate) format: Option<ActivationFormat>,
    /// What the units of a layer with a projection show is rounded to.
    pub(crate) shown: Option<ActivationFormat>,
}

/// Where the sums of a layer's G gates lie: in four blocks of H' columns. Those of the inputs are G neighbours, and so are
/// those of the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Blocks {
    units: usize,
    gates: usize,
    /// The block of the first gate's sum of inputs; the others follow.
    first_of_inputs: usize,
    /// The sum of the state of gate g lies in block (g + turn) mod G.
    turn: usize,
    /// The first gates, whose products are with the state itself: all of them, but for a candidate that sees the state
    /// that a gate has reset.
    of_state: usize,
}

impl Blocks {
    /// How many there are of any kind.
    const ALL: usize = 4;

    fn of(layer: &RecurrentLayer) -> Self {
        let gates = layer.gates().len();
        let (first_of_inputs, turn, of_state) = match layer {
            // i, g, o and f, which has no sums.
            RecurrentLayer::Lstm(_) | RecurrentLayer::Coupled(_) | RecurrentLayer::Projected(_) => {
                (0, 0, gates)
            }
            // q, r, z, n
            RecurrentLayer::Gru(_) => (1, 1, gates),
            // r, z, n and one without sums.
            RecurrentLayer::GruBefore(_) => (0, 0, gates - 1),
        };
        Self {
            units: layer.units(),
            gates,
            first_of_inputs,
            turn,
            of_state,
        }
    }

    /// Rows of weights that meet the state itself; those of candidates follow that see what a gate has reset.
    fn state_rows(self) -> usize {
        self.of_state * self.units
    }

    /// The first panel of the sums of such candidates.
    fn reset_panel(self) -> usize {
        self.of_state * self.padded() / LANES
    }

    /// Units rounded up to whole panels, H'.
    fn padded(self) -> usize {
        self.units.next_multiple_of(LANES)
    }

    /// Columns of all blocks.
    fn columns(self) -> usize {
        Self::ALL * self.padded()
    }

    /// The first panel of the sums of inputs. Those of the state begin with panel 0.
    fn input_panel(self) -> usize {
        self.first_of_inputs * self.padded() / LANES
    }

    /// The column of unit `unit` in block `block`.
    fn column(self, block: usize, unit: usize) -> usize {
        block * self.padded() + unit
    }

    /// The column of row `r`, counted from the first of the sums of inputs.
    fn of_input(self, r: usize) -> usize {
        self.column(r / self.units, r % self.units)
    }

    /// The column of row `r` in the sums of the state.
    fn of_state(self, r: usize) -> usize {
        self.column((r / self.units + self.turn) % self.gates, r % self.units)
    }

    /// The column of gate activation `r`, and of its bias.
    fn of_gate(self, r: usize) -> usize {
        self.first_of_inputs * self.padded() + self.of_input(r)
    }

    /// `[G H, K]` of any G to `[K, G H']`, row r in `column(r)`.
    fn pack(self, weights: ArrayView2<'_, f32>, column: impl Fn(usize) -> usize) -> Panels {
        let columns = weights.nrows() / self.units * self.padded();
        let mut packed = Panels::zeros(weights.ncols(), columns);
        for (r, row) in weights.rows().into_iter().enumerate() {
            packed.write_column(column(r), row_slice(&row));
        }
        packed
    }

    /// `[G H, K]` of any G to `[G H', K]`, row r in row `column(r)`.
    fn pack_transposed(
        self,
        weights: ArrayView2<'_, f32>,
        column: impl Fn(usize) -> usize,
    ) -> Panels {
        let rows = weights.nrows() / self.units * self.padded();
        let mut packed = Panels::zeros(rows, weights.ncols());
        for (r, row) in weights.rows().into_iter().enumerate() {
            packed.write_row(column(r), row_slice(&row));
        }
        packed
    }

    /// Rows of `packed`, `[K, G H']`, back to `[G H, K]`.
    fn unpack(
        self,
        packed: &Panels,
        mut weights: ArrayViewMut2<'_, f32>,
        column: impl Fn(usize) -> usize,
    ) {
        for (r, mut row) in weights.rows_mut().into_iter().enumerate() {
            let row = row
                .as_slice_mut()
                .expect("gradients are stored in row-major order");
            packed.read_column(column(r), row);
        }
    }
}

/// A layer's parameters in panels.
#[derive(Clone, Debug)]
pub(crate) struct PackedRecurrent {
    blocks: Blocks,
    /// W_xᵀ, `[I, G H']`.
    w_x: Panels,
    /// W_hᵀ of the gates whose products are with the state itself, `[H, G H']`.
    w_h: Panels,
    /// What the sums begin with, one line for each panel of the blocks.
    bias: Vec<Line>,
    kind: PackedKind,
}

/// What a kind has besides.
#[derive(Clone, Debug)]
enum PackedKind {
    Lstm(Peepholes),
    Gru,
    /// With the reset gate before the product: W_hnᵀ of (GR3b), `[H, H']`.
    GruBefore(Panels),
    /// With coupled gates.
    Coupled(Peepholes),
    /// With a recurrent projection: W_rᵀ of (PJ2), `[H, P]`.
    Projected(Peepholes, Panels),
}

impl PackedRecurrent {
    pub(crate) fn of(layer: &RecurrentLayer) -> Self {
        let blocks = Blocks::of(layer);
        let mut bias = vec![Line::default(); blocks.columns() / LANES];
        let mut write = |column: usize, value: f32| bias[column / LANES].0[column % LANES] = value;
        let of_gates = |bias: &Array1<f32>, write: &mut dyn FnMut(usize, f32)| {
            let biases = bias.iter().enumerate();
            biases.for_each(|(r, value)| write(blocks.of_gate(r), *value));
        };
        let kind = match layer {
            RecurrentLayer::Lstm(layer) => {
                of_gates(&layer.bias, &mut write);
                PackedKind::Lstm(pack_peepholes(layer))
            }
            RecurrentLayer::Gru(layer) => {
                of_gates(&layer.bias, &mut write);
                let recurrent = layer.recurrent_bias.iter().enumerate();
                recurrent.for_each(|(u, value)| write(blocks.column(0, u), *value));
                PackedKind::Gru
            }
            RecurrentLayer::Coupled(layer) => {
                of_gates(&layer.bias, &mut write);
                PackedKind::Coupled(pack_peepholes(layer))
            }
            RecurrentLayer::Projected(layer) => {
                of_gates(&layer.lstm.bias, &mut write);
                let mut w_r = Panels::zeros(layer.w_r.ncols(), layer.w_r.nrows());
                for (p, row) in layer.w_r.rows().into_iter().enumerate() {
                    w_r.write_column(p, row_slice(&row));
                }
                PackedKind::Projected(pack_peepholes(&layer.lstm), w_r)
            }
            RecurrentLayer::GruBefore(layer) => {
                of_gates(&layer.bias, &mut write);
                let candidates = layer.w_h.slice(s![blocks.state_rows().., ..]);
                PackedKind::GruBefore(blocks.pack(candidates, |u| blocks.column(0, u)))
            }
        };
        let w_h = layer.recurrent_weights();
        let of_state = w_h.slice(s![..blocks.state_rows(), ..]);
        Self {
            blocks,
            w_x: blocks.pack(layer.input_weights().view(), |r| blocks.of_input(r)),
            w_h: blocks.pack(of_state, |r| blocks.of_state(r)),
            bias,
            kind,
        }
    }

    /// Inputs `I`.
    pub(crate) fn inputs(&self) -> usize {
        self.w_x.rows()
    }

    /// Units `H`.
    pub(crate) fn units(&self) -> usize {
        self.blocks.units
    }

    /// Values that it hands on.
    pub(crate) fn outputs(&self) -> usize {
        self.w_h.rows()
    }
}

/// A row of a parameter array.
fn row_slice<'a>(row: &'a ArrayView1<'_, f32>) -> &'a [f32] {
    row.as_slice()
        .expect("parameters are stored in row-major order")
}

fn pack_peepholes(layer: &LstmLayer) -> Peepholes {
    let units = layer.units();
    let mut peepholes = [(); PEEPHOLES].map(|()| vec![Line::default(); units.div_ceil(LANES)]);
    let values = layer.peephole.iter().flat_map(|p| p.indexed_iter());
    for ((p, u), value) in values {
        let lines = &mut peepholes[peephole_lines(layer, p)];
        lines[u / LANES].0[u % LANES] = *value;
    }
    peepholes
}

/// The lines of [`Peepholes`] to which row `p` of the layer's peepholes belongs.
fn peephole_lines(layer: &LstmLayer, p: usize) -> usize {
    let gates = layer.gates();
    match gates[gate_of_peephole(gates, p)].role {
        GateRole::Forget => 1,
        GateRole::Output => 2,
        _ => 0,
    }
}

/// Writes gradients that are sums over rows alone into an LSTM layer's shape.
fn unpack_lstm_sums(sums: &CellSums, blocks: Blocks, layer: &mut LstmLayer) {
    unpack_biases(&sums.bias, &mut layer.bias, |r| blocks.of_gate(r));
    let lines = [0, 1, 2].map(
        |p| match p < layer.peephole.as_ref().map_or(0, Array2::nrows) {
            true => peephole_lines(layer, p),
            false => p,
        },
    );
    for ((p, u), value) in layer.peephole.iter_mut().flat_map(|p| p.indexed_iter_mut()) {
        *value = sums.peepholes[lines[p]][u / LANES].0[u % LANES];
    }
}

/// The same of a GRU layer.
fn unpack_gru_sums(sums: &CellSums, blocks: Blocks, layer: &mut GruLayer) {
    unpack_biases(&sums.bias, &mut layer.bias, |r| blocks.of_gate(r));
    let recurrent = &mut layer.recurrent_bias;
    unpack_biases(&sums.bias, recurrent, |u| blocks.column(0, u));
}

/// The same of a GRU layer whose reset gate comes before the product.
fn unpack_gru_before_sums(sums: &CellSums, blocks: Blocks, layer: &mut GruBeforeLayer) {
    unpack_biases(&sums.bias, &mut layer.bias, |r| blocks.of_gate(r));
}

fn unpack_biases(sums: &[Line], biases: &mut Array1<f32>, column: impl Fn(usize) -> usize) {
    for (r, value) in biases.iter_mut().enumerate() {
        let column = column(r);
        *value = sums[column / LANES].0[column % LANES];
    }
}
