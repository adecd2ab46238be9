//! A NumPy archive of all parameters, by the names of a checkpoint, in this program's own order of gates (i, f, g, o,
//! or r, z, n, or i, g, o).
//!
//! ```text
//! lstm.0.w_x [4H, I]  lstm.0.w_h [4H, H]  lstm.0.bias [4H]  lstm.0.peephole [3H] (i, f, o)   dense.0.weight [O, I] …
//! gru.0.w_x [3H, I]  gru.0.w_h [3H, H]  gru.0.bias [3H]  gru.0.recurrent_bias [H] (r, z, n)
//! gru-before.0.w_x [3H, I]  gru-before.0.w_h [3H, H]  gru-before.0.bias [3H] (r, z, n)
//! projected.0.w_x [4H, I]  projected.0.w_h [4H, P]  projected.0.bias [4H]  projected.0.peephole [3H]  projected.0.w_r [P, H]
//! coupled.0.w_x [3H, I]  coupled.0.w_h [3H, H]  coupled.0.bias [3H]  coupled.0.peephole [2H] (i, o)
//! conv.0.weight [F, K · C] (the oldest step first)  conv.0.bias [F]   of a convolution, and whole numbers:
//! conv.0.kernel [1] (K)  conv.0.stride [1]  conv.0.first [1] (the first step with an output)  conv.0.relu [1] (1 or 0)
//! directions [L]     of each recurrent layer, if one runs backwards: 0 forwards, 1 in reverse, 2 in reverse beside the one before
//! inputs.mean [I]  inputs.deviation [I]     x = (value − mean) / deviation goes in
//! targets.mean [O]  targets.deviation [O]   value = y · deviation + mean comes out, of a regression
//! ```

use std::io::Cursor;

use ndarray::{Array1, ArrayD, IxDyn};
use ndarray_npy::{NpzWriter, WriteNpzError};

use crate::data::Normalisation;
use crate::network::{ConvActivation, Network};
use crate::run::Fitted;

/// The archive of a run's network.
///
/// # Errors
/// When the container cannot hold it.
pub fn to_npz(network: &Network, fitted: &Fitted) -> Result<Vec<u8>, WriteNpzError> {
    let mut archive = Cursor::new(Vec::new());
    let mut npz = NpzWriter::new(&mut archive);
    for parameter in network.parameters() {
        let values = parameter.values.to_vec();
        let array = ArrayD::from_shape_vec(IxDyn(&parameter.shape), values)
            .expect("a parameter has as many values as its shape says");
        npz.add_array(parameter.name, &array)?;
    }
    if let Some(conv) = &network.config.conv {
        let relu = usize::from(conv.activation == ConvActivation::Relu);
        for (name, value) in [
            ("kernel", conv.kernel),
            ("stride", conv.stride),
            ("first", conv.first()),
            ("relu", relu),
        ] {
            let value = i64::try_from(value).expect("steps of a convolution are few");
            npz.add_array(format!("conv.0.{name}"), &Array1::from(vec![value]))?;
        }
    }
    if network.config.is_of_windows() {
        let codes = (0..network.recurrent.len()).map(|l| network.config.direction(l).code());
        npz.add_array("directions", &codes.map(i64::from).collect::<Array1<i64>>())?;
    }
    let mut add = |name: &str, normalisation: &Normalisation| {
        let deviations = normalisation.deviation.iter().copied().map(f64::from);
        npz.add_array(
            format!("{name}.mean"),
            &Array1::from(normalisation.real_means()),
        )?;
        npz.add_array(
            format!("{name}.deviation"),
            &deviations.collect::<Array1<f64>>(),
        )
    };
    add("inputs", &fitted.inputs)?;
    if let Some(targets) = &fitted.targets {
        add("targets", targets)?;
    }
    npz.finish()?;
    Ok(archive.into_inner())
}
