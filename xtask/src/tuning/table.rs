//! The table of `cargo xtask tuning`, and whether its figures meet the demands.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::{FINALISTS, FOLDS, REPEATS, SEEDS, SEEDS_BY_HAND, TRIALS, WINS_OF_FIVE};
use crate::spread::Spread;
use crate::trainer::number;

/// Means of equally many right decisions may differ by this much, because they are added in different orders.
const ROUNDING: f64 = 1e-9;

/// All of one experiment.
pub(super) fn text(result: &Value) -> Result<String> {
    let searches = result["searches"].as_array().context("no searches")?;
    let mut text = format!(
        "{}: networks of at most {} instructions a step on an M4, half of the hand-made one's.\n\
         Area: what the front of error and instructions dominates.\n\
         Accuracy of the integers in %: over {FOLDS} folds, each trained with {REPEATS} seeds, by which the best of\n\
         a search was chosen among {FINALISTS} finalists and the point that it began with, so that it is a little lucky;\n\
         by how much that is above by hand, ± standard error over the folds; and on the test part, mean ±\n\
         deviation of {SEEDS} trainings, {SEEDS_BY_HAND} by hand. A star: the search hands over what it began with.\n\n\
         {:<18} {:>9} {:>9} {:>8} {:>13} {:>7} {:>14} {:>14}\n",
        result["experiment"].as_str().unwrap_or_default(),
        number(result, "/limit")?,
        "",
        "compute",
        "to end",
        "area",
        "instructions",
        "folds",
        "above by hand",
        "test",
    );
    let nothing = ["-", "-", "-", "-"].map(String::from);
    let by_hand = &result["by_hand"];
    text += &row("by hand", &nothing, by_hand)?;
    let sampler = result["sampler"].as_str().unwrap_or("tuned");
    for search in searches {
        for (side, name) in [("tuned", sampler), ("random", "random")] {
            let side = &search[side];
            let figures = [
                format!("{:.2e}", number(side, "/macs")?),
                format!("{} of {}", side["finished"], side["trials"]),
                format!("{:.4}", number(side, "/area")?),
                above(&side["best"], by_hand)?,
            ];
            let seed = search["seed"].as_str().unwrap_or_default();
            let star = match side["best"]["is_beginning"] == true {
                true => " *",
                false => "",
            };
            text += &row(
                &format!("{name}, seed {seed}{star}"),
                &figures,
                &side["best"],
            )?;
        }
    }
    let by_hand = beside_by_hand(by_hand, searches)?;
    Ok(format!("{text}\n{by_hand}{}", beside_random(searches)?))
}

/// A line of the table.
fn row(name: &str, figures: &[String; 4], judged: &Value) -> Result<String> {
    let [compute, finished, area, above] = figures;
    let percent = |place: &str| -> Result<f64> { Ok(100.0 * number(judged, place)?) };
    let test = format!(
        "{:.2} ± {:.2}",
        percent("/test/mean")?,
        percent("/test/deviation")?
    );
    Ok(format!(
        "{name:<18} {compute:>9} {finished:>9} {area:>8} {:>13} {:>7.2} {above:>14} {test:>14}\n",
        number(judged, "/instructions")?,
        percent("/folds/mean")?,
    ))
}

/// How far a network's folds are above those of the hand-made one: mean and standard error. Trainings of one fold share
/// their sequences, so each fold counts as one sample.
fn above(judged: &Value, by_hand: &Value) -> Result<String> {
    let each = |of: &Value| -> Result<Vec<f64>> {
        let folds = of["folds"]["each"].as_array().context("no folds")?;
        folds.iter().map(|fold| number(fold, "")).collect()
    };
    let (own, hand) = (each(judged)?, each(by_hand)?);
    ensure!(
        own.len() == hand.len() && own.len() == FOLDS * REPEATS,
        "{} and {} trainings of folds are not {REPEATS} times {FOLDS}",
        own.len(),
        hand.len()
    );
    let of_fold = |fold: usize| {
        let trainings = own.iter().zip(&hand).skip(fold).step_by(FOLDS);
        trainings
            .map(|(own, hand)| 100.0 * (own - hand))
            .sum::<f64>()
            / REPEATS as f64
    };
    let spread = Spread::of(&(0..FOLDS).map(of_fold).collect::<Vec<f64>>());
    let error = spread.deviation / (FOLDS as f64).sqrt();
    Ok(format!("{:+.2} ± {error:.2}", spread.mean))
}

/// Whether the tuner meets the demands against the hand-made configuration.
fn beside_by_hand(by_hand: &Value, searches: &[Value]) -> Result<String> {
    let seeds = searches.len();
    let hand = number(by_hand, "/folds/mean")?;
    let folds = Compared::of(searches, "best/folds/mean", |_| Ok(hand))?;
    let as_good = folds.above + folds.equal;
    Ok(format!(
        "Demanded: within {TRIALS} trials, a model at least as good as the hand-made one at no more than half\n\
         its instructions.\n{}  {}: by the folds, with {as_good} of {seeds} seeds\n{}",
        folds.line("folds", seeds),
        verdict(as_good == seeds, as_good > 0),
        on_test_part(by_hand, searches)?
    ))
}

/// Whether what searches hand over is behind the hand-made network on the test part by no more than one standard error.
/// Searches are the draws on the one side, trainings on the other: trainings of one search share its settings.
fn on_test_part(by_hand: &Value, searches: &[Value]) -> Result<String> {
    let hand = by_hand["test"]["each"].as_array().context("no trainings")?;
    let hand: Result<Vec<f64>> = hand.iter().map(|training| number(training, "")).collect();
    let means = (searches.iter()).map(|search| number(search, "/tuned/best/test/mean"));
    let (hand, found) = (
        Spread::of(&hand?),
        Spread::of(&means.collect::<Result<Vec<f64>>>()?),
    );
    let (ahead, error) = (found.mean - hand.mean, found.error_of_difference(hand));
    Ok(format!(
        "  {}: on the test part, {:+.2} points beside by hand, mean of the searches; standard error {:.2}\n",
        verdict(ahead >= -error, false),
        100.0 * ahead,
        100.0 * error
    ))
}

/// Whether the tuner beats random search as often as demanded.
fn beside_random(searches: &[Value]) -> Result<String> {
    let seeds = searches.len();
    let against = |figure: &str| -> Result<Compared> {
        let place = format!("/random/{figure}");
        Compared::of(searches, figure, |search| number(search, &place))
    };
    let area = against("area")?;
    let needed = (WINS_OF_FIVE * seeds).div_ceil(5);
    Ok(format!(
        "Demanded: it beats random search at equal compute with at least {needed} of {seeds} seeds.\n\
         {}{}{}  {}: by the area of the front, with {} of {seeds} seeds\n",
        area.line("area of the front", seeds),
        against("best/folds/mean")?.line("best, folds", seeds),
        against("best/test/mean")?.line("best, test part", seeds),
        verdict(area.above >= needed, false),
        area.above
    ))
}

/// The number of seeds with which the tuner's figure is above another one, and the number with which they are equal.
struct Compared {
    above: usize,
    equal: usize,
}

impl Compared {
    fn of(searches: &[Value], figure: &str, other: impl Fn(&Value) -> Result<f64>) -> Result<Self> {
        let (mut above, mut equal) = (0, 0);
        for search in searches {
            let own = number(search, &format!("/tuned/{figure}"))?;
            let other = other(search)?;
            let is_equal = (own - other).abs() < ROUNDING;
            above += usize::from(own > other && !is_equal);
            equal += usize::from(is_equal);
        }
        Ok(Self { above, equal })
    }

    fn line(&self, name: &str, seeds: usize) -> String {
        let Self { above, equal } = self;
        format!("  {name}: better with {above}, as good with {equal} of {seeds} seeds\n")
    }
}

fn verdict(is_met: bool, is_partly: bool) -> &'static str {
    match (is_met, is_partly) {
        (true, _) => "met",
        (false, true) => "met in part",
        (false, false) => "not met",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{FOLDS, REPEATS, above, text};

    fn judged(instructions: u64, folds: f64, test: f64) -> Value {
        json!({
            "instructions": instructions,
            "folds": { "mean": folds, "each": vec![folds; FOLDS * REPEATS] },
            "test": { "mean": test, "deviation": 0.01, "each": [test - 0.01, test, test + 0.01] },
        })
    }

    /// Of five seeds: with `wins` the tuner's area is larger, with `as_good` its best is as good as by hand. On the
    /// test part it has `test`, by hand 0.9.
    fn result(wins: usize, as_good: usize, test: f64) -> String {
        let side = |area: f64, best: Value| json!({ "macs": 1e9, "area": area, "trials": 9, "finished": 3, "best": best });
        let search = |n: usize| {
            let area = if n < wins { 0.9 } else { 0.7 };
            let accuracy = if n < as_good { 0.95 } else { 0.94 };
            json!({
                "seed": n.to_string(),
                "tuned": side(area, judged(40, accuracy, test)),
                "random": side(0.8, judged(50, 0.93, 0.91)),
            })
        };
        let searches: Vec<Value> = (0..5).map(search).collect();
        let by_hand = judged(100, 0.95, 0.9);
        text(&json!({ "experiment": "x", "limit": 50.0, "sampler": "tpe", "by_hand": by_hand, "searches": searches }))
            .unwrap()
    }

    #[test]
    fn verdicts_say_what_is_met() {
        let said = result(4, 2, 0.9);
        for line in [
            "  folds: better with 0, as good with 2 of 5 seeds\n",
            "  met: on the test part, +0.00 points beside by hand, mean of the searches; standard error 0.58\n",
            "  met in part: by the folds, with 2 of 5 seeds\n",
            "  area of the front: better with 4, as good with 0 of 5 seeds\n",
            "  best, test part: better with 0, as good with 0 of 5 seeds\n",
            "  met: by the area of the front, with 4 of 5 seeds\n",
            "by hand                    -         -        -           100   95.00              -   90.00 ± 1.00\n",
            "tpe, seed 4           1.00e9    3 of 9   0.7000            40   94.00   -1.00 ± 0.00   90.00 ± 1.00\n",
        ] {
            assert!(said.contains(line), "{line}{said}");
        }
        let said = result(3, 5, 0.89);
        assert!(said.contains("  met: by the folds"), "{said}");
        assert!(said.contains("  not met: by the area"), "{said}");
        assert!(
            said.contains("  not met: on the test part, -1.00 points"),
            "{said}"
        );
        assert!(result(5, 0, 0.895).contains("  not met: by the folds"));
        assert!(result(5, 0, 0.895).contains("  met: on the test part, -0.50 points"));
    }

    /// Trainings of one fold differ by their seeds alone, and are no draws of their own.
    #[test]
    fn the_folds_are_the_draws() {
        let each = |accuracies: [f64; 9]| json!({ "folds": { "each": accuracies } });
        let hand = each([0.9; 9]);
        let own = each([0.91, 0.92, 0.93, 0.91, 0.94, 0.97, 0.91, 0.93, 0.95]);
        // By fold 1, 3 and 5 points: deviation 2.
        assert_eq!(above(&own, &hand).unwrap(), "+3.00 ± 1.15");
        let short = json!({ "folds": { "each": [0.9] } });
        assert!(above(&short, &hand).is_err());
    }
}
