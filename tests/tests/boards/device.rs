//! What a board does besides computing: refuse, remember, test itself, and count; and how its emulator ends.

use lstm_nostd::artifact::{LayerKind, RandomModel};
use lstm_nostd::kernels::Scheme;
use lstm_nostd::{Direction, WindowModel};
use lstm_tests::boards::{board, device, device_with_less_ram, image};
use lstm_tests::models::{Sizes, random_models, run_in, train_in, trained_model};
use lstm_tests::on_every_board;
use lstm_tests::reference::Reference;
use lstm_tests::tiny_model::tiny_model;
use trainer_host::device::{CostUnit, Device, DeviceError, Keep};
use xtask::boards::Board;
use xtask::firmware::Application;

use crate::TRAINER;

on_every_board! {
    damaged_models_are_refused_by_name
    what_a_board_cannot_do_is_refused
    the_state_is_saved_restored_and_reset
    golden_steps_are_repeated
    instructions_and_stack_are_measured
    a_board_says_which_order_suits_it
}

/// A model that is not the one in flash, so that it travels over the line.
fn model() -> RandomModel {
    RandomModel {
        inputs: 3,
        hidden: vec![10],
        dense: vec![],
        outputs: 2,
        peepholes: true,
        schemes: vec![],
        seed: 7,
        ..RandomModel::default()
    }
}

fn damaged_models_are_refused_by_name(board: &'static Board) {
    let mut device = device(board);
    let good = model().build().to_bytes().unwrap().to_vec();
    let changed = |place: usize| {
        let mut file = good.clone();
        file[place] ^= 0x20;
        file
    };
    let cases = [
        (changed(0), "bad magic"),
        (changed(4), "version"),
        (changed(good.len() / 2), "checksum"),
        (good[..good.len() - 4].to_vec(), "truncated"),
        (good[..20].to_vec(), "truncated"),
        (Vec::new(), "truncated"),
        ([&good[..], &[0; 4]].concat(), "trailing bytes"),
    ];
    for (file, name) in cases {
        match device.load(&file) {
            Err(DeviceError::Model { reason, .. }) => {
                assert!(reason.starts_with(name), "{name}: {reason}");
            }
            other => panic!("{name}: {other:?}"),
        }
        assert!(
            device.run(&[0; 3], Keep::LastStep).is_err(),
            "no model is left after {name}"
        );
    }
    // The line and the board are as good as before.
    device.load(&good).unwrap();
    let raw = model().raw_inputs(5).concat();
    let run = device.run(&raw, Keep::EveryStep).unwrap();
    assert_eq!(run.outputs, Reference::new(&good).run(&raw));
}

fn what_a_board_cannot_do_is_refused(board: &'static Board) {
    let mut device = device(board);
    let message = |error: DeviceError| error.to_string();
    let refused = message(device.run(&[1, 2, 3], Keep::LastStep).unwrap_err());
    assert!(refused.contains("no model"), "{refused}");

    let limit = device.info().model_bytes;
    let refused = message(device.load(&vec![0; limit + 1]).unwrap_err());
    assert!(
        refused.contains(&format!("needs {} bytes", limit + 1)),
        "{refused}"
    );

    let wide = RandomModel {
        inputs: device.info().channels + 1,
        hidden: vec![1],
        ..model()
    };
    let refused = message(device.load(&wide.build().to_bytes().unwrap()).unwrap_err());
    assert!(refused.contains("inputs or outputs"), "{refused}");
    too_much_scratch_is_refused(&mut device);

    device.load(&model().build().to_bytes().unwrap()).unwrap();
    let refused = message(device.run(&[1, 2, 3, 4], Keep::LastStep).unwrap_err());
    assert!(refused.contains("4 inputs"), "{refused}");
    let refused = message(device.write_state(&[0; 24]).unwrap_err());
    assert!(
        refused.contains("24 bytes were sent, expected 72"),
        "{refused}"
    );
}

fn the_state_is_saved_restored_and_reset(board: &'static Board) {
    let mut device = device(board);
    let file = model().build().to_bytes().unwrap();
    device.load(&file).unwrap();
    let raw = model().raw_inputs(60).concat();
    let (first, second) = raw.split_at(30 * 3);

    let from_zero = device.run(first, Keep::EveryStep).unwrap().outputs;
    let saved = device.read_state().unwrap();
    let went_on = device.run(second, Keep::EveryStep).unwrap().outputs;
    let mut host = Reference::new(&file);
    assert_eq!(from_zero, host.run(first));
    assert_eq!(saved, host.state());
    assert_eq!(went_on, host.run(second));

    device.write_state(&saved).unwrap();
    assert_eq!(device.read_state().unwrap(), saved);
    assert_eq!(
        device.run(second, Keep::EveryStep).unwrap().outputs,
        went_on
    );

    device.reset().unwrap();
    assert_eq!(
        device.run(first, Keep::EveryStep).unwrap().outputs,
        from_zero
    );
    let last = device.run(second, Keep::LastStep).unwrap().outputs;
    assert_eq!(last, went_on[went_on.len() - 2..]);
    let sequence = device.run_sequence(&raw, Keep::EveryStep).unwrap();
    assert_eq!(sequence.outputs, [from_zero, went_on].concat());
}

fn golden_steps_are_repeated(board: &'static Board) {
    let mut device = device(board);
    // The model in flash is the committed file, which is the one made here.
    let tiny = tiny_model();
    let embedded = device.use_embedded().unwrap();
    assert_eq!(embedded.checksum, lstm_link::checksum(&tiny));
    let test = device.self_test().unwrap();
    assert!(test.passed && test.steps == 12, "{test:?}");

    device.load(trained_model(TRAINER)).unwrap();
    let test = device.self_test().unwrap();
    assert!(test.passed && test.steps > 0, "{test:?}");

    // A valid file whose stored outputs are not the engine's.
    let mut wrong = model().build();
    let raw = model().raw_inputs(4);
    let file = wrong.to_bytes().unwrap();
    let mut host = Reference::new(&file);
    for step in raw {
        let outputs = host.run(&step);
        wrong.golden.push((step, outputs));
    }
    wrong.golden[3].1[1] ^= 1;
    device.load(&wrong.to_bytes().unwrap()).unwrap();
    let test = device.self_test().unwrap();
    assert!(!test.passed && test.steps == 4, "{test:?}");
}

fn instructions_and_stack_are_measured(board: &'static Board) {
    let mut device = device(board);
    assert_eq!(device.unit(), CostUnit::Instructions);
    // An instruction takes 128 ns, and SysTick runs with the machine's clock.
    let clock_mhz = match board.machine {
        "microbit" => 16.0,
        "netduinoplus2" => 168.0,
        "mps2-an505" => 20.0,
        "mps3-an547" => 32.0,
        _ => 25.0,
    };
    let rate = device.info().tick_rate;
    let ticks = f64::from(rate.loop_ticks - rate.overhead) / f64::from(rate.loop_instructions);
    assert!(
        (ticks / (0.128 * clock_mhz) - 1.0).abs() < 0.001,
        "{rate:?}"
    );
    let file = model().build().to_bytes().unwrap();
    device.load(&file).unwrap();
    let raw = model().raw_inputs(20).concat();

    // The same steps take the same instructions, whenever they are run.
    let first = device.run(&raw, Keep::LastStep).unwrap();
    device.reset().unwrap();
    let second = device.run(&raw, Keep::LastStep).unwrap();
    assert_eq!(first, second);
    // A multiplication and its addition take part of an instruction at best and ten at worst, and the
    // rest of a step of ten units some hundreds.
    let per_step = first.cost.unwrap() / 20;
    let products = 4 * 10 * (3 + 10);
    assert!(
        (products / 4..products * 10 + 10_000).contains(&per_step),
        "{per_step} instructions"
    );

    let stack = device.stack().unwrap();
    println!("{}: {per_step} instructions a step, {stack:?}", board.name);
    assert!(stack.step_bytes > 0, "{stack:?}");
    // The buffers of the micro:bit leave so much; a stack that needs more runs into them.
    let most = if board.name == "microbit" { 6 } else { 32 } * 1024;
    assert!(
        stack.step_bytes < stack.program_bytes && stack.program_bytes < most,
        "{stack:?}"
    );
}

fn a_board_says_which_order_suits_it(board: &'static Board) {
    assert_eq!(device(board).order().unwrap(), Some(board.order()));
}

/// A run has no core's order of weights. Its steps cost what those of the model file cost that was exported for the board's
/// core, and less than those of a file in the generic order, which is taken as it is.
#[test]
fn a_run_is_evaluated_in_the_order_of_the_board() {
    let board = board("mps2-an386");
    let image = image(board, Application::Runner);
    let folder = tempfile::tempdir().unwrap();
    train_in(folder.path(), TRAINER);
    run_in(
        folder.path(),
        TRAINER,
        "export run --target m4 --out m4.lstm",
    );
    let [run, exported, generic] = [
        "run",
        "m4.lstm --data digits",
        "run/model.lstm --data digits",
    ]
    .map(|model| {
        let device = format!(
            "--device qemu:{} --image {}",
            board.machine,
            image.display()
        );
        let arguments = format!("eval {model} --limit 3 {device} --json");
        let printed = run_in(folder.path(), TRAINER, &arguments);
        let found: serde_json::Value = serde_json::from_str(&printed).unwrap();
        let device = &found["device"];
        assert_eq!(device["identical"], 3, "{printed}");
        assert_eq!(device["self_test_passed"], true, "{printed}");
        device["cost_per_step"].as_f64().unwrap()
    });
    println!("a step costs {run} instructions, {exported} exported, {generic} generic");
    assert_eq!(run, exported);
    assert!(run < 0.9 * generic, "{run} and {generic}");
}

/// A model of whole windows may need more scratch than a board has, where its file is not too long.
fn too_much_scratch_is_refused(device: &mut Device) {
    let info = device.info().clone();
    let wide = RandomModel {
        inputs: 1,
        hidden: vec![4],
        kinds: vec![LayerKind::Projected],
        // Four to a block, and a step has them more than four times.
        projection: Some(info.scratch_blocks),
        directions: vec![Direction::Reverse],
        outputs: 1,
        // The sums of long rows stay small.
        schemes: vec![Scheme::W4a16],
        ..RandomModel::default()
    };
    let bytes = wide.build().to_bytes().unwrap();
    assert!(bytes.len() <= info.model_bytes);
    let needed = WindowModel::parse(&bytes).unwrap().buffer_blocks(1);
    let refused = device.load(&bytes).unwrap_err().to_string();
    let expected = format!(
        "needs {needed} blocks of scratch memory, the board has {}",
        info.scratch_blocks
    );
    assert!(refused.contains(&expected), "{refused}");
}

/// One stream without a reset: every output of every step is the host's.
#[test]
#[ignore = "long: a hundred thousand steps"]
fn a_soak_of_one_stream_is_equal_to_the_host() {
    const STEPS: usize = 100_000;
    let mut device = device(board("mps2-an386"));
    let file = model().build().to_bytes().unwrap();
    device.load(&file).unwrap();
    let mut host = Reference::new(&file);
    let raw = model().raw_inputs(STEPS).concat();
    for (part, raw) in raw.chunks(3 * 1000).enumerate() {
        let run = device.run(raw, Keep::EveryStep).unwrap();
        assert_eq!(run.outputs, host.run(raw), "steps {part} · 1000 on");
    }
    println!("attacks: {STEPS}");
}

/// An emulator ends with the program that started it, in whatever way that one ends. Ctrl-C from a terminal
/// reaches both; here only the program gets it.
#[cfg(target_os = "linux")]
#[test]
fn an_emulator_ends_with_the_program_that_started_it() {
    use std::os::unix::fs::PermissionsExt;
    use std::process::{Command, Stdio};

    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model.lstm");
    std::fs::write(&model, trained_model(TRAINER)).unwrap();
    let number = folder.path().join("number");
    // Says its process number, and then nothing, like a board that hangs.
    let emulator = folder.path().join(lstm_link::emulator::PROGRAM);
    let script = format!(
        "#!/bin/sh\necho $$ > {0}.new\nmv {0}.new {0}\nexec sleep 300\n",
        number.display()
    );
    std::fs::write(&emulator, script).unwrap();
    std::fs::set_permissions(&emulator, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", folder.path().display());
    for signal in ["KILL", "TERM", "INT"] {
        let mut program = Command::new(TRAINER)
            .arg("eval")
            .arg(&model)
            .args(["--data", "digits", "--limit", "1"])
            .args(["--device", "qemu:any", "--image"])
            .arg(&model)
            .env("PATH", &path)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let started = wait_for(|| std::fs::read_to_string(&number).ok());
        let stat = format!("/proc/{}/stat", started.trim());
        assert!(std::fs::exists(&stat).unwrap());
        let id = program.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &id]).status();
        assert!(sent.unwrap().success());
        // One that nobody has waited for yet has ended as well.
        wait_for(|| match std::fs::read_to_string(&stat) {
            Ok(stat) => stat.contains(") Z ").then_some(()),
            Err(_) => Some(()),
        });
        assert!(!program.wait().unwrap().success(), "{signal}");
        std::fs::remove_file(&number).unwrap();
    }
}

/// What `look` finds, which may take a moment.
#[cfg(target_os = "linux")]
fn wait_for<T>(look: impl Fn() -> Option<T>) -> T {
    for _ in 0..1500 {
        if let Some(found) = look() {
            return found;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    panic!("nothing came within 30 s");
}

/// With two kilobytes less, the stack of some models reaches the variables. Each answer is the host's, or the board
/// says what happened and goes on.
#[test]
#[ignore = "long: builds an image of its own"]
fn a_stack_that_runs_into_the_variables_is_noticed() {
    let (board, mut device) = device_with_less_ram();
    let info = device.info().clone();
    let mut overflows = 0;
    for schemes in [&[Scheme::W8a16][..], &[Scheme::W8a8], &[Scheme::W4a16]] {
        let room = (info.model_bytes, info.channels);
        for random in random_models(&[LayerKind::Lstm], schemes, Sizes::Large, room) {
            let file = random.build().to_bytes_in(board.order()).unwrap();
            if file.len() > info.model_bytes {
                continue;
            }
            let raw = random.raw_inputs(20).concat();
            let found = device
                .load(&file)
                .and_then(|_| device.run(&raw, Keep::EveryStep));
            match found {
                Ok(run) => assert_eq!(run.outputs, Reference::new(&file).run(&raw), "{random:?}"),
                Err(error) => {
                    assert!(
                        error.to_string().contains("its stack ran into"),
                        "{random:?}: {error}"
                    );
                    overflows += 1;
                }
            }
        }
    }
    assert!(overflows > 0, "no model needs more than the smaller stack");
}
