//! Does TensorBoard get the curves of a training, each epoch once? The reader here shares no code with the writer.

use serde_json::Value;

use crate::bench::Bench;
use crate::{ramps, refuse, train, words};

/// The scalars of one epoch.
type Scalars = Vec<(String, f32)>;

/// CRC-32C, bit by bit, masked as a record has it.
fn masked_crc(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            let is_odd = crc & 1 == 1;
            crc >>= 1;
            if is_odd {
                crc ^= 0x82f6_3b78;
            }
        }
    }
    let crc = !crc;
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// The events of a file, whose every byte must belong to a whole record.
fn records(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    let mut take = |count: usize| {
        let (taken, rest) = bytes.split_at(count);
        bytes = rest;
        (taken, rest.is_empty())
    };
    loop {
        let (length, _) = take(8);
        let crc = u32::from_le_bytes(take(4).0.try_into().unwrap());
        assert_eq!(crc, masked_crc(length));
        let (event, _) = take(u64::from_le_bytes(length.try_into().unwrap()) as usize);
        let (crc, is_last) = take(4);
        assert_eq!(
            u32::from_le_bytes(crc.try_into().unwrap()),
            masked_crc(event)
        );
        found.push(event);
        if is_last {
            return found;
        }
    }
}

/// The fields of a message, as number and content: the bytes of a text or message, and of a number as it stands there.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
    fn varint(bytes: &mut &[u8]) -> u64 {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = bytes[0];
            *bytes = &bytes[1..];
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return value;
            }
        }
        panic!("a number of more than 64 bits");
    }
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let length = match key & 7 {
            0 => {
                found.push((key >> 3, varint(&mut bytes).to_le_bytes().into()));
                continue;
            }
            1 => 8,
            2 => varint(&mut bytes) as usize,
            5 => 4,
            other => panic!("wire type {other}"),
        };
        let (content, rest) = bytes.split_at(length);
        found.push((key >> 3, content.into()));
        bytes = rest;
    }
    found
}

/// The steps of the curves in a folder, in the order in which they stand there. Times never go back.
fn curves(bench: &Bench, folder: &str) -> Vec<(u64, Scalars)> {
    let path = bench.path(folder).join("events.out.tfevents.trainer-host");
    let file = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let records = records(&file);
    let (version, epochs) = records.split_first().unwrap();
    assert!(fields(version).contains(&(3, b"brain.Event:2".to_vec())));
    let mut time = 1.7e9;
    let epoch = |event: &&[u8]| {
        let fields = fields(event);
        let field = |number| &fields.iter().find(|field| field.0 == number).unwrap().1;
        let at = f64::from_le_bytes(field(1)[..].try_into().unwrap());
        assert!(at >= time);
        time = at;
        let step = u64::from_le_bytes(field(2)[..].try_into().unwrap());
        (step, self::fields(field(5)).iter().map(scalar).collect())
    };
    epochs.iter().map(epoch).collect()
}

fn scalar((number, content): &(u64, Vec<u8>)) -> (String, f32) {
    assert_eq!(*number, 1);
    match &fields(content)[..] {
        [(1, tag), (2, value)] => (
            String::from_utf8(tag.clone()).unwrap(),
            f32::from_le_bytes(value[..].try_into().unwrap()),
        ),
        other => panic!("{other:?}"),
    }
}

/// What the log of a run says, as curves.
fn logged(bench: &Bench, run: &str) -> Vec<(u64, Scalars)> {
    let log = std::fs::read_to_string(bench.path(run).join("log.jsonl")).unwrap();
    let epoch = |line: &str| {
        let record: Value = serde_json::from_str(line).unwrap();
        let scalars = [
            ("loss/train", &record["train_loss"]),
            ("loss/validation", &record["validation"]["loss"]),
            ("accuracy/train", &record["train_accuracy"]),
            ("accuracy/validation", &record["validation"]["accuracy"]),
            ("learning_rate", &record["learning_rate"]),
        ];
        let scalars = scalars
            .into_iter()
            .filter_map(|(tag, value)| Some((tag.to_owned(), value.as_f64()? as f32)));
        (record["epoch"].as_u64().unwrap(), scalars.collect())
    };
    log.lines().map(epoch).collect()
}

#[test]
fn curves_are_those_of_the_log_and_go_on_with_the_run() {
    let bench = Bench::new();
    bench.file("ramps.csv", ramps());
    train(&bench, "ramps.csv", &["--tensorboard", "curves"]);
    let first = curves(&bench, "curves/run");
    assert_eq!(first, logged(&bench, "run"));
    assert!(first.iter().all(|(_, scalars)| scalars.len() == 5));

    let resume = |curves| format!("train --resume run --epochs 5 --tensorboard {curves}");
    bench.succeed(&words(&resume("curves")));
    let second = curves(&bench, "curves/run");
    assert_eq!((second.len(), &second[..3]), (5, &first[..]));
    assert_eq!(second, logged(&bench, "run"));
    // A finished run gets the curves that it never had.
    bench.succeed(&words(&resume("new")));
    assert_eq!(curves(&bench, "new/run"), second);
}

#[test]
fn a_regression_has_curves_of_losses() {
    let bench = Bench::new();
    let rows = (0..60).map(|t| format!("{t},{}\n", t % 7));
    bench.file("wave.csv", format!("t,OT\n{}", rows.collect::<String>()));
    let line = "train wave.csv --look-back 6 --epochs 1 --hidden 2 --out run --tensorboard .";
    bench.succeed(&words(line));
    let found = curves(&bench, "run");
    let tags: Vec<&str> = (found[0].1.iter()).map(|(tag, _)| tag.as_str()).collect();
    assert_eq!(tags, ["loss/train", "loss/validation", "learning_rate"]);
    assert_eq!(found, logged(&bench, "run"));
}

#[test]
fn each_seed_and_each_fold_has_curves_of_its_own() {
    let bench = Bench::new();
    bench.file("ramps.csv", ramps());
    let common = "train ramps.csv --epochs 1 --hidden 2 --tensorboard curves";
    let seeds = format!("{common} --out all --validation-share 0.2 --seeds 3,5");
    // The second time, nothing is left to do.
    for _ in 0..2 {
        bench.succeed(&words(&seeds));
        for seed in ["seed-3", "seed-5"] {
            let found = curves(&bench, &format!("curves/{seed}"));
            assert_eq!(found, logged(&bench, &format!("all/{seed}")));
        }
    }
    let folds = format!("{common} --folds 2");
    bench.succeed(&words(&folds));
    let fold = |number: usize| curves(&bench, &format!("curves/fold-{number}"));
    let before = [fold(1), fold(2)];
    assert!(before[0].len() == 1 && before[0] != before[1]);
    let said = refuse(&bench, &words(&folds));
    assert!(
        said.contains("fold-1") && said.contains("--overwrite"),
        "{said}"
    );
    bench.succeed(&words(&format!("{folds} --overwrite")));
    assert_eq!([fold(1), fold(2)], before);
    // Curves of further folds would look as if they belonged to these.
    bench.succeed(&words(&format!("{common} --folds 3 --overwrite")));
    assert!(bench.path("curves/fold-3").exists());
    std::fs::remove_dir_all(bench.path("curves/fold-1")).unwrap();
    std::fs::remove_dir_all(bench.path("curves/fold-2")).unwrap();
    let said = refuse(&bench, &words(&folds));
    assert!(said.contains("fold-3"), "{said}");
    bench.succeed(&words(&format!("{folds} --overwrite")));
    assert!(!bench.path("curves/fold-3").exists());
    assert_eq!([fold(1), fold(2)], before);
}

#[test]
fn curves_of_another_training_are_refused_before_the_first_seed() {
    let bench = Bench::new();
    bench.file("ramps.csv", ramps());
    let common = "train ramps.csv --epochs 1 --hidden 2 --validation-share 0.2";
    bench.succeed(&words(&format!("{common} --out all --seeds 5")));
    let other = "--out other/seed-5 --learning-rate 0.5 --tensorboard curves";
    bench.succeed(&words(&format!("{common} {other}")));
    let both = format!("{common} --out all --seeds 3,5 --tensorboard curves");
    let said = refuse(&bench, &words(&both));
    assert!(said.contains("of another training"), "{said}");
    assert!(!bench.path("all/seed-3").exists());
}

#[test]
fn curves_of_another_training_and_a_folder_that_cannot_be_are_refused_before_training() {
    let bench = Bench::new();
    bench.file("ramps.csv", ramps());
    let common = "train ramps.csv --epochs 1 --hidden 2";
    bench.succeed(&words(&format!(
        "{common} --out a/run --tensorboard curves"
    )));
    let before = curves(&bench, "curves/run");
    let line = format!("{common} --out b/run --seed 7");
    let said = refuse(&bench, &words(&format!("{line} --tensorboard curves")));
    assert!(
        said.contains("choose another folder by --tensorboard"),
        "{said}"
    );
    assert!(!bench.path("b").exists());
    let said = refuse(&bench, &words(&format!("{line} --tensorboard ramps.csv")));
    assert!(
        said.contains("ramps.csv/run") && said.contains("another folder by --tensorboard"),
        "{said}"
    );
    assert!(!bench.path("b").exists());
    bench.succeed(&words(&line));
    let said = refuse(&bench, &words("train --resume b/run --tensorboard curves"));
    assert!(
        said.contains("of another training; remove this file"),
        "{said}"
    );
    assert_eq!(curves(&bench, "curves/run"), before);
}
