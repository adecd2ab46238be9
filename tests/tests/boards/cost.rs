//! Compares the cost model with counts in QEMU, for layers that it was not fitted to.

use std::cmp::Ordering;

use lstm_nostd::kernels::Scheme;
use lstm_tests::boards::board;
use trainer_host::cost::{self, Core, DenseSize, LstmSize, MAX_ERROR};
use xtask::bench::{self, table::Shape};

#[test]
fn layers_between_those_of_the_table_cost_what_the_model_says() {
    let boards = ["microbit", "mps2-an386", "mps3-an547"].map(board);
    let shapes = [(7, 45), (24, 72), (18, 99)].map(|(inputs, hidden)| Shape::new(inputs, hidden));
    let steps = bench::count(&boards, &shapes).unwrap_or_else(|error| panic!("{error:#}"));
    // On M55, w8a8 is counted twice: with equal and with other shifts.
    let schemes = boards.len() * Scheme::ALL.len() + 1;
    assert_eq!(steps.len(), shapes.len() * schemes * 2);
    for step in steps {
        let Shape { inputs, hidden } = step.shape;
        let lstm = LstmSize {
            scheme: Scheme::from_name(&step.scheme).unwrap(),
            inputs,
            hidden,
            peepholes: step.peepholes,
            shifts: match step.equal_shifts {
                true => Ordering::Equal,
                false => Ordering::Greater,
            },
        };
        let dense = DenseSize {
            inputs: hidden,
            outputs: step.outputs,
        };
        let core = Core::from_name(&step.core).unwrap();
        let found = cost::step(core, inputs, &[lstm], &[dense]);
        let error = found.instructions / step.model_instructions as f64 - 1.0;
        let name = step.name();
        assert!(
            error.abs() < MAX_ERROR,
            "{name}: {found:?}, counted {step:?}"
        );
    }
}
