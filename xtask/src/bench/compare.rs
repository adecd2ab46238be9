//! Compares a table with an earlier one.

use anyhow::{Result, bail};

use super::table::{Engine, Step, Table};

/// Allowed growth of a step in percent, since another compiler may choose other instructions.
const TOLERANCE_PERCENT: u64 = 2;

/// What changed.
#[derive(Default)]
struct Changes {
    /// Number of figures that changed.
    all: usize,
    /// Number of figures that grew by more than the tolerance, which is an error.
    grown: usize,
}

impl Changes {
    /// Counts and prints one figure.
    fn note(&mut self, name: &str, what: &str, before: u64, after: u64, must_not_grow: bool) {
        if before == after {
            return;
        }
        self.all += 1;
        let percent = 100.0 * (after as f64 / before as f64 - 1.0);
        let fails = must_not_grow && 100 * after > (100 + TOLERANCE_PERCENT) * before;
        self.grown += usize::from(fails);
        let verdict = if fails { "  TOO MUCH" } else { "" };
        println!("{name}: {what} {before} -> {after} ({percent:+.1} %){verdict}");
    }

    fn note_step(&mut self, before: &Step, after: &Step) {
        let figures = |s: &Step| {
            [
                ("instructions", s.instructions, true),
                ("instructions of the model", s.model_instructions, true),
                ("bytes of state", s.state_bytes as u64, false),
                ("bytes of scratch", s.scratch_bytes as u64, false),
                ("bytes of stack", s.stack_bytes as u64, false),
            ]
        };
        let both = figures(before).into_iter().zip(figures(after));
        for ((what, old, must_not_grow), (_, new, _)) in both {
            self.note(&after.name(), what, old, new, must_not_grow);
        }
    }

    fn note_engine(&mut self, before: &Engine, after: &Engine) {
        for (build, old, new) in [
            ("w8a16 alone", before.w8a16, after.w8a16),
            ("every scheme", before.every_scheme, after.every_scheme),
        ] {
            let name = format!("{}, {build}", after.core);
            for (what, old, new) in [
                ("bytes of a step's code", old.step, new.step),
                ("bytes of tables", old.tables, new.tables),
                ("bytes of the parser", old.parser, new.parser),
            ] {
                self.note(&name, what, old, new, false);
            }
        }
    }
}

/// Prints what changed; an error if a step grew by more than the tolerance.
pub(super) fn print(earlier: &Table, table: &Table) -> Result<()> {
    let mut changes = Changes::default();
    for step in &table.steps {
        match earlier.steps.iter().find(|old| step.is_same_case(old)) {
            Some(before) => changes.note_step(before, step),
            None => println!("{}: new, {} instructions", step.name(), step.instructions),
        }
    }
    for engine in &table.engines {
        let before = earlier.engines.iter().find(|old| old.core == engine.core);
        if let Some(before) = before {
            changes.note_engine(before, engine);
        }
    }
    let Changes { all, grown } = changes;
    println!(
        "{} steps compared, {all} figures changed",
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
            layer: "lstm".into(),
            peepholes: false,
            instructions,
            parts: Parts::default(),
            estimated_cycles: 2_000,
            outputs: 10,
            model_instructions: 5_000,
            range: [5_000; 2],
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
