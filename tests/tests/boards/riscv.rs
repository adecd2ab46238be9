//! Does a RISC-V core compute the same bits as the host?

use lstm_nostd::artifact::RandomModel;
use lstm_nostd::kernels::{Order, Scheme};
use lstm_tests::reference::Reference;
use xtask::riscv;

/// Steps in each model file.
const STEPS: usize = 60;

/// A layer of each scheme, with conversions between them.
#[test]
fn every_scheme_agrees_with_the_host() {
    let random = RandomModel {
        inputs: 5,
        hidden: vec![12, 7, 9],
        dense: vec![6],
        outputs: 3,
        peepholes: true,
        schemes: vec![
            Scheme::W8a16,
            Scheme::W8a8,
            Scheme::W4a16,
            Scheme::W8a8,
            Scheme::W8a16,
        ],
        seed: 5,
        ..RandomModel::default()
    };
    for target in riscv::TARGETS {
        let printed = printed(target, &random, Order::Generic);
        let steps = format!("{STEPS} steps, ");
        assert!(printed.starts_with(&steps), "{target}: {printed}");
    }
}

/// Prints the instructions of a step of 16 inputs and 64 units in each order of weights.
#[test]
#[ignore = "long: builds a program for every scheme and every order of weights"]
fn every_order_agrees_with_the_host() {
    for scheme in Scheme::ALL {
        let random = RandomModel {
            inputs: 16,
            hidden: vec![64],
            dense: vec![],
            outputs: 10,
            peepholes: true,
            schemes: vec![scheme; 2],
            seed: 5,
            ..RandomModel::default()
        };
        for order in [Order::Generic, Order::Offset, Order::Paired, Order::Grouped] {
            let printed = printed(riscv::TARGETS[0], &random, order);
            println!("{scheme} {order:?}: {printed}");
            assert!(printed.contains(" instructions a step"), "{printed}");
        }
    }
}

/// What the program prints for a model whose file holds [`STEPS`] steps.
fn printed(target: &str, random: &RandomModel, order: Order) -> String {
    let mut file = random.build();
    let bytes = file.to_bytes().unwrap();
    let mut reference = Reference::new(&bytes);
    for raw in random.raw_inputs(STEPS) {
        let outputs = reference.run(&raw);
        file.golden.push((raw, outputs));
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.lstm");
    std::fs::write(&path, &*file.to_bytes_in(order).unwrap()).unwrap();
    let image = riscv::build(target, &path).unwrap_or_else(|error| panic!("{error:#}"));
    let output = riscv::run(&image)
        .output()
        .expect("`cargo xtask set-up` installs QEMU");
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{target}: {printed}");
    printed
}
