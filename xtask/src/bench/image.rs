//! Reads a linked image: the addresses of its functions and of the parts of its kernels.

use std::path::Path;

use anyhow::{Context, Result, bail};
use lstm_nostd::kernels::Scheme;
use object::read::elf::{ElfFile32, ProgramHeader as _};
use object::{Object as _, ObjectSegment as _, ObjectSymbol as _, SymbolKind};

use super::table::{Flash, Parts};
use crate::firmware;

/// The part of a step that an instruction counts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Products,
    Activations,
    Rest,
}

impl Part {
    pub(super) fn count(self, parts: &mut Parts) -> &mut u64 {
        match self {
            Self::Products => &mut parts.products,
            Self::Activations => &mut parts.activations,
            Self::Rest => &mut parts.rest,
        }
    }
}

struct Symbol {
    name: String,
    /// Address without the Thumb bit.
    address: u64,
    bytes: u64,
    is_function: bool,
}

/// The symbols of an image, by address.
pub(super) struct Image {
    symbols: Vec<Symbol>,
    /// Past the last byte in flash.
    flash_end: u64,
    /// Address and content of each loaded segment.
    segments: Vec<(u64, Vec<u8>)>,
}

impl Image {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let bytes =
            std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
        let elf: ElfFile32 = ElfFile32::parse(&*bytes).context("the image is not an ELF file")?;
        let mut symbols: Vec<_> = elf
            .symbols()
            .filter_map(|symbol| {
                let name = symbol.name().ok()?.to_owned();
                let is_function = symbol.kind() == SymbolKind::Text;
                Some(Symbol {
                    address: symbol.address() & !u64::from(is_function),
                    bytes: symbol.size(),
                    is_function,
                    name,
                })
            })
            .collect();
        // A label at a function's beginning comes after the function.
        symbols.sort_by_key(|symbol| (symbol.address, !symbol.is_function));
        let flash_end = elf
            .elf_program_headers()
            .iter()
            .filter(|segment| segment.p_filesz(elf.endian()) > 0)
            .map(|segment| segment.p_paddr(elf.endian()) + segment.p_filesz(elf.endian()))
            .max();
        let segments = elf.segments().filter_map(|segment| {
            let data = segment.data().ok()?;
            Some((segment.address(), data.to_vec()))
        });
        Ok(Self {
            segments: segments.collect(),
            symbols,
            flash_end: flash_end.unwrap_or(0).into(),
        })
    }

    /// The address of a symbol.
    pub(super) fn address(&self, name: &str) -> Result<u64> {
        let found = self.symbols.iter().find(|symbol| symbol.name == name);
        Ok(found
            .with_context(|| format!("the image has no symbol {name}"))?
            .address)
    }

    /// The first two half-words of the instruction at `address`.
    pub(super) fn half_words(&self, address: u64) -> Option<[u16; 2]> {
        self.segments.iter().find_map(|(start, data)| {
            let at = usize::try_from(address.checked_sub(*start)?).ok()?;
            let half = |at: usize| Some(u16::from_le_bytes(*data.get(at..)?.first_chunk()?));
            let first = half(at)?;
            Some([first, half(at + 2).unwrap_or(0)])
        })
    }

    /// The address in flash at which a model can be put.
    pub(super) fn model_address(&self) -> Result<u64> {
        let address = self.address("_model_in_flash")?;
        if self.flash_end > address {
            bail!("the image fills more than half of the flash and leaves no room for a model");
        }
        Ok(address)
    }

    /// The part of a step that the instruction at `address` belongs to. Kernels label their parts with
    /// `lstm_nostd.PART.NUMBER`, which holds up to the next function. A whole function `..._products` is products.
    pub(super) fn part(&self, address: u64) -> Part {
        let before = self
            .symbols
            .partition_point(|symbol| symbol.address <= address);
        let nearest = self.symbols[..before].iter().rev().find_map(|symbol| {
            let label = symbol.name.strip_prefix("lstm_nostd.");
            match label.and_then(|label| label.split('.').next()) {
                Some("products") => Some(Part::Products),
                Some("activations") => Some(Part::Activations),
                Some("rest") => Some(Part::Rest),
                _ if symbol.is_function && symbol.name.ends_with("_products") => {
                    Some(Part::Products)
                }
                _ => symbol.is_function.then_some(Part::Rest),
            }
        });
        nearest.unwrap_or(Part::Rest)
    }

    /// Bytes of the functions and tables whose names hold one of `words`.
    pub(super) fn bytes_of(&self, words: &[&str]) -> u64 {
        let has = |symbol: &&Symbol| words.iter().any(|word| symbol.name.contains(word));
        self.symbols
            .iter()
            .filter(has)
            .map(|symbol| symbol.bytes)
            .sum()
    }

    /// Flash of the engine in an image of `no_panic`, whose parser and step are functions of their own.
    ///
    /// `step` includes the library's functions for memory, `parser` includes its constants. Code that only starts a
    /// board does not count.
    pub(super) fn engine(&self, built: firmware::Engine) -> Result<Flash> {
        let mut of_parser = vec![
            "8no_panic5parse",
            "8artifact",
            "3crc",
            ".Lanon.",
            "9of_layers",
        ];
        let is_scheme = |feature: &&str| Scheme::from_name(feature).is_some();
        let has_other_schemes = match built {
            firmware::Engine::With(features) => features.iter().any(is_scheme),
            firmware::Engine::Whole | firmware::Engine::ForModel => true,
        };
        if !has_other_schemes {
            // With other schemes the specification uses these too.
            of_parser.extend(["13RecurrentRows4part", "7weights4sums"]);
        }
        // The image has a recogniser too, and nothing else divides 64 bits.
        let of_recogniser = [
            "9recognise",
            "11probability",
            "u64_div_rem",
            "__aeabi_uldivmod",
            "__udivmoddi4",
        ];
        let has = |symbol: &Symbol, words: &[&str]| words.iter().any(|w| symbol.name.contains(w));
        let mut flash = Flash::default();
        for symbol in &self.symbols {
            if has(symbol, &["6tables6TABLES"]) {
                flash.tables += symbol.bytes;
            } else if has(symbol, &of_parser) {
                flash.parser += symbol.bytes;
            } else if symbol.is_function
                && !has(symbol, &of_recogniser)
                && has(
                    symbol,
                    &[
                        "8no_panic4step",
                        "8no_panic6window",
                        "8no_panic8features",
                        "lstm_nostd",
                        "compiler_builtins",
                        "__aeabi_",
                    ],
                )
            {
                flash.step += symbol.bytes;
            }
        }
        if [flash.step, flash.tables, flash.parser].contains(&0) {
            bail!("the image lacks a part of the engine: {flash:?}");
        }
        Ok(flash)
    }
}
