//! What a model may cost.

use serde::{Deserialize, Serialize};

use super::flash::{FlashReads, wait_states_at};
use super::{Core, Footprint};
use crate::cost::quantity::{Bytes, Hertz, Seconds};

/// The chip that a model is for, and how much of it the model may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Its core; an M4 by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub core: Option<Core>,
    /// Its clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock: Option<Hertz>,
    /// Wait states of its flash at this clock; without them, the estimate of cycles has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait_states: Option<u32>,
    /// How its flash is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flash_reads: Option<FlashReads>,
    /// Flash for model and engine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flash: Option<Bytes>,
    /// The model file, for example for a slot that updates write to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_file: Option<Bytes>,
    /// RAM for state, scratch and stack; of a network of whole windows, for the buffer of the longest sequence and the stack.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ram: Option<Bytes>,
    /// Time of a step, from the estimate of cycles; needs a clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency: Option<Seconds>,
    /// Instructions of a step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instructions: Option<u64>,
}

/// A limit that a model exceeds.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{what} would be {found}, and at most {limit} are allowed")]
pub struct Exceeded {
    /// The limit's name.
    pub what: &'static str,
    /// What the model needs.
    pub found: String,
    /// The limit.
    pub limit: String,
}

impl Limits {
    /// The core that models are judged for.
    pub fn core(&self) -> Core {
        self.core.unwrap_or(Core::M4)
    }

    /// These limits; where one is missing, the limit of `other`. Wait states of `other` are for its clock; at another
    /// one, the access time of the flash stays.
    pub fn or(self, other: Self) -> Self {
        let others_wait_states = match (self.clock, other.clock, other.wait_states) {
            (Some(clock), Some(known), Some(states)) => Some(wait_states_at(clock, states, known)),
            _ => other.wait_states,
        };
        Self {
            core: self.core.or(other.core),
            clock: self.clock.or(other.clock),
            wait_states: self.wait_states.or(others_wait_states),
            flash_reads: self.flash_reads.or(other.flash_reads),
            flash: self.flash.or(other.flash),
            model_file: self.model_file.or(other.model_file),
            ram: self.ram.or(other.ram),
            latency: self.latency.or(other.latency),
            instructions: self.instructions.or(other.instructions),
        }
    }

    /// Refuses a latency without a clock.
    ///
    /// # Errors
    /// In words.
    pub fn validate(&self) -> Result<(), String> {
        match (self.latency, self.clock) {
            (Some(latency), None) => Err(format!(
                "a latency of {latency} needs a clock; add --clock, for example --clock 64MHz"
            )),
            _ => Ok(()),
        }
    }

    /// Refuses a model that needs more.
    ///
    /// # Errors
    /// [`Exceeded`], the first limit.
    pub fn check(&self, model: &Footprint) -> Result<(), Exceeded> {
        let sizes = [
            (
                "flash",
                model.flash_bytes as u64,
                self.flash.map(|b| b.0),
                "bytes",
            ),
            (
                "the model file",
                model.file_bytes as u64,
                self.model_file.map(|b| b.0),
                "bytes",
            ),
            (
                "RAM",
                model.ram_bytes as u64,
                self.ram.map(|b| b.0),
                "bytes",
            ),
            (
                "a step",
                model.instructions,
                self.instructions,
                "instructions",
            ),
        ];
        for (what, found, limit, unit) in sizes {
            if let Some(limit) = limit
                && found > limit
            {
                return Err(Exceeded {
                    what,
                    found: match model.window_steps.filter(|_| what == "RAM") {
                        Some(steps) => format!("{found} {unit} for a window of {steps} steps"),
                        None => format!("{found} {unit}"),
                    },
                    limit: limit.to_string(),
                });
            }
        }
        match (self.latency, model.estimated_seconds) {
            (Some(limit), found) if found.is_none_or(|found| found > limit.0) => Err(Exceeded {
                what: "the estimated time of a step",
                found: found.map_or("unknown without a clock".into(), |f| Seconds(f).to_string()),
                limit: limit.to_string(),
            }),
            _ => Ok(()),
        }
    }
}

/// A chip by its name, from its data sheet.
#[derive(Clone, Copy, Debug)]
pub struct Chip {
    /// In lower case.
    pub name: &'static str,
    core: Core,
    mega_hertz: f64,
    flash_kib: u64,
    ram_kib: u64,
    /// Wait states at this clock, and how the flash is read; `None` for flash behind a serial bus, and where they are
    /// not known.
    flash: Option<(u32, FlashReads)>,
}

const fn chip(
    name: &'static str,
    core: Core,
    mega_hertz: f64,
    flash_kib: u64,
    ram_kib: u64,
) -> Chip {
    Chip {
        name,
        core,
        mega_hertz,
        flash_kib,
        ram_kib,
        flash: None,
    }
}

/// The chips with a name here. If a chip has external flash, the size is that of its usual board.
///
/// Wait states are for the stated clock at 3 V. Those of the STM32F4 and F1 were compared with RM0090 and PM0075; the
/// others are still to be compared with the manuals: SAM D21 data sheet, NVMCTRL; RM0444; SAM3X data sheet, EEFC;
/// nRF52832 and nRF52840 product specifications, CPU; RM0394; RM0385 with L1 caches; RM0456 with ICACHE. Where no
/// buffer for data is documented, each word is a read.
pub const CHIPS: [Chip; 14] = [
    chip("samd21g18", Core::M0, 48.0, 256, 32).flash(1, FlashReads::of(8, 8, 64)),
    chip("stm32g071rb", Core::M0, 64.0, 128, 36).flash(2, FlashReads::of(8, 4, 16)),
    chip("rp2040", Core::M0, 133.0, 2048, 264),
    chip("stm32f103c8", Core::M3, 72.0, 64, 20).flash(2, FlashReads::of(8, 4, 0)),
    chip("sam3x8e", Core::M3, 84.0, 512, 96).flash(4, FlashReads::of(16, 16, 0)),
    chip("nrf52832", Core::M4, 64.0, 512, 64).flash(2, FlashReads::of(4, 4, 2048)),
    chip("nrf52840", Core::M4, 64.0, 1024, 256).flash(2, FlashReads::of(4, 4, 2048)),
    chip("stm32l432kc", Core::M4, 80.0, 256, 64).flash(4, FlashReads::of(8, 8, 1024)),
    chip("stm32f407vg", Core::M4, 168.0, 1024, 192).flash(5, FlashReads::of(16, 16, 1024)),
    chip("stm32f746ng", Core::M7, 216.0, 1024, 320).flash(7, FlashReads::of(32, 32, 4096)),
    chip("nrf9160", Core::M33, 64.0, 1024, 256),
    chip("stm32u575zi", Core::M33, 160.0, 2048, 768).flash(4, FlashReads::of(16, 16, 8192)),
    chip("rp2350", Core::M33, 150.0, 4096, 520),
    chip("stm32n657", Core::M55, 600.0, 4096, 4096),
];

impl Chip {
    /// This chip, whose flash needs these wait states at its clock.
    const fn flash(self, wait_states: u32, reads: FlashReads) -> Self {
        Self {
            flash: Some((wait_states, reads)),
            ..self
        }
    }

    /// The chip of this name.
    ///
    /// # Errors
    /// In words, with all names.
    pub fn named(name: &str) -> Result<Self, String> {
        let lower = name.to_lowercase();
        let known = CHIPS.into_iter().find(|chip| chip.name == lower);
        known.ok_or_else(|| {
            let names = CHIPS.map(|chip| chip.name).join(", ");
            format!(
                "no chip is called `{name}`; there are {names}; for any other give --core, --clock, --flash and --ram"
            )
        })
    }

    /// Limits that allow the whole chip.
    pub fn limits(self) -> Limits {
        Limits {
            core: Some(self.core),
            clock: Some(Hertz(self.mega_hertz * 1e6)),
            wait_states: self.flash.map(|(wait_states, _)| wait_states),
            flash_reads: self.flash.map(|(_, reads)| reads),
            flash: Some(Bytes(self.flash_kib * 1024)),
            model_file: None,
            ram: Some(Bytes(self.ram_kib * 1024)),
            latency: None,
            instructions: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODEL: Footprint = Footprint {
        core: Core::M4,
        instructions: 20_000,
        estimated_cycles: 26_000,
        flash_waits: None,
        estimated_seconds: Some(26_000.0 / 64e6),
        file_bytes: 5_000,
        flash_bytes: 30_000,
        ram_bytes: 900,
        second: None,
        window_steps: None,
    };

    #[test]
    fn each_limit_is_checked() {
        for (text, problem) in [
            ("flash = \"29K\"", "flash would be 30000 bytes"),
            ("model_file = \"4K\"", "the model file would be 5000 bytes"),
            ("ram = 800", "RAM would be 900 bytes, and at most 800"),
            ("instructions = 19999", "20000 instructions"),
            ("clock = \"64MHz\"\nlatency = \"0.4ms\"", "time of a step"),
        ] {
            let limits: Limits = toml::from_str(text).unwrap();
            limits.validate().unwrap();
            let error = limits.check(&MODEL).unwrap_err().to_string();
            assert!(error.contains(problem), "{error}");
            let again: Limits = toml::from_str(&toml::to_string(&limits).unwrap()).unwrap();
            assert_eq!(again, limits);
        }
        let enough = "flash = \"30K\"\nram = \"1K\"\ninstructions = 20000\nclock = \"64MHz\"\nlatency = \"0.5ms\"";
        let limits: Limits = toml::from_str(enough).unwrap();
        limits.check(&MODEL).unwrap();
        Limits::default().check(&MODEL).unwrap();
    }

    #[test]
    fn what_is_just_as_much_as_allowed_is_accepted() {
        let limits = Limits {
            clock: Some(Hertz(64e6)),
            flash: Some(Bytes(30_000)),
            model_file: Some(Bytes(5_000)),
            ram: Some(Bytes(900)),
            latency: Some(Seconds(26_000.0 / 64e6)),
            instructions: Some(20_000),
            ..Limits::default()
        };
        assert_eq!(limits.check(&MODEL), Ok(()));
        let unknown = Footprint {
            estimated_seconds: None,
            ..MODEL
        };
        let said = limits.check(&unknown).unwrap_err().to_string();
        assert!(said.contains("unknown without a clock"), "{said}");
    }

    #[test]
    fn a_chip_has_the_limits_of_its_data_sheet() {
        let limits = Chip::named("STM32F407VG").unwrap().limits();
        let expected = Limits {
            core: Some(Core::M4),
            clock: Some(Hertz(168e6)),
            wait_states: Some(5),
            flash_reads: Some(FlashReads::of(16, 16, 1024)),
            flash: Some(Bytes(1 << 20)),
            ram: Some(Bytes(192 << 10)),
            ..Limits::default()
        };
        assert_eq!(limits, expected);
        assert_eq!(Limits::default().core(), Core::M4);
    }

    #[test]
    fn too_much_ram_for_a_window_names_its_steps() {
        let limits: Limits = toml::from_str("ram = 800\nflash = 30").unwrap();
        let model = Footprint {
            file_bytes: 10,
            flash_bytes: 20,
            window_steps: Some(40),
            ..MODEL
        };
        let said = limits.check(&model).unwrap_err().to_string();
        assert!(
            said.contains("900 bytes for a window of 40 steps"),
            "{said}"
        );
    }

    #[test]
    fn a_latency_needs_a_clock() {
        let limits: Limits = toml::from_str("latency = \"5ms\"").unwrap();
        assert!(limits.validate().unwrap_err().contains("--clock"));
    }

    #[test]
    fn chips_are_known_by_name() {
        let limits = Chip::named("nRF52840").unwrap().limits();
        assert_eq!(limits.core(), Core::M4);
        assert_eq!(limits.ram, Some(Bytes(256 * 1024)));
        assert!(Chip::named("z80").unwrap_err().contains("nrf52840"));
        let own: Limits = toml::from_str("ram = \"2K\"").unwrap();
        assert_eq!(own.or(limits).ram, Some(Bytes(2048)));
    }

    #[test]
    fn a_chips_wait_states_follow_its_clock() {
        let chip = Chip::named("stm32f407vg").unwrap().limits();
        assert_eq!(Limits::default().or(chip).wait_states, Some(5));
        let at = |text| toml::from_str::<Limits>(text).unwrap().or(chip);
        assert_eq!(at("clock = \"84MHz\"").wait_states, Some(2));
        assert_eq!(
            at("clock = \"84MHz\"\nwait_states = 3").wait_states,
            Some(3)
        );
        assert_eq!(at("").flash_reads, Some(FlashReads::of(16, 16, 1024)));
        // Flash on a serial bus.
        let chip = Chip::named("rp2040").unwrap().limits();
        assert_eq!(chip.wait_states, None);
    }

    #[test]
    fn how_flash_is_read_can_be_configured() {
        let text = "wait_states = 2\nflash_reads = { fetch = 8, data = 4, code_cache = \"2K\" }";
        let limits: Limits = toml::from_str(text).unwrap();
        assert_eq!(limits.flash_reads, Some(FlashReads::of(8, 4, 2048)));
        let again: Limits = toml::from_str(&toml::to_string(&limits).unwrap()).unwrap();
        assert_eq!(again, limits);
    }
}
