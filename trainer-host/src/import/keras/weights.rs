//! Where Keras puts a layer's arrays in HDF5.
//!
//! ```text
//! .keras   layers/NAME/vars/0, layers/NAME/cell/vars/0, …   NAME is the class in snake case, numbered;
//!                                                           an attribute of `vars` has the layer's own name
//! .h5      model_weights/NAME/…/kernel                      NAME is the layer's own
//! ```

use std::collections::HashMap;

use hdf5_reader::{Dataset, Datatype, Hdf5File, OpenOptions};

use crate::import::budget::Budget;
use crate::import::error::{Problem, short};

/// A decoded array is at most so many times the file, for its compression.
const COMPRESSION: usize = 64;
/// Groups within groups.
const DEEPEST: usize = 8;
/// Groups and arrays of one layer. A group can be a member of itself.
const MOST_MEMBERS: usize = 1000;

/// The arrays of a model.
pub(super) struct Weights {
    file: Hdf5File,
    budget: Budget,
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
    Problem::Damaged(format!("HDF5: {}: {error}", short(what)))
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
        let budget = Budget::of(bytes.len());
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
            budget,
            root,
            places,
            met: HashMap::new(),
            by_name: false,
        })
    }

    /// An `.h5` file of a whole model, and its configuration as JSON.
    pub(super) fn open_model(bytes: Vec<u8>) -> Result<(String, Self), Problem> {
        let budget = Budget::of(bytes.len());
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
                budget,
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

    /// Where the arrays of a half of a bidirectional layer are, which is the part `numbered` or the group `named`.
    pub(super) fn half(&self, place: &str, numbered: &str, named: &str) -> Result<String, Problem> {
        if !self.by_name {
            return Ok(format!("{place}/{numbered}"));
        }
        let (mut paths, mut met) = (vec![place.to_owned()], 0);
        for _ in 0..=DEEPEST {
            let mut inner = Vec::new();
            for path in &paths {
                let group = self
                    .file
                    .group(path)
                    .map_err(|error| damaged(path, error))?;
                for group in group.groups().map_err(|error| damaged(path, error))? {
                    met += 1;
                    let below = format!("{path}/{}", group.name());
                    if group.name() == named {
                        return Ok(below);
                    }
                    inner.push(below);
                }
                if met > MOST_MEMBERS {
                    let why = format!("it has more than {MOST_MEMBERS} groups");
                    return Err(damaged(place, why));
                }
            }
            paths = inner;
        }
        Err(damaged(
            place,
            format!("there is no {} in it", short(named)),
        ))
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
            return self.numbers(&path, &array);
        }
        let arrays = self.arrays(named)?;
        let array = arrays.iter().find(|array| own_name(array) == name);
        let array = array.ok_or_else(|| damaged(named, format!("there is no {name} in it")))?;
        self.numbers(&format!("{named}/{name}"), array)
    }

    /// Refuses a layer with more arrays than those that were read.
    pub(super) fn require_all_read(
        &self,
        numbered: &str,
        named: &str,
        read: &[&str],
        title: &str,
    ) -> Result<(), Problem> {
        let arrays = match self.by_name {
            true => self.arrays(named)?,
            false => {
                let path = format!("{numbered}/vars");
                let group = self
                    .file
                    .group(&path)
                    .map_err(|error| damaged(&path, error))?;
                group.datasets().map_err(|error| damaged(&path, error))?
            }
        };
        let is_read = |array: &&Dataset| match self.by_name {
            true => read.contains(&own_name(array)),
            false => array.name().parse().is_ok_and(|n: usize| n < read.len()),
        };
        match arrays.iter().find(|array| !is_read(array)) {
            None => Ok(()),
            Some(other) => Err(Problem::refused(
                title,
                format!(
                    "the file has an array {} of it, which its settings leave unread",
                    short(other.name())
                ),
            )),
        }
    }

    /// Every array somewhere in a group, those of the outer groups first.
    fn arrays(&self, path: &str) -> Result<Vec<Dataset>, Problem> {
        let whole = self
            .file
            .group(path)
            .map_err(|error| damaged(path, error))?;
        let (mut arrays, mut groups, mut met) = (Vec::new(), vec![whole], 0);
        for _ in 0..=DEEPEST {
            let mut inner = Vec::new();
            for group in &groups {
                let (more, found) = group.members().map_err(|error| damaged(path, error))?;
                met += more.len() + found.len();
                if met > MOST_MEMBERS {
                    let why = format!("it has more than {MOST_MEMBERS} groups and arrays");
                    return Err(damaged(path, why));
                }
                inner.extend(more);
                arrays.extend(found);
            }
            groups = inner;
        }
        Ok(arrays)
    }

    fn numbers(&self, path: &str, array: &Dataset) -> Result<Numbers, Problem> {
        let count = array
            .num_elements()
            .ok()
            .and_then(|n| usize::try_from(n).ok());
        let what = format!("array {}", short(path));
        self.budget.take(&what, count.unwrap_or(usize::MAX))?;
        numbers(path, array)
    }
}

/// An array's name, without the `:0` that TensorFlow puts behind it.
fn own_name(array: &Dataset) -> &str {
    array.name().split(':').next().unwrap_or("")
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
