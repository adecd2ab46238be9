//! How data is read, as a configuration says it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::built_in::BuiltIn;
use super::columns::Columns;
use super::fill::Fill;
use super::forecast::Forecast;
use super::front_end::FrontEnd;
use super::generated::Sizes;
use super::signal_variants::SignalVariants;
use super::task::Kind;
use super::windows::Window;

/// How to read data; the default suits files of the published formats and published task sizes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// A separate file with the test part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test: Option<PathBuf>,
    /// What to put in place of missing inputs; without it they are refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fill: Option<Fill>,
    /// What targets are; without it, what the source says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<Kind>,
    /// A share of the sequences to report on, where the source has no test part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_share: Option<f64>,
    /// Windows that recordings are cut into.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// The seed of a generated task, and of the share to report on.
    pub seed: u64,
    /// The columns of a long CSV.
    pub columns: Columns,
    /// Windows of a long CSV to forecast from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forecast: Option<Forecast>,
    /// How recordings become features.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub front_end: Option<FrontEnd>,
    /// Variants of training recordings of sound or vibration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal_variants: Option<SignalVariants>,
    /// The sizes of a generated task.
    pub sizes: Sizes,
}

impl Options {
    /// The options for reading other data in the same way: it has no parts yet.
    pub fn as_test_data(&self) -> Self {
        let mut options = self.clone();
        (options.test, options.test_share) = (None, None);
        options.signal_variants = None;
        if let Some(forecast) = &mut options.forecast {
            (
                forecast.validation_rows,
                forecast.test_rows,
                forecast.test_share,
            ) = (None, None, None);
        }
        options
    }

    /// The front end, if it makes statistics of channels.
    pub(super) fn statistics(&self) -> Option<&FrontEnd> {
        (self.front_end.as_ref()).filter(|front_end| front_end.kind.of_sound().is_none())
    }

    /// Whether the validation part is so many rows of a forecast's series, whatever the share.
    pub fn has_validation_rows(&self) -> bool {
        let forecast = self.forecast.as_ref();
        forecast.is_some_and(|forecast| forecast.validation_rows.is_some_and(|rows| rows > 0))
    }

    /// Whether `source` gives other sequences than with `other`, as a generated task does.
    pub fn generates_otherwise(&self, other: &Self, source: &str) -> bool {
        let is_generated = BuiltIn::named(source).is_some_and(|task| task != BuiltIn::Digits);
        is_generated && (self.seed, self.sizes.steps) != (other.seed, other.sizes.steps)
    }

    /// The first key by which the same split divides the same file otherwise than with `other`.
    pub fn differing_part_key(&self, other: &Self) -> Option<&'static str> {
        let forecast = |options: &Self| {
            let forecast = options.forecast.as_ref();
            forecast.map(|f| (f.validation_rows, f.test_rows, f.test_share))
        };
        let (own, others) = (&self.columns, &other.columns);
        let keys = [
            ("task", self.task == other.task),
            ("test_share", self.test_share == other.test_share),
            ("window", self.window == other.window),
            ("columns.series", own.series == others.series),
            ("columns.group", own.group == others.group),
            ("sizes.train", self.sizes.train == other.sizes.train),
            ("forecast", forecast(self) == forecast(other)),
        ];
        keys.into_iter()
            .find_map(|(key, same)| (!same).then_some(key))
    }
}
