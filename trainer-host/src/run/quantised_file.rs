//! A quantised network on disk, between `quantise` and `export`: a `safetensors` file of integers
//! that NumPy and others read.
//!
//! | tensor | type and shape |
//! | --- | --- |
//! | `input.mean`, `input.mult` | i32 `[I]` |
//! | `lstm.L.w_x`, `lstm.L.w_h` | i8 `[4H, I]`, `[4H, H]`, gates in the order i, f, g, o |
//! | `lstm.L.bias`, `lstm.L.mult` | i32 `[4H]` |
//! | `lstm.L.peephole` | i16 `[3, H]` for i, f, o; absent without peepholes |
//! | `dense.L.weight` | i8 `[O, I]` |
//! | `dense.L.bias`, `dense.L.mult` | i32 `[O]` |
//! | `golden.raw`, `golden.outputs` | i32 `[S, I]`, `[S, O]` |
//!
//! The metadata entry `lstm-nostd` holds the rest as JSON: formats, shifts, names, and the fingerprint of
//! the f32 weights that the integers came from.

use std::path::{Path, PathBuf};

use lstm_nostd::artifact::{Dense, Lstm, ModelFile};
use lstm_nostd::kernels::Scheme;
use lstm_nostd::{InputChannel, Mode, Task};
use safetensors::SafeTensors;
use serde::{Deserialize, Serialize};

use crate::files::atomic::WriteFileError;
use crate::files::tensors::{self, Element, Tensor, values, vector};
use crate::network::Network;

/// Why a quantised network cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be opened.
    #[error("{}: cannot be read: {source}; make it with `trainer-host quantise`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The integers are of other weights.
    #[error("{}: these integers are not of the run's weights, which are newer or another network's; make them again with `trainer-host quantise`", path.display())]
    OtherWeights {
        /// The file.
        path: PathBuf,
    },
    /// The file is no quantised network, or a damaged one.
    #[error("{}: {problem}; make it again with `trainer-host quantise`", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong, and in which tensor or field.
        problem: String,
    },
}

/// What the tensors do not say.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Formats {
    /// [`Network::fingerprint`] of what was quantised.
    weights: String,
    /// Of each LSTM layer, then of each dense layer.
    schemes: Vec<String>,
    task: String,
    mode: String,
    output_exponent: i8,
    input_shift: Vec<u8>,
    input_frac_bits: Vec<u8>,
    x_shift: Vec<u8>,
    h_shift: Vec<u8>,
    cell_int_bits: Vec<u8>,
    output_shift: Vec<u8>,
    /// Of each LSTM layer, then of each dense layer.
    input_shifts: Vec<u8>,
    input_names: Vec<String>,
    output_names: Vec<String>,
}

const TASKS: [(&str, Task); 3] = [
    ("linear", Task::Linear),
    ("sigmoid", Task::Sigmoid),
    ("softmax", Task::Softmax),
];
const MODES: [(&str, Mode); 2] = [
    ("sequence-to-one", Mode::SequenceToOne),
    ("sequence-to-sequence", Mode::SequenceToSequence),
];

/// The name of `value` in one of the lists above.
fn name_of<T: PartialEq>(names: &[(&'static str, T)], value: &T) -> String {
    names
        .iter()
        .find(|(_, v)| v == value)
        .map_or("", |(name, _)| name)
        .to_owned()
}

/// A tensor of two dimensions.
fn matrix<T: Element>(rows: &[Vec<T>]) -> Tensor {
    let mut tensor = vector(&rows.concat());
    tensor.shape = vec![rows.len(), rows.first().map_or(0, Vec::len)];
    tensor
}

/// Writes `file`, the integers of `network`, to `path`.
///
/// # Errors
/// When the file cannot be written; nothing is left behind then.
pub fn write(path: &Path, file: &ModelFile, network: &Network) -> Result<(), WriteFileError> {
    let mut tensors: Vec<(String, Tensor)> = Vec::new();
    let mut add = |name: String, tensor| tensors.push((name, tensor));
    let channel = |of: fn(&InputChannel) -> i32| file.channels.iter().map(of).collect::<Vec<_>>();
    add("input.mean".into(), vector(&channel(|c| c.mean)));
    add("input.mult".into(), vector(&channel(|c| c.mult)));
    for (l, layer) in file.lstm.iter().enumerate() {
        add(format!("lstm.{l}.w_x"), matrix(&layer.w_x));
        add(format!("lstm.{l}.w_h"), matrix(&layer.w_h));
        add(format!("lstm.{l}.bias"), vector(&layer.bias));
        add(format!("lstm.{l}.mult"), vector(&layer.mult));
        if !layer.peephole.is_empty() {
            add(format!("lstm.{l}.peephole"), matrix(&layer.peephole));
        }
    }
    for (l, layer) in file.dense.iter().enumerate() {
        add(format!("dense.{l}.weight"), matrix(&layer.weight));
        add(format!("dense.{l}.bias"), vector(&layer.bias));
        add(format!("dense.{l}.mult"), vector(&layer.mult));
    }
    let (raw, outputs): (Vec<_>, Vec<_>) = file.golden.iter().cloned().unzip();
    add("golden.raw".into(), matrix(&raw));
    add("golden.outputs".into(), matrix(&outputs));
    let formats = Formats {
        weights: network.fingerprint(),
        schemes: file.schemes().map(|scheme| scheme.name().into()).collect(),
        task: name_of(&TASKS, &file.task),
        mode: name_of(&MODES, &file.mode),
        output_exponent: file.output_exponent,
        input_shift: file.channels.iter().map(|c| c.shift).collect(),
        input_frac_bits: file.channels.iter().map(|c| c.frac_bits).collect(),
        x_shift: file.lstm.iter().map(|l| l.x_shift).collect(),
        h_shift: file.lstm.iter().map(|l| l.h_shift).collect(),
        cell_int_bits: file.lstm.iter().map(|l| l.cell_int_bits).collect(),
        output_shift: file.dense.iter().map(|l| l.output_shift).collect(),
        input_shifts: (file.lstm.iter().map(|l| l.input_shift))
            .chain(file.dense.iter().map(|d| d.input_shift))
            .collect(),
        input_names: file.input_names.clone(),
        output_names: file.output_names.clone(),
    };
    tensors::write(path, tensors, Some(&formats))
}

/// Reads what [`write()`] wrote for `network`.
///
/// # Errors
/// [`ReadError`]; whether the integers make a model is for the model file's parser to say.
pub fn read(path: &Path, network: &Network) -> Result<ModelFile, ReadError> {
    let bytes = std::fs::read(path).map_err(|source| ReadError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    let (file, weights) = parse(&bytes).map_err(|problem| ReadError::Damaged {
        path: path.to_owned(),
        problem,
    })?;
    if weights != network.fingerprint() {
        return Err(ReadError::OtherWeights {
            path: path.to_owned(),
        });
    }
    Ok(file)
}

/// The integers, and the fingerprint of their weights.
fn parse(bytes: &[u8]) -> Result<(ModelFile, String), String> {
    let tensors = tensors::open(bytes)?;
    let formats: Formats = tensors::metadata(bytes, "this is not a quantised network")?;
    let inputs = formats.input_names.len();
    let mean = read_vector::<i32>(&tensors, "input.mean", inputs)?;
    let mult = read_vector::<i32>(&tensors, "input.mult", inputs)?;
    for (field, values) in [
        ("input_shift", &formats.input_shift),
        ("input_frac_bits", &formats.input_frac_bits),
    ] {
        if values.len() != inputs {
            return Err(format!(
                "{field}: found {} values, needed {inputs}",
                values.len()
            ));
        }
    }
    let channels = (mean.into_iter().zip(mult))
        .zip(formats.input_shift.iter().zip(&formats.input_frac_bits))
        .map(|((mean, mult), (&shift, &frac_bits))| InputChannel {
            mean,
            mult,
            shift,
            frac_bits,
        })
        .collect();
    let lstm_layers = formats.x_shift.len();
    let all_layers = lstm_layers + formats.output_shift.len();
    for (field, found, needed) in [
        ("h_shift", formats.h_shift.len(), lstm_layers),
        ("cell_int_bits", formats.cell_int_bits.len(), lstm_layers),
        ("schemes", formats.schemes.len(), all_layers),
        ("input_shifts", formats.input_shifts.len(), all_layers),
    ] {
        if found != needed {
            return Err(format!("{field}: found {found} layers, needed {needed}"));
        }
    }
    let schemes = formats.schemes.iter().map(|name| {
        Scheme::from_name(name).ok_or_else(|| {
            let known = Scheme::ALL.map(Scheme::name).join(", ");
            format!("scheme {name:?}, and known ones are {known}")
        })
    });
    let schemes = schemes.collect::<Result<Vec<_>, _>>()?;
    let mut width = inputs;
    let mut lstm = Vec::new();
    for (l, &scheme) in schemes[..lstm_layers].iter().enumerate() {
        let name = |part: &str| format!("lstm.{l}.{part}");
        let rows = rows_of(&tensors, &name("w_h"))?;
        let hidden = rows / 4;
        if rows == 0 || rows % 4 != 0 {
            return Err(format!(
                "{}: found {rows} rows, needed four a unit",
                name("w_h")
            ));
        }
        let peephole = name("peephole");
        let peephole = match tensors.tensor(&peephole) {
            Ok(_) => read_matrix(&tensors, &peephole, 3, hidden)?,
            Err(_) => Vec::new(),
        };
        lstm.push(Lstm {
            scheme,
            x_shift: formats.x_shift[l],
            h_shift: formats.h_shift[l],
            input_shift: formats.input_shifts[l],
            cell_int_bits: formats.cell_int_bits[l],
            w_x: read_matrix(&tensors, &name("w_x"), rows, width)?,
            w_h: read_matrix(&tensors, &name("w_h"), rows, hidden)?,
            bias: read_vector(&tensors, &name("bias"), rows)?,
            mult: read_vector(&tensors, &name("mult"), rows)?,
            peephole,
        });
        width = hidden;
    }
    let mut dense = Vec::new();
    for (l, &output_shift) in formats.output_shift.iter().enumerate() {
        let name = |part: &str| format!("dense.{l}.{part}");
        let rows = rows_of(&tensors, &name("weight"))?;
        dense.push(Dense {
            scheme: schemes[lstm_layers + l],
            input_shift: formats.input_shifts[lstm_layers + l],
            output_shift,
            weight: read_matrix(&tensors, &name("weight"), rows, width)?,
            bias: read_vector(&tensors, &name("bias"), rows)?,
            mult: read_vector(&tensors, &name("mult"), rows)?,
        });
        width = rows;
    }
    let steps = rows_of(&tensors, "golden.raw")?;
    let golden = if steps == 0 {
        Vec::new()
    } else {
        let raw = read_matrix(&tensors, "golden.raw", steps, inputs)?;
        raw.into_iter()
            .zip(read_matrix(&tensors, "golden.outputs", steps, width)?)
            .collect()
    };
    let file = ModelFile {
        task: named(&TASKS, "task", &formats.task)?,
        mode: named(&MODES, "mode", &formats.mode)?,
        output_exponent: formats.output_exponent,
        channels,
        lstm,
        dense,
        input_names: formats.input_names,
        output_names: formats.output_names,
        golden,
    };
    Ok((file, formats.weights))
}

fn named<T: Copy>(names: &[(&'static str, T)], field: &str, found: &str) -> Result<T, String> {
    let known = || {
        names
            .iter()
            .map(|(name, _)| *name)
            .collect::<Vec<_>>()
            .join(", ")
    };
    names
        .iter()
        .find_map(|(name, value)| (*name == found).then_some(*value))
        .ok_or_else(|| format!("{field} {found:?}, and known ones are {}", known()))
}

fn rows_of(tensors: &SafeTensors<'_>, name: &str) -> Result<usize, String> {
    let tensor = tensors
        .tensor(name)
        .map_err(|_| format!("no tensor {name:?}"))?;
    Ok(tensor.shape().first().copied().unwrap_or(0))
}

fn read_vector<T: Element>(
    tensors: &SafeTensors<'_>,
    name: &str,
    length: usize,
) -> Result<Vec<T>, String> {
    values(tensors, name, &[length])
}

fn read_matrix<T: Element>(
    tensors: &SafeTensors<'_>,
    name: &str,
    rows: usize,
    columns: usize,
) -> Result<Vec<Vec<T>>, String> {
    if rows == 0 || columns == 0 {
        return Err(format!(
            "{name}: needed {rows} × {columns} values, and none is no layer"
        ));
    }
    let all = values(tensors, name, &[rows, columns])?;
    Ok(all.chunks(columns).map(<[T]>::to_vec).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Cell, Head, NetworkConfig};
    use lstm_nostd::artifact::RandomModel;
    use proptest::prelude::*;

    fn example(seed: u64, peepholes: bool) -> ModelFile {
        let shape = RandomModel {
            inputs: 3,
            hidden: vec![5, 2],
            dense: vec![4],
            outputs: 2,
            peepholes,
            schemes: Scheme::ALL.to_vec(),
            seed,
            ..RandomModel::default()
        };
        let mut file = shape.build();
        file.golden = vec![(vec![1, -2, 3], vec![4, -5])];
        file
    }

    /// Any network: the integers above are nobody's.
    fn network(seed: u64) -> Network {
        let config = NetworkConfig {
            inputs: 1,
            hidden: vec![2],
            cell: Cell::Lstm { peepholes: false },
            dense: vec![],
            outputs: 1,
            head: Head::Linear,
            mode: crate::network::Mode::SequenceToOne,
        };
        Network::new(&config, seed).unwrap()
    }

    #[test]
    fn integers_of_other_weights_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("quantised.safetensors");
        write(&path, &example(1, true), &network(1)).unwrap();
        assert!(read(&path, &network(1)).is_ok());
        let said = read(&path, &network(2)).unwrap_err().to_string();
        assert!(said.contains("trainer-host quantise"), "{said}");
    }

    proptest! {
        #[test]
        fn read_after_write_is_the_same(seed in any::<u64>(), peepholes in any::<bool>(), golden in any::<bool>()) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("quantised.safetensors");
            let mut file = example(seed, peepholes);
            if !golden {
                file.golden.clear();
            }
            write(&path, &file, &network(1)).unwrap();
            prop_assert_eq!(read(&path, &network(1)).unwrap(), file);
        }

        #[test]
        fn a_damaged_file_is_refused_or_read(at in any::<prop::sample::Index>(), value in any::<u8>(), cut in any::<bool>()) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("quantised.safetensors");
            write(&path, &example(1, true), &network(1)).unwrap();
            let mut bytes = std::fs::read(&path).unwrap();
            let at = at.index(bytes.len());
            if cut {
                bytes.truncate(at);
                prop_assert!(parse(&bytes).is_err());
            } else {
                bytes[at] = value;
                if let Ok((file, _)) = parse(&bytes) {
                    // Whatever was read, the model file's own check decides.
                    let _ = file.to_bytes();
                }
            }
        }
    }

    #[test]
    fn sizes_of_zero_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("quantised.safetensors");
        let said = |change: fn(&mut ModelFile)| {
            let mut file = example(1, true);
            change(&mut file);
            write(&path, &file, &network(1)).unwrap();
            read(&path, &network(1)).unwrap_err().to_string()
        };
        let no_inputs = said(|file| {
            file.channels.clear();
            file.input_names.clear();
            file.lstm[0].w_x.iter_mut().for_each(Vec::clear);
        });
        assert!(no_inputs.contains("lstm.0.w_x"), "{no_inputs}");
        let no_units = said(|file| {
            let dense = &mut file.dense[0];
            dense.weight.clear();
            dense.bias.clear();
            dense.mult.clear();
        });
        assert!(no_units.contains("dense.0.weight"), "{no_units}");
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = read(Path::new("nowhere/quantised.safetensors"), &network(1))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("nowhere") && error.contains("trainer-host quantise"),
            "{error}"
        );
    }
}
