//! Where Keras puts a layer's arrays in HDF5.
//!
//! ```text
//! .keras   layers/NAME/vars/0, layers/NAME/cell/vars/0, …   NAME is the class in snake case, numbered;
//!                                                           an attribute of `vars` has the layer's own name
//! .h5      model_weights/NAME/…/kernel                      NAME is the layer's own
//! ```

use std::collections::HashMap;

use hdf5_reader::error::Error;
use hdf5_reader::group::Group;
use hdf5_reader::{Dataset, Datatype, Hdf5File, OpenOptions};

use crate::import::error::Problem;

/// A decoded array is at most so many times the file, for its compression.
const COMPRESSION: usize = 64;
/// Groups within groups.
const DEEPEST: usize = 8;

/// The arrays of a model.
pub(super) struct Weights {
    file: Hdf5File,
    /// The group that holds the layers.
    root: &'static str,
    /// Places of layers by the layers' own names.
    places: HashMap<String, String>,
    /// How many layers of each class were asked for.
    met: HashMap<String, usize>,
    by_name: bool,
}

/// An array.
pub(super) struct Numbers {
    pub(super) shape: Vec<usize>,
    pub(super) values: Vec<f64>,
}

fn damaged(what: &str, error: impl std::fmt::Display) -> Problem {
    Problem::Damaged(format!("HDF5: {what}: {error}"))
}

fn open(bytes: Vec<u8>) -> Result<Hdf5File, Problem> {
    let largest = bytes.len().saturating_mul(COMPRESSION);
    let options = OpenOptions::default()
        .with_max_read_bytes(largest)
        .with_max_chunk_bytes(largest);
    Hdf5File::from_vec_with_options(bytes, options).map_err(|error| damaged("the file", error))
}

impl Weights {
    /// `model.weights.h5` of a `.keras` archive.
    pub(super) fn open_layers(bytes: Vec<u8>) -> Result<Self, Problem> {
        let file = open(bytes)?;
        let known = ["layers", "_layer_checkpoint_dependencies"];
        let root = known.into_iter().find(|root| file.group(root).is_ok());
        let root =
            root.ok_or_else(|| damaged("model.weights.h5", "there is no group layers in it"))?;
        let group = file.group(root).map_err(|error| damaged(root, error))?;
        let mut places = HashMap::new();
        for layer in group.groups().map_err(|error| damaged(root, error))? {
            let own = layer
                .group("vars")
                .and_then(|vars| vars.attribute("name")?.read_string());
            if let Ok(own) = own {
                places.insert(own, format!("{root}/{}", layer.name()));
            }
        }
        Ok(Self {
            file,
            root,
            places,
            met: HashMap::new(),
            by_name: false,
        })
    }

    /// An `.h5` file of a whole model, and its configuration as JSON.
    pub(super) fn open_model(bytes: Vec<u8>) -> Result<(String, Self), Problem> {
        let file = open(bytes)?;
        let root = file
            .root_group()
            .map_err(|error| damaged("the file", error))?;
        let config = root
            .attribute("model_config")
            .and_then(|config| config.read_string());
        let config = config.map_err(|_| {
            Problem::refused(
                "this HDF5 file",
                "it has no model_config: it is no Keras model, or holds weights alone; save the whole model with model.save(\"model.keras\")",
            )
        })?;
        let (places, met) = (HashMap::new(), HashMap::new());
        Ok((
            config,
            Self {
                file,
                root: "model_weights",
                places,
                met,
                by_name: true,
            },
        ))
    }

    /// Where the arrays of the next layer of this class and name are.
    pub(super) fn place(&mut self, class: &str, name: &str) -> String {
        let met = self.met.entry(class.to_owned()).or_default();
        let number = *met;
        *met += 1;
        if self.by_name {
            return format!("{}/{name}", self.root);
        }
        match (self.places.get(name), number) {
            (Some(place), _) => place.clone(),
            (None, 0) => format!("{}/{}", self.root, snake(class)),
            (None, n) => format!("{}/{}_{n}", self.root, snake(class)),
        }
    }

    /// Where the arrays of the layer within a wrapper are.
    pub(super) fn inner(&self, place: &str) -> String {
        match self.by_name {
            true => place.to_owned(),
            false => format!("{place}/layer"),
        }
    }

    /// Array `n` of a layer, or the one with this name.
    pub(super) fn array(
        &self,
        numbered: &str,
        named: &str,
        n: usize,
        name: &str,
    ) -> Result<Numbers, Problem> {
        if !self.by_name {
            let path = format!("{numbered}/vars/{n}");
            let array = self
                .file
                .dataset(&path)
                .map_err(|error| damaged(&path, error))?;
            return numbers(&path, &array);
        }
        let group = self
            .file
            .group(named)
            .map_err(|error| damaged(named, error))?;
        let found = find(&group, name, DEEPEST).map_err(|error| damaged(named, error))?;
        let array = found.ok_or_else(|| damaged(named, format!("there is no {name} in it")))?;
        numbers(&format!("{named}/{name}"), &array)
    }
}

/// A dataset of this name somewhere in a group. TensorFlow puts `:0` behind it.
fn find(group: &Group, name: &str, depth: usize) -> Result<Option<Dataset>, Error> {
    let (groups, arrays) = group.members()?;
    let is_named = |array: &Dataset| array.name().split(':').next() == Some(name);
    if let Some(array) = arrays.into_iter().find(is_named) {
        return Ok(Some(array));
    }
    for group in groups.iter().filter(|_| depth > 0) {
        if let Some(array) = find(group, name, depth - 1)? {
            return Ok(Some(array));
        }
    }
    Ok(None)
}

fn numbers(path: &str, array: &Dataset) -> Result<Numbers, Problem> {
    let shape: Option<Vec<usize>> = array
        .shape()
        .iter()
        .map(|n| usize::try_from(*n).ok())
        .collect();
    let shape = shape.ok_or_else(|| damaged(path, "its shape is too large"))?;
    let values = match array.dtype() {
        Datatype::FloatingPoint { size: 4, .. } => {
            let values = array
                .read_array::<f32>()
                .map_err(|error| damaged(path, error))?;
            values.iter().map(|value| f64::from(*value)).collect()
        }
        Datatype::FloatingPoint { size: 8, .. } => {
            let values = array
                .read_array::<f64>()
                .map_err(|error| damaged(path, error))?;
            values.iter().copied().collect()
        }
        other => {
            let why = format!(
                "its type {other:?} is neither float32 nor float64; save the model in float32"
            );
            return Err(Problem::refused(format!("array {path}"), why));
        }
    };
    Ok(Numbers { shape, values })
}

/// A class in snake case, as Keras numbers layers: `TimeDistributed` is `time_distributed`, `LSTM` is `lstm`.
fn snake(class: &str) -> String {
    let letters: Vec<char> = class.chars().collect();
    let mut snake = String::new();
    for (n, letter) in letters.iter().enumerate() {
        let after_small = n > 0 && letters[n - 1].is_lowercase();
        let before_small = n > 0 && letters.get(n + 1).is_some_and(|next| next.is_lowercase());
        if letter.is_uppercase() && (after_small || before_small) {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_in_snake_case() {
        for (class, name) in [
            ("LSTM", "lstm"),
            ("TimeDistributed", "time_distributed"),
            ("Dense", "dense"),
            ("InputLayer", "input_layer"),
            ("ReLU", "re_lu"),
        ] {
            assert_eq!(snake(class), name);
        }
    }
}
