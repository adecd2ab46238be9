//! Tensors and metadata of a `safetensors` file, as this program writes and reads them.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use safetensors::{Dtype, SafeTensors, View};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::files::atomic::{self, WriteFileError};

/// The key of the metadata entry with what the tensors do not say, as JSON.
const KEY: &str = "lstm-nostd";

/// One tensor, owned.
pub(crate) struct Tensor {
    dtype: Dtype,
    pub(crate) shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl View for Tensor {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

/// A type that tensors hold.
pub(crate) trait Element: Copy {
    const DTYPE: Dtype;
    const BYTES: usize;
    fn append(self, bytes: &mut Vec<u8>);
    fn from_bytes(bytes: &[u8]) -> Self;
}

macro_rules! element {
    ($type:ty, $dtype:expr) => {
        impl Element for $type {
            const DTYPE: Dtype = $dtype;
            const BYTES: usize = size_of::<$type>();
            fn append(self, bytes: &mut Vec<u8>) {
                bytes.extend(self.to_le_bytes());
            }
            fn from_bytes(bytes: &[u8]) -> Self {
                // `chunks_exact(BYTES)` makes the slice that long.
                <$type>::from_le_bytes(bytes.try_into().expect("one element"))
            }
        }
    };
}
element!(i8, Dtype::I8);
element!(i16, Dtype::I16);
element!(i32, Dtype::I32);
element!(f32, Dtype::F32);

/// A tensor of one dimension.
pub(crate) fn vector<T: Element>(values: &[T]) -> Tensor {
    let mut bytes = Vec::with_capacity(values.len() * T::BYTES);
    values.iter().for_each(|value| value.append(&mut bytes));
    Tensor {
        dtype: T::DTYPE,
        shape: vec![values.len()],
        bytes,
    }
}

/// Writes named tensors, and `metadata` as JSON unless it is `None`.
pub(crate) fn write<M: Serialize>(
    path: &Path,
    tensors: Vec<(String, Tensor)>,
    metadata: Option<&M>,
) -> Result<(), WriteFileError> {
    let metadata = metadata.map(|metadata| {
        let json = serde_json::to_string(metadata).expect("plain data serialises");
        HashMap::from([(KEY.to_owned(), json)])
    });
    let bytes = safetensors::serialize(tensors, metadata).expect("shapes match their values");
    atomic::write(path, &bytes)
}

/// The tensors of a file.
pub(crate) fn open(bytes: &[u8]) -> Result<SafeTensors<'_>, String> {
    SafeTensors::deserialize(bytes).map_err(|error| format!("not a safetensors file ({error})"))
}

/// The metadata of the file `path`, of which its head alone is read: a length of eight bytes, and so many bytes of JSON.
/// `None` where a file has none that is an `M`.
pub(crate) fn metadata_alone<M: DeserializeOwned>(path: &Path) -> Option<M> {
    #[derive(Deserialize)]
    struct Head {
        #[serde(rename = "__metadata__")]
        entries: HashMap<String, String>,
    }
    let mut file = File::open(path).ok()?;
    let mut length = [0; 8];
    file.read_exact(&mut length).ok()?;
    let mut json = Vec::new();
    let mut head = file.take(u64::from_le_bytes(length));
    head.read_to_end(&mut json).ok()?;
    let head: Head = serde_json::from_slice(&json).ok()?;
    serde_json::from_str(head.entries.get(KEY)?).ok()
}

/// The metadata of a file; `otherwise` says what a file without it is.
pub(crate) fn metadata<M: DeserializeOwned>(bytes: &[u8], otherwise: &str) -> Result<M, String> {
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| error.to_string())?;
    let entries = header.metadata().as_ref();
    let json = entries
        .and_then(|entries| entries.get(KEY))
        .ok_or_else(|| format!("no metadata {KEY:?}; {otherwise}"))?;
    serde_json::from_str(json).map_err(|error| format!("metadata {KEY:?}: {error}"))
}

/// The values of a tensor of this type and shape.
pub(crate) fn values<T: Element>(
    tensors: &SafeTensors<'_>,
    name: &str,
    shape: &[usize],
) -> Result<Vec<T>, String> {
    let tensor = tensors
        .tensor(name)
        .map_err(|_| format!("no tensor {name:?}"))?;
    if tensor.dtype() != T::DTYPE || tensor.shape() != shape {
        return Err(format!(
            "{name}: found {:?} {:?}, needed {:?} {shape:?}",
            tensor.dtype(),
            tensor.shape(),
            T::DTYPE
        ));
    }
    Ok(tensor
        .data()
        .chunks_exact(T::BYTES)
        .map(T::from_bytes)
        .collect())
}
