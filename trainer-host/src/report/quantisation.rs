//! The report of `quantise`: how much accuracy the integers lose, and where.

use super::clock;
use super::page::data_table as table;
use super::page::escape;
use super::score::percent;
use super::{Chart, Page, Series, columns, confusion_table};
use crate::data::counted;
use crate::evaluate::Score;
use crate::run::quantisation::{NOT_FOLLOWED, QuantisationReport};

/// The HTML page of a report. Class names come from the report's comparison.
pub fn quantisation_page(report: &QuantisationReport) -> String {
    let schemes = report.schemes.join(", ");
    let mut page = Page::new(&format!("Quantised: {schemes}"));
    page.summary(&summary(report));
    page.section("Layers", &layers(report));
    for trace in &report.traces {
        let name = format!("Recurrent layer {}, unit {}", trace.layer, trace.unit);
        let heading = format!("{name}: {} of the hidden state", trace.why);
        let title = format!("h, RMS error {:.5}", trace.hidden_rms);
        let svg = pair_svg(&title, &trace.hidden, &trace.integer_hidden)
            + &pair_svg("c", &trace.cell, &trace.integer_cell);
        page.section(&heading, &columns(&svg));
    }
    if let (Score::Classes(float), Score::Classes(integer)) =
        (&report.comparison.float, &report.comparison.integer)
    {
        let names: Vec<String> = float.classes.iter().map(|c| c.name.clone()).collect();
        page.section("Classes", &classes(report));
        page.section(
            "Confusion in f32",
            &confusion_table(&names, &float.confusion),
        );
        page.section(
            "Confusion in integers",
            &confusion_table(&names, &integer.confusion),
        );
        if !report.layers.is_empty() {
            page.section("Where decisions differ", &disagreements(report, &names));
        }
    }
    if !report.candidates.is_empty() {
        page.section(
            "What was tried on held-out training data",
            &candidates(report),
        );
    }
    page.finish()
}

/// What matters most, by name.
fn summary(report: &QuantisationReport) -> Vec<(&'static str, String)> {
    let comparison = &report.comparison;
    let memory = &report.memory;
    let mut rows = vec![
        ("judged on", report.part.to_string()),
        ("f32", comparison.float.describe()),
        ("integers", comparison.integer.describe()),
        ("as f32", comparison.nearness()),
        (
            "largest difference of an output",
            format!("{:.4}", comparison.largest_difference),
        ),
        ("calibration", report.calibration.to_string()),
        ("rounding", report.rounding.to_string()),
        ("flash, model file", format!("{} bytes", memory.file_bytes)),
        (
            match memory.window {
                Some(_) => "RAM",
                None => "RAM, state and scratch",
            },
            memory.ram(),
        ),
    ];
    let clamped = report.clamped_inputs.iter();
    rows.extend(clamped.map(|channel| ("clamped inputs", channel.describe())));
    let steps = report.cores.iter();
    let steps = steps.map(|core| format!("{} on {}", core.instructions, core.core));
    let steps: Vec<String> = steps.collect();
    rows.push(("instructions of a step, estimated", steps.join(", ")));
    if let Some(reference) = &report.reference {
        rows.push(("f32 network from", reference.display().to_string()));
    }
    rows.push(("written", clock::now()));
    rows
}

fn layers(report: &QuantisationReport) -> String {
    let decibels = |value: f64| format!("{value:.1}");
    let (columns, note) = match report.layers.is_empty() {
        true => (3, format!("<p>{NOT_FOLLOWED}</p>")),
        false => (9, String::new()),
    };
    let rows = report.weights.iter().enumerate().map(|(l, weights)| {
        let mut row = vec![
            weights.layer.clone(),
            weights.scheme.into(),
            decibels(weights.sqnr_db),
        ];
        match report.layers.get(l) {
            Some(layer) => row.extend([
                decibels(layer.gates_sqnr_db),
                decibels(layer.cell_sqnr_db),
                decibels(layer.hidden_sqnr_db),
                report.cell_formats[l].clone(),
                layer.saturated_cells.to_string(),
                layer.saturated_gates.to_string(),
            ]),
            None if report.layers.is_empty() => {}
            None => row.extend(vec!["–".into(); 6]),
        }
        row
    });
    let header = [
        "layer",
        "scheme",
        "weights, dB",
        "gates, dB",
        "cell, dB",
        "hidden, dB",
        "cell format",
        "saturated cells",
        "saturated gates",
    ];
    "<p>Signal-to-quantisation-noise ratios: with 20 dB more, the error is a tenth.</p>".to_owned()
        + &note
        + &table(&header[..columns], rows)
}

/// A value in f32 and in integers, and how far they are apart.
fn pair_svg(title: &str, exact: &[f32], integer: &[f32]) -> String {
    let over = |name: &str, values: &[f32]| {
        Series::over_positions(name, values.iter().map(|value| f64::from(*value)))
    };
    let apart: Vec<f32> = exact.iter().zip(integer).map(|(f, i)| i - f).collect();
    let both = vec![over("f32", exact), over("integers", integer)];
    let difference = vec![over("integers − f32", &apart)];
    let of_difference = format!("{title}: difference");
    Chart::lines(title, ("step", ""), both).figure()
        + &Chart::lines(&of_difference, ("step", ""), difference).figure()
}

fn classes(report: &QuantisationReport) -> String {
    let rows = report.classes.iter().map(|class| {
        vec![
            class.class.clone(),
            class.support.to_string(),
            percent(class.float_recall),
            percent(class.integer_recall),
            class
                .difference
                .map_or("–".into(), |d| format!("{:+.1}", 100.0 * d)),
        ]
    });
    let header = ["class", "occurs", "found in f32", "in integers", "points"];
    table(&header, rows)
}

fn disagreements(report: &QuantisationReport, names: &[String]) -> String {
    let name = |class: usize| {
        names
            .get(class)
            .map_or_else(|| class.to_string(), |n| escape(n))
    };
    let found = &report.disagreements;
    let bounds: Vec<String> = found.bound.iter().map(|b| format!("{b:.4}")).collect();
    let rows = found.followed.iter().map(|d| {
        vec![
            d.sequence.to_string(),
            d.steps.to_string(),
            name(d.truth),
            name(d.float),
            name(d.integer),
            d.judged_step.to_string(),
            d.parted_at.to_string(),
            d.hidden_off_at.map_or("–".into(), |t| t.to_string()),
        ]
    });
    let header = [
        "sequence",
        "steps",
        "truth",
        "f32",
        "integers",
        "at step",
        "decisions part at",
        "h off at",
    ];
    format!(
        "<p>{}; a hidden value is off beyond {} (eight times its layer's RMS error). \
         Steps count from 0.</p>{}",
        counted(found.sequences, "sequence"),
        bounds.join(", "),
        table(&header, rows)
    )
}

fn candidates(report: &QuantisationReport) -> String {
    let rows = report.candidates.iter().map(|candidate| {
        let distance = candidate.distance;
        vec![
            format!("{}, {}", candidate.calibration, candidate.rounding),
            distance.map_or("refused".into(), |d| format!("{d:.3e}")),
        ]
    });
    table(&["calibration, rounding", "distance of outputs"], rows)
}
