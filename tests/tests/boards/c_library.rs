//! Does the engine compute the same bits for a program in C, with as many instructions?

use std::cmp::Ordering;
use std::fmt::Display;
use std::path::Path;
use std::process::Command;

use lstm_nostd::artifact::{AlignedBytes, ModelFile, RandomConv, RandomModel};
use lstm_nostd::front_end::{Kind, Settings, Signal, Tables, test_samples};
use lstm_nostd::kernels::Scheme;
use lstm_nostd::{I16F16, Model};
use lstm_tests::boards::board;
use lstm_tests::models::behind;
use lstm_tests::reference::Reference;
use trainer_host::exports::CSource;
use xtask::bench;
use xtask::bench::table::Shape;
use xtask::boards::Board;
use xtask::{c_library, command, qemu};

/// Steps of the example's sensor, and the least frames of its microphone.
const STEPS: u32 = 20;
/// The example of a program.
const EXAMPLE: &str = "main.c";
/// What a call from C may cost.
const MAX_PERCENT: f64 = 2.0;
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
            let image = by_make(name, &library, folder.path(), &EXAMPLE);
            assert_eq!(printed(board, &image), expected, "{name} {scheme}, by make");
            if (name, scheme) == ("mps2-an386", Scheme::W8a16) {
                check_flash(&image, folder.path());
            }
        }
        // The first outputs come late, and the self-test knows what stands before them.
        let conv = RandomConv {
            filters: 6,
            kernel: 5,
            stride: 2,
            first: 4,
            is_rectified: true,
        };
        let expected = write_model_above(Some(conv), board, Scheme::W8a16, folder.path());
        let image = by_make(name, &library, folder.path(), &EXAMPLE);
        let found = printed(board, &image);
        let moved = |text: &str| text.lines().skip(5).map(str::to_owned).collect::<Vec<_>>();
        assert!(
            found.starts_with("self-test: bit for bit"),
            "{name}: {found}"
        );
        assert_eq!(moved(&found), moved(&expected), "{name}, a convolution");
        let expected = write_hearing_model(board, folder.path());
        let image = by_make(name, &library, folder.path(), &EXAMPLE);
        assert_eq!(printed(board, &image), expected, "{name}, samples");
        let expected = write_model(board, Scheme::W4a16, folder.path());
        let image = by_cmake(flags, &library, folder.path());
        assert_eq!(printed(board, &image), expected, "{name}, by CMake");
    }
}

/// The library's page says what the example takes of the flash without its model: the text and data of `arm-none-eabi-size`.
fn check_flash(image: &Path, folder: &Path) {
    let sizes = |path: &Path| {
        let printed = command::printed(Command::new("arm-none-eabi-size").arg(path)).unwrap();
        let row = printed.lines().nth(1).unwrap().split_whitespace();
        row.take(2)
            .map(|bytes| bytes.parse::<f64>().unwrap())
            .sum::<f64>()
    };
    let model = folder.join("model.o");
    let mut compiler = Command::new("arm-none-eabi-gcc");
    let include = c_library::folder_of_sources().join("include");
    compiler.args(["-mcpu=cortex-m4", "-mthumb", "-Os", "-c", "-o"]);
    run(compiler
        .arg(&model)
        .arg(folder.join("model.c"))
        .arg(format!("-I{}", include.display())));
    let found = sizes(image) - sizes(&model);
    println!("the example takes {found} bytes of flash without the model");
    let page = words_of_page();
    let at = page.windows(2).position(|words| words == ["bytes", "of"]);
    check_figure(&page[at.unwrap() - 1], found);
}

fn words_of_page() -> Vec<String> {
    let page = std::fs::read_to_string(c_library::folder_of_sources().join("README.md")).unwrap();
    page.split_whitespace().map(str::to_owned).collect()
}

/// A figure of the page, `1,234`, is the one that was found; another version of GCC may differ a little.
fn check_figure(on_page: &str, found: f64) {
    let figure: f64 = on_page.replace(',', "").parse().unwrap();
    let more = 100.0 * (figure / found - 1.0);
    assert!(
        more.abs() < 1.0,
        "firmware/c/README.md says {on_page}, and {found} was found"
    );
}

/// Writes model.c and model.h; what the example should print.
fn write_model(board: &Board, scheme: Scheme, folder: &Path) -> String {
    write_model_above(None, board, scheme, folder)
}

/// The same, with a convolution below.
fn write_model_above(
    conv: Option<RandomConv>,
    board: &Board,
    scheme: Scheme,
    folder: &Path,
) -> String {
    let random = RandomModel {
        conv,
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
    let bytes = write_source(&file, board, folder);
    let model = Model::parse(&bytes).unwrap();

    let mut text = "self-test: bit for bit as on the host\n".to_owned();
    let mut reference = Reference::new(&bytes);
    let mut last = Vec::new();
    for step in 0..STEPS {
        // `sample` of main.c
        let channel = |channel| ((step * 37 + channel * 11) % 101) as i32 * 1000 - 50_000;
        let raw: Vec<_> = (0..model.inputs() as u32).map(channel).collect();
        last = reference.run(&raw);
        text += &line(&last);
    }
    text + &class_line(&model, &last)
}

/// A network behind a front end.
fn hearing(settings: &Settings) -> ModelFile {
    let random = RandomModel {
        hidden: vec![8],
        outputs: 3,
        seed: 5,
        ..RandomModel::default()
    };
    let mut file = behind(Tables::new(settings).unwrap(), random);
    file.task = lstm_nostd::Task::Softmax;
    file.scales.clear();
    file
}

/// Writes model.c and model.h of a model that takes samples; what the example should print.
fn write_hearing_model(board: &Board, folder: &Path) -> String {
    let settings = Settings {
        frame: 128,
        hop: 50,
        ..Settings::new(Kind::Mfcc, 8000)
    };
    let bytes = write_source(&hearing(&settings), board, folder);
    let model = Model::parse(&bytes).unwrap();
    let front_end = model.front_end().unwrap();
    // `next_samples` of main.c
    let piece = settings.hop / 2 + 3;
    let mut rest = test_samples();
    let mut signal = Signal::new(vec![0; front_end.history()]);
    let mut work = vec![[0; 2]; front_end.work()];
    let mut features = vec![0; front_end.features()];
    let mut reference = Reference::new(&bytes);
    let mut text = "self-test: bit for bit as on the host\n".to_owned();
    let (mut frames, mut last) = (0, Vec::new());
    while frames < STEPS {
        let samples: Vec<_> = rest.by_ref().take(piece).collect();
        let samples = &mut &samples[..];
        while front_end
            .push(&mut signal, &mut work, samples, &mut features)
            .unwrap()
        {
            last = reference.run(&features);
            text += &line(&last);
            frames += 1;
        }
    }
    text + &class_line(&model, &last)
}

/// Writes model.c and model.h; the bytes of the model file, in the order of the board.
fn write_source(file: &ModelFile, board: &Board, folder: &Path) -> AlignedBytes {
    let bytes = file.to_bytes_in(board.order()).unwrap();
    let c = CSource::of("model", &bytes, &Model::parse(&bytes).unwrap());
    std::fs::write(folder.join("model.c"), c.source).unwrap();
    std::fs::write(folder.join("model.h"), c.header).unwrap();
    bytes
}

/// What the example prints of a step.
fn line(outputs: &[i32]) -> String {
    let words: String = outputs.iter().map(|bits| format!("{bits:08x} ")).collect();
    words + "\n"
}

/// What it prints at the end.
fn class_line(model: &Model<'_>, last: &[i32]) -> String {
    let last: Vec<_> = last.iter().map(|bits| I16F16::from_bits(*bits)).collect();
    let class = model.output_names().nth(lstm_nostd::decide(&last)).unwrap();
    format!("class {class}\n")
}

/// A step in C takes the instructions of a step in Rust, but for the call.
#[test]
#[ignore = "long: needs arm-none-eabi-gcc, which `cargo xtask test --long` installs"]
fn a_step_in_c_takes_at_most_two_percent_more_instructions_than_in_rust() {
    let boards = BOARDS.map(|(name, _)| board(name));
    let in_rust = bench::count(&boards, &[Shape::new(16, 64)]);
    let in_rust = in_rust.unwrap_or_else(|error| panic!("{error:#}"));
    for board in boards {
        let library = c_library::build(board).unwrap_or_else(|error| panic!("{error:#}"));
        for scheme in Scheme::ALL {
            let is_it = |step: &&bench::table::Step| {
                let kind = (step.layer.as_str(), step.peepholes, step.equal_shifts);
                (step.core.as_str(), step.scheme.as_str()) == (board.core_name(), scheme.name())
                    && kind == ("lstm", true, false)
            };
            let in_rust = in_rust.iter().find(is_it).unwrap();
            let random = RandomModel {
                inputs: 16,
                hidden: vec![64],
                outputs: in_rust.outputs,
                peepholes: true,
                schemes: vec![scheme],
                shifts: Some(Ordering::Greater),
                seed: 1,
                ..RandomModel::default()
            };
            let in_c = count(board, &library, &random.build());
            check(board, scheme.name(), in_c, in_rust.model_instructions);
            if scheme == Scheme::W8a16 {
                check_page_of(board, in_c, in_rust.model_instructions);
            }
        }
    }
}

/// The mean instructions of a step in C.
fn count(board: &Board, library: &Path, file: &ModelFile) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(c_library::memory_map(board), folder.path().join("memory.x")).unwrap();
    write_source(file, board, folder.path());
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("c/count_steps.c");
    let image = by_make(board.name, library, folder.path(), &program.display());
    let counts = c_library::count(board, &image).unwrap_or_else(|error| panic!("{error:#}"));
    assert_eq!(counts.len(), 8);
    counts.iter().sum::<u64>() / 8
}

fn check(board: &Board, what: &str, in_c: u64, in_rust: u64) {
    let more = 100.0 * (in_c as f64 / in_rust as f64 - 1.0);
    println!(
        "{}, {what}: {in_rust} in Rust, {in_c} in C ({more:+.2} %)",
        board.core
    );
    assert!(more.abs() < MAX_PERCENT, "{}, {what}: {more} %", board.core);
}

/// The library's page says "IN_C in place of IN_RUST on CORE".
fn check_page_of(board: &Board, in_c: u64, in_rust: u64) {
    let page = words_of_page();
    let mut of_cores = page.windows(7).filter(|words| {
        let core = words[6].trim_end_matches([',', '.']);
        words[1..4] == ["in", "place", "of"] && core == board.core
    });
    let words = of_cores.next().expect("the page has the core");
    check_figure(&words[0], in_c as f64);
    check_figure(&words[4], in_rust as f64);
}

fn by_make(
    board: &str,
    library: &Path,
    folder: &Path,
    program: &dyn Display,
) -> std::path::PathBuf {
    let mut make = Command::new("make");
    make.current_dir(c_library::folder_of_sources().join("example"))
        .arg("--always-make")
        .arg(format!("BOARD={board}"))
        .arg(format!("PROGRAM={program}"))
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
    let samples = read("src/samples.rs");
    let functions = |text: &str| -> Vec<String> {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '(');
        let named = words.filter_map(|word| word.strip_prefix("lstm_")?.split_once('('));
        let mut names: Vec<_> = named.map(|(name, _)| name.to_owned()).collect();
        names.sort();
        names.dedup();
        names
    };
    // A declaration begins at the margin, as comments, types and macros do not.
    let is_declaration = |line: &&str| line.starts_with(char::is_alphabetic) && line.contains('(');
    let declared: Vec<_> = header.lines().filter(is_declaration).collect();
    let defined: Vec<_> = (source.lines().chain(samples.lines()))
        .filter(|line| line.contains("extern \"C\" fn lstm_"))
        .collect();
    assert_eq!(
        functions(&declared.join(" ")),
        functions(&defined.join(" "))
    );
    assert_eq!(defined.len(), 8);
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
