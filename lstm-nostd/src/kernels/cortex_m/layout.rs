//! Holds the layouts that assembly knows by number to the structures of Rust: at compile time, every
//! `.equ` that names a field must be that field's offset.

/// The value of `.equ NAME, VALUE` in the text of an assembly file.
pub(super) const fn equ(text: &str, name: &str) -> usize {
    let (text, name) = (text.as_bytes(), name.as_bytes());
    let mut at = 0;
    while at < text.len() {
        let after = skip(text, at, b".equ ");
        let end = skip(text, after, name);
        if after > at && end > after && text[end] == b',' {
            return number(text, end + 2);
        }
        at += 1;
    }
    panic!("the assembly has no such `.equ`");
}

/// Past `word` if it stands at `at`, else `at`.
const fn skip(text: &[u8], at: usize, word: &[u8]) -> usize {
    let mut length = 0;
    while length < word.len() {
        if at + length >= text.len() || text[at + length] != word[length] {
            return at;
        }
        length += 1;
    }
    at + length
}

/// The decimal number at `at`.
const fn number(text: &[u8], mut at: usize) -> usize {
    assert!(
        text[at].is_ascii_digit(),
        "the value of an `.equ` is a decimal number"
    );
    let mut value = 0;
    while at < text.len() && text[at].is_ascii_digit() {
        value = 10 * value + (text[at] - b'0') as usize;
        at += 1;
    }
    value
}

/// `.equ`s of an assembly file, and the fields of a structure whose offsets they are.
macro_rules! layout {
    ($file:literal, $structure:ty: $($equ:ident = $($field:ident).+),+ $(,)?) => {
        const _: () = {
            const TEXT: &str = include_str!($file);
            $(assert!(
                $crate::kernels::cortex_m::layout::equ(TEXT, stringify!($equ))
                    == core::mem::offset_of!($structure, $($field).+),
                concat!($file, ": ", stringify!($equ), " is not the offset of its field")
            );)+
        };
    };
}
pub(super) use layout;
