//! One table against an earlier one.

use anyhow::{Result, bail};

use super::table::{Step, Table};

/// A step may grow by this, in percent, as another compiler may choose other instructions.
const TOLERANCE_PERCENT: u64 = 2;

/// Prints what changed; an error when a step grew by more than the tolerance.
pub(super) fn print(earlier: &Table, table: &Table) -> Result<()> {
    let mut changes = 0;
    let mut grown = 0;
    let mut report = |name: String, what: &str, before: u64, after: u64, matters: bool| {
        if before == after {
            return;
        }
        changes += 1;
        let percent = 100.0 * (after as f64 / before as f64 - 1.0);
        let fails = matters && 100 * after > (100 + TOLERANCE_PERCENT) * before;
        grown += usize::from(fails);
        let verdict = if fails { "  TOO MUCH" } else { "" };
        println!("{name}: {what} {before} -> {after} ({percent:+.1} %){verdict}");
    };
    for step in &table.steps {
        let Some(before) = earlier.steps.iter().find(|old| step.is_same_case(old)) else {
            println!("{}: new, {} instructions", step.name(), step.instructions);
            continue;
        };
        let figures = |s: &Step| {
            [
                ("instructions", s.instructions, true),
                ("instructions of the model", s.model_instructions, true),
                ("bytes of state", s.state_bytes as u64, false),
                ("bytes of scratch", s.scratch_bytes as u64, false),
                ("bytes of stack", s.stack_bytes as u64, false),
            ]
        };
        for ((what, old, matters), (_, new, _)) in figures(before).into_iter().zip(figures(step)) {
            report(step.name(), what, old, new, matters);
        }
    }
    for engine in &table.engines {
        let same = |old: &&super::table::Engine| old.core == engine.core;
        let Some(old) = earlier.engines.iter().find(same) else {
            continue;
        };
        let name = engine.core.clone();
        for (build, old, new) in [
            ("w8a16 alone", old.w8a16, engine.w8a16),
            ("every scheme", old.every_scheme, engine.every_scheme),
        ] {
            let name = format!("{name}, {build}");
            report(
                name.clone(),
                "bytes of a step's code",
                old.step,
                new.step,
                false,
            );
            report(
                name.clone(),
                "bytes of tables",
                old.tables,
                new.tables,
                false,
            );
            report(name, "bytes of the parser", old.parser, new.parser, false);
        }
    }
    println!(
        "{} steps compared, {changes} figures changed",
        table.steps.len()
    );
    if grown > 0 {
        bail!("{grown} figures grew by more than {TOLERANCE_PERCENT} %");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::table::{Parts, SHAPES};

    fn table(instructions: u64) -> Table {
        let step = Step {
            core: "M4".into(),
            scheme: "w8a16".into(),
            equal_shifts: false,
            shape: SHAPES[0],
            peepholes: false,
            instructions,
            parts: Parts::default(),
            estimated_cycles: 2_000,
            outputs: 10,
            model_instructions: 5_000,
            estimated_model_cycles: 6_000,
            state_bytes: 96,
            scratch_bytes: 40,
            stack_bytes: 300,
        };
        Table {
            steps: vec![step],
            engines: Vec::new(),
        }
    }

    #[test]
    fn a_step_may_grow_by_two_percent_and_shrink_by_any() {
        print(&table(1_000), &table(1_020)).unwrap();
        print(&table(1_000), &table(400)).unwrap();
        let error = print(&table(1_000), &table(1_021)).unwrap_err();
        assert!(error.to_string().contains("1 figures grew"));
    }
}
