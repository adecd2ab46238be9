//! Does the engine compute the same bits for a program in C?

use std::path::Path;
use std::process::Command;

use lstm_nostd::Model;
use lstm_nostd::artifact::RandomModel;
use lstm_nostd::kernels::Scheme;
use lstm_tests::boards::board;
use lstm_tests::reference::Reference;
use trainer_host::exports::CSource;
use xtask::boards::Board;
use xtask::{c_library, qemu};

/// Steps of the example's sensor.
const STEPS: u32 = 20;
/// Steps in the file, for the self-test.
const GOLDEN_STEPS: usize = 100;
/// Boards whose programs are built by `make`, and the core of each for CMake.
const BOARDS: [(&str, &str); 3] = [
    ("microbit", "-mcpu=cortex-m0;-mthumb"),
    (
        "mps2-an386",
        "-mcpu=cortex-m4;-mthumb;-mfloat-abi=hard;-mfpu=fpv4-sp-d16",
    ),
    ("mps3-an547", "-mcpu=cortex-m55;-mthumb;-mfloat-abi=hard"),
];

#[test]
#[ignore = "long: needs arm-none-eabi-gcc and CMake, which `cargo xtask test --long` installs"]
fn a_program_in_c_prints_the_outputs_of_the_host() {
    for (name, flags) in BOARDS {
        let board = board(name);
        let library = c_library::build(board).unwrap_or_else(|error| panic!("{error:#}"));
        let folder = tempfile::tempdir().unwrap();
        std::fs::copy(c_library::memory_map(board), folder.path().join("memory.x")).unwrap();
        for scheme in Scheme::ALL {
            let expected = write_model(board, scheme, folder.path());
            let image = by_make(name, &library, folder.path());
            assert_eq!(printed(board, &image), expected, "{name} {scheme}, by make");
        }
        let image = by_cmake(flags, &library, folder.path());
        let expected = write_model(board, Scheme::W4a16, folder.path());
        assert_eq!(printed(board, &image), expected, "{name}, by CMake");
    }
}

/// Writes model.c and model.h; what the example should print.
fn write_model(board: &Board, scheme: Scheme, folder: &Path) -> String {
    let random = RandomModel {
        inputs: 5,
        hidden: vec![12, 7],
        dense: vec![6],
        outputs: 4,
        peepholes: true,
        schemes: vec![scheme; 4],
        seed: 11,
        ..RandomModel::default()
    };
    let mut file = random.build();
    file.task = lstm_nostd::Task::Softmax;
    file.scales.clear();
    let bytes = file.to_bytes().unwrap();
    let mut reference = Reference::new(&bytes);
    for raw in random.raw_inputs(GOLDEN_STEPS) {
        let outputs = reference.run(&raw);
        file.golden.push((raw, outputs));
    }
    let bytes = file.to_bytes_in(board.order()).unwrap();
    let model = Model::parse(&bytes).unwrap();
    let c = CSource::of("model", &bytes, &model);
    std::fs::write(folder.join("model.c"), c.source).unwrap();
    std::fs::write(folder.join("model.h"), c.header).unwrap();

    let mut text = "self-test: bit for bit as on the host\n".to_owned();
    let mut reference = Reference::new(&bytes);
    let mut last = Vec::new();
    for step in 0..STEPS {
        // `sample` of main.c
        let channel = |channel| ((step * 37 + channel * 11) % 101) as i32 * 1000 - 50_000;
        let raw: Vec<_> = (0..model.inputs() as u32).map(channel).collect();
        last = reference.run(&raw);
        last.iter().for_each(|bits| text += &format!("{bits:08x} "));
        text.push('\n');
    }
    let last: Vec<_> = last
        .into_iter()
        .map(lstm_nostd::I16F16::from_bits)
        .collect();
    let class = model.output_names().nth(lstm_nostd::decide(&last)).unwrap();
    text + &format!("class {class}\n")
}

fn by_make(board: &str, library: &Path, folder: &Path) -> std::path::PathBuf {
    let mut make = Command::new("make");
    make.current_dir(c_library::folder_of_sources().join("example"))
        .arg("--always-make")
        .arg(format!("BOARD={board}"))
        .arg(format!("LIBRARY={}", library.display()));
    for variable in ["MODEL", "MEMORY", "OUT"] {
        make.arg(format!("{variable}={}", folder.display()));
    }
    run(&mut make);
    folder.join("example.elf")
}

fn by_cmake(flags: &str, library: &Path, folder: &Path) -> std::path::PathBuf {
    let sources = c_library::folder_of_sources().join("example");
    let build = folder.join("build");
    run(Command::new("cmake")
        .arg("-S")
        .arg(&sources)
        .arg("-B")
        .arg(&build)
        .arg(format!(
            "-DCMAKE_TOOLCHAIN_FILE={}/arm.cmake",
            sources.display()
        ))
        .arg(format!("-DCORE_FLAGS={flags}"))
        .arg(format!("-DLSTM_LIBRARY={}", library.display()))
        .arg(format!("-DMODEL={}", folder.display()))
        .arg(format!("-DMEMORY={}", folder.display())));
    run(Command::new("cmake").arg("--build").arg(&build));
    build.join("example.elf")
}

fn run(command: &mut Command) {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
}

fn printed(board: &'static Board, image: &Path) -> String {
    let output = qemu::command(board).arg(image).output().unwrap();
    // SYS_WRITE0 goes to standard error.
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    said
}

/// The numbers in the header are those of the library.
#[test]
fn the_header_agrees_with_the_library() {
    let read =
        |name: &str| std::fs::read_to_string(c_library::folder_of_sources().join(name)).unwrap();
    let (header, source) = (read("include/lstm_nostd.h"), read("src/lib.rs"));
    let functions = |text: &str| -> Vec<String> {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '(');
        let named = words.filter_map(|word| word.strip_prefix("lstm_")?.split_once('('));
        let mut names: Vec<_> = named.map(|(name, _)| name.to_owned()).collect();
        names.sort();
        names.dedup();
        names
    };
    let declared: Vec<_> = header.lines().filter(|line| line.ends_with(");")).collect();
    let defined: Vec<_> = (source.lines())
        .filter(|line| line.contains("extern \"C\" fn lstm_"))
        .collect();
    assert_eq!(
        functions(&declared.join(" ")),
        functions(&defined.join(" "))
    );
    assert_eq!(defined.len(), 6);
    assert!(header.contains("LSTM_WORDS(1024)") && source.contains("MODEL_BYTES: usize = 1024;"));

    // `LSTM_NO_MODEL = 3,` stands for `NoModel = 3,`.
    let statuses = |text: &str, prefix: &str| -> Vec<(String, u8)> {
        let pairs = text
            .lines()
            .filter_map(|line| line.trim().split_once(" = "));
        pairs
            .filter_map(|(name, rest)| {
                let number = rest.split([',', ' ']).next()?.parse().ok()?;
                let name = name.strip_prefix(prefix)?.replace('_', "").to_lowercase();
                Some((name, number))
            })
            .collect()
    };
    let body = source
        .split_once("pub enum Status {")
        .unwrap()
        .1
        .split_once("\n}")
        .unwrap()
        .0;
    let in_library = statuses(body, "");
    assert_eq!(in_library.len(), 10);
    assert_eq!(statuses(&header, "LSTM_"), in_library);
}
