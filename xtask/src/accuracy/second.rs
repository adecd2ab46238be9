//! What a second of signal costs: instructions on M4 in w8a16, estimated, front end and network apart.

use anyhow::Result;
use serde_json::Value;

use super::name_and_unit;
use crate::trainer::{Trainer, number};

/// The scheme that is counted.
const SCHEME: &str = "w8a16";

/// That of the network in `run`, whose data has `rate` moments a second; null if it is not quantised for that.
pub(super) fn of_run(
    trainer: &Trainer,
    run: &str,
    rate: Option<f64>,
    schemes: &[String],
) -> Result<Value> {
    let Some(rate) = rate.filter(|_| schemes.iter().any(|scheme| scheme == SCHEME)) else {
        return Ok(Value::Null);
    };
    let file = format!("{run}/m4.lstm");
    let of_integers = ["--scheme", SCHEME, "--target", "m4", "--output", &file];
    trainer.run(&[&["export", run], &of_integers[..]].concat())?;
    let inspected = trainer.run(&[
        "inspect",
        &file,
        "--core",
        "m4",
        "--rate",
        &rate.to_string(),
    ])?;
    Ok(inspected["seconds"][0].clone())
}

/// A row for each experiment that has a rate.
pub(super) fn table(results: &[Value]) -> Result<String> {
    let mut text = format!(
        "Estimated instructions for a second of signal on M4, {SCHEME}\n\n{:<20} {:>12} {:>12} {:>12}\n",
        "data set", "front end", "network", "together"
    );
    let counted = results.iter().filter(|result| !result["second"].is_null());
    for result in counted {
        let (name, _) = name_and_unit(result);
        let part = |part: &str| number(result, &format!("/second/{part}"));
        let (front_end, network) = (part("front_end")?, part("network")?);
        let together = front_end + network;
        text += &format!("{name:<20} {front_end:>12} {network:>12} {together:>12}\n");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn front_end_and_network_are_added_where_the_rate_is_known() {
        let second = json!({"front_end": 100_000, "network": 200_000.0});
        let results = [
            json!({"experiment": "a", "second": second}),
            json!({"experiment": "b", "second": null}),
        ];
        let text = table(&results).unwrap();
        let rows: Vec<&str> = text.lines().skip(3).collect();
        assert_eq!(rows.len(), 1, "{text}");
        let cells: Vec<&str> = rows[0].split_whitespace().collect();
        assert_eq!(cells, ["a", "100000", "200000", "300000"]);
    }
}
