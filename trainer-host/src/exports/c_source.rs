//! A model file as C: a constant array, and a header with its sizes, for `firmware/c`.

use std::fmt::Write;

use lstm_nostd::Model;
use lstm_nostd::front_end::FrontEnd;
use lstm_nostd::model::{scratch_bytes, state_bytes};

/// A model as the text of a `.c` file and of the `.h` file beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CSource {
    /// The array with the model file, and the names of the outputs.
    pub source: String,
    /// Sizes and declarations.
    pub header: String,
}

impl CSource {
    /// Of the model in `file`, which parses. `stem` is the name of both files, and begins all names in them, as far as
    /// C takes it.
    pub fn of(stem: &str, file: &[u8], model: &Model<'_>) -> Self {
        let name = identifier(stem);
        Self {
            source: source(stem, &name, file, model),
            header: header(&name, file, model),
        }
    }
}

/// `stem` in small letters, with `_` for what C does not take.
fn identifier(stem: &str) -> String {
    let letter = |c: char| match c.is_ascii_alphanumeric() {
        true => c.to_ascii_lowercase(),
        false => '_',
    };
    let name: String = stem.chars().map(letter).collect();
    match name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        true => name,
        false => format!("model_{name}"),
    }
}

fn header(name: &str, file: &[u8], model: &Model<'_>) -> String {
    let upper = name.to_uppercase();
    let bits = (0..model.inputs()).map(|j| model.input_channel(j).unwrap_or_default().frac_bits);
    let bits: Vec<_> = bits.map(|bits| bits.to_string()).collect();
    format!(
        "/* Sizes of the model in {name}_file, written by trainer-host. */\n\
         #ifndef {upper}_H\n\
         #define {upper}_H\n\n\
         #include <stdint.h>\n\n\
         #ifdef __cplusplus\n\
         extern \"C\" {{\n\
         #endif\n\n\
         #define {upper}_INPUTS {}\n\
         #define {upper}_OUTPUTS {}\n\
         #define {upper}_NAMES {}\n\
         #define {upper}_STATE_BYTES {}\n\
         #define {upper}_SCRATCH_BYTES {}\n\
         #define {upper}_FILE_BYTES {}\n\n\
         {}\
         /* What goes into each channel: round(value * 2^BITS). With 0, a sensor's counts as they are. */\n\
         #define {upper}_FRACTION_BITS {{{}}}\n\n\
         /* The model file, on an 8-byte boundary. */\n\
         extern const uint8_t {name}_file[{upper}_FILE_BYTES];\n\n\
         /* Names of the classes or values. */\n\
         extern const char *const {name}_output_names[{upper}_NAMES];\n\n\
         #ifdef __cplusplus\n\
         }}\n\
         #endif\n\n\
         #endif\n",
        model.inputs(),
        model.outputs(),
        model.output_names().count(),
        stream_bytes(model),
        step_bytes(model),
        file.len(),
        samples(&upper, model),
        bits.join(", ")
    )
}

/// Bytes of a stream: its states and, of a model with a front end, its samples. `firmware/c` says the same.
fn stream_bytes(model: &Model<'_>) -> usize {
    let states = state_bytes(model.cell_blocks(), model.hidden_blocks());
    states + model.front_end().map_or(0, FrontEnd::signal_bytes)
}

/// Bytes of scratch memory: of a step, or of a frame beside its features. `firmware/c` says the same.
fn step_bytes(model: &Model<'_>) -> usize {
    let of_step = scratch_bytes(model.scratch_blocks());
    model.front_end().map_or(of_step, |front_end| {
        of_step.max(8 * front_end.work()) + 8 * front_end.features().div_ceil(2)
    })
}

/// What a program says of a model's samples; nothing for a model without a front end.
fn samples(upper: &str, model: &Model<'_>) -> String {
    model.front_end().map_or_else(String::new, |front_end| {
        format!(
            "/* The model takes samples: so many a second (0: not known) of each channel, of so many a frame, which begin so \
             far\n   apart. Samples of several channels lie moment by moment. */\n\
             #define {upper}_RATE {}\n\
             #define {upper}_CHANNELS {}\n\
             #define {upper}_FRAME {}\n\
             #define {upper}_HOP {}\n\n",
            front_end.rate_mhz() as f64 / 1000.0,
            front_end.channels(),
            front_end.frame(),
            front_end.hop()
        )
    })
}

fn source(stem: &str, name: &str, file: &[u8], model: &Model<'_>) -> String {
    let upper = name.to_uppercase();
    let mut text = format!(
        "/* A model file, written by trainer-host. */\n\
         #include \"{stem}.h\"\n\n\
         const char *const {name}_output_names[{upper}_NAMES] = {{\n"
    );
    for name in model.output_names() {
        writeln!(text, "    {},", literal(name)).expect("a string grows");
    }
    write!(
        text,
        "}};\n\n_Alignas(8) const uint8_t {name}_file[{upper}_FILE_BYTES] = {{\n"
    )
    .expect("a string grows");
    for row in file.chunks(16) {
        let bytes: Vec<_> = row.iter().map(|byte| format!("0x{byte:02x}")).collect();
        writeln!(text, "    {},", bytes.join(", ")).expect("a string grows");
    }
    text + "};\n"
}

/// A string literal of C; what is not plain ASCII stands as octal bytes, which no following digit can lengthen.
fn literal(name: &str) -> String {
    let mut text = String::from("\"");
    for byte in name.bytes() {
        match byte {
            b'"' | b'\\' | b'?' => text.extend(['\\', char::from(byte)]),
            b' '..=b'~' => text.push(char::from(byte)),
            _ => write!(text, "\\{byte:03o}").expect("a string grows"),
        }
    }
    text + "\""
}

#[cfg(test)]
mod tests {
    use lstm_nostd::artifact::RandomModel;

    use super::*;

    #[test]
    fn names_are_those_that_c_takes() {
        assert_eq!(identifier("gestures"), "gestures");
        assert_eq!(identifier("Wake-Word 2"), "wake_word_2");
        assert_eq!(identifier("2nd"), "model_2nd");
        assert_eq!(literal("a\"b\\c??/é1"), "\"a\\\"b\\\\c\\?\\?/\\303\\2511\"");
    }

    #[test]
    fn the_array_holds_the_file_and_the_header_its_sizes() {
        let random = RandomModel {
            inputs: 3,
            hidden: vec![5],
            outputs: 2,
            ..RandomModel::default()
        };
        let file = random.build().to_bytes().unwrap();
        let model = Model::parse(&file).unwrap();
        let c = CSource::of("gestures", &file, &model);
        let array = c.source.split_once("FILE_BYTES] = {").unwrap().1;
        let bytes: Vec<u8> = array
            .split(['\n', ',', ' ', '}', ';'])
            .filter_map(|word| u8::from_str_radix(word.strip_prefix("0x")?, 16).ok())
            .collect();
        assert_eq!(bytes, *file);
        let sizes = [
            ("INPUTS", model.inputs()),
            ("OUTPUTS", model.outputs()),
            (
                "STATE_BYTES",
                16 * model.cell_blocks() + 8 * model.hidden_blocks(),
            ),
            ("SCRATCH_BYTES", 8 * model.scratch_blocks()),
            ("FILE_BYTES", file.len()),
        ];
        for (size, value) in sizes {
            let line = format!("#define GESTURES_{size} {value}\n");
            assert!(c.header.contains(&line), "{line}{}", c.header);
        }
    }
}
