//! The tuner's search on a function of one's own: it proposes points, the program judges them.
//!
//! ```text
//! cargo run --release -p trainer-host --example search_any_function
//! ```

use trainer_host::search::{FirstFold, Observation, Outcome, Point, SearchConfig, propose};

/// Trials of the search.
const TRIALS: usize = 60;

/// What is to be small: a valley in the learning rate, and larger batches cost a little.
fn error(point: &Point) -> Option<f64> {
    let rate = point["rate"].number()?;
    let batch = point["batch"].number()?;
    Some((rate.log10() + 2.5).powi(2) + 0.001 * batch)
}

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = SearchConfig {
        space: toml::from_str(
            "rate = { low = 1e-5, high = 1.0, scale = \"log\" }\nbatch = { low = 8, high = 128, scale = \"log\" }",
        )?,
        ..SearchConfig::default()
    };
    let mut observations: Vec<Observation> = Vec::new();
    let mut least = f64::INFINITY;
    for number in 0..TRIALS {
        // The last argument returns further objectives, which are known before the trial: none here. It returns `None` for
        // points that cannot be used, such as networks that do not fit a chip.
        let point = propose(&config, 0, number, &observations, &[], |_| Some(Vec::new()))?;
        let outcome = match error(&point) {
            Some(value) => Outcome::Finished(vec![value]),
            None => Outcome::Failed,
        };
        if let Some(value) = error(&point).filter(|value| *value < least) {
            least = value;
            println!(
                "trial {number}: {value:.4} at {}",
                serde_json::to_string(&point)?
            );
        }
        observations.push(Observation {
            point,
            outcome,
            values: Vec::new(),
            first_fold: FirstFold::default(),
        });
    }
    Ok(())
}
