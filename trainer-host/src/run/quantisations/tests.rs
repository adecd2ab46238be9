use lstm_nostd::artifact::RandomModel;
use proptest::prelude::*;

use super::*;

/// Integers of one scheme for both layers.
fn integers(scheme: Scheme) -> ModelFile {
    let shape = RandomModel {
        inputs: 1,
        hidden: vec![2],
        outputs: 1,
        schemes: vec![scheme],
        ..RandomModel::default()
    };
    shape.build()
}

fn network() -> Network {
    quantised_file::tests::network(1)
}

fn config() -> NetworkConfig {
    network().config
}

fn names(folder: &Path) -> Vec<String> {
    let all = all(folder).readable;
    all.into_iter().map(|one| one.name).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever was made in whatever order, each name is there once, and the last one made comes last; made again, it has the
    /// same bytes.
    #[test]
    fn the_last_one_made_comes_last(order in prop::collection::vec(0usize..4, 1..8)) {
        let folder = tempfile::tempdir().unwrap();
        let of = |n: usize| match n {
            3 => ("mine".to_owned(), Scheme::ALL[0]),
            n => (Scheme::ALL[n].name().to_owned(), Scheme::ALL[n]),
        };
        let mut expected: Vec<String> = Vec::new();
        for n in &order {
            let (name, scheme) = of(*n);
            let path = write(folder.path(), &name, &integers(scheme), &network()).unwrap();
            expected.retain(|other| *other != name);
            expected.push(name.clone());
            prop_assert_eq!(names(folder.path()), expected.clone());
            let bytes = std::fs::read(&path).unwrap();
            write(folder.path(), &name, &integers(scheme), &network()).unwrap();
            prop_assert_eq!(std::fs::read(&path).unwrap(), bytes);
        }
    }
}

#[test]
fn a_file_of_an_earlier_version_is_read_until_its_scheme_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let before = path.join(QUANTISED);
    quantised_file::write_numbered(&before, &integers(Scheme::W8a8), &network(), 0).unwrap();
    assert_eq!(names(path), ["w8a8"]);
    write(path, "w4a16", &integers(Scheme::W4a16), &network()).unwrap();
    assert_eq!(names(path), ["w8a8", "w4a16"]);
    std::fs::write(path.join(QUANTISATION_REPORT), "page").unwrap();
    write(path, "w8a8", &integers(Scheme::W8a8), &network()).unwrap();
    assert_eq!(names(path), ["w4a16", "w8a8"]);
    assert!(!before.exists() && !path.join(QUANTISATION_REPORT).exists());
    // One that nobody can read is in the way of nothing that is made anew.
    std::fs::write(&before, "half").unwrap();
    assert!(all(path).unreadable.len() == 1 && named(path, "w8a8").unwrap().is_ok());
    assert_eq!(names(path), ["w4a16", "w8a8"]);
    write(path, "w8a16", &integers(Scheme::W8a16), &network()).unwrap();
    assert_eq!(names(path), ["w4a16", "w8a8", "w8a16"]);
}

/// A file's head has its number: what is made anew is the last one, though the tensors of another are cut off.
#[test]
fn the_number_of_a_file_that_is_cut_off_counts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    for name in ["a", "b"] {
        write(path, name, &integers(Scheme::W8a16), &network()).unwrap();
    }
    let file = path_of(path, "b");
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() - 1]).unwrap();
    write(path, "c", &integers(Scheme::W8a16), &network()).unwrap();
    std::fs::write(&file, bytes).unwrap();
    assert_eq!(names(path), ["a", "b", "c"]);
    // No file, no head, a head that promises more than there is: no number.
    for bytes in [&b"1234"[..], &[255; 8], &[255; 40]] {
        std::fs::write(&file, bytes).unwrap();
        assert_eq!(quantised_file::number_of(&file), None);
    }
    assert_eq!(quantised_file::number_of(&path.join("none")), None);
}

#[test]
fn what_is_wanted_is_found_or_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    for (name, scheme) in [
        ("w8a16", Scheme::W8a16),
        ("small", Scheme::W8a16),
        ("w8a8", Scheme::W8a8),
    ] {
        write(path, name, &integers(scheme), &network()).unwrap();
    }
    let of = |schemes: Option<&str>, name: Option<&str>| {
        let wanted = Wanted {
            schemes: schemes.map(|schemes| schemes.parse().unwrap()),
            name: name.map(str::to_owned),
        };
        let found = wanted.of(&all(path), &config());
        let found = found.map(|found| found.map(|one| one.name).unwrap_or_default());
        found.map_err(|error| error.to_string())
    };
    assert_eq!(of(None, None).as_deref(), Ok("w8a8"));
    assert_eq!(of(Some("w8a16"), None).as_deref(), Ok("small"));
    assert_eq!(of(None, Some("w8a16")).as_deref(), Ok("w8a16"));
    let error = of(Some("w8a16,w8a8"), None).unwrap_err();
    assert!(error.contains("w8a16, small, w8a8"), "{error}");
    assert!(of(None, Some("none")).unwrap_err().contains("none"));
    assert!(
        of(Some("w8a8,w8a8,w8a8"), None)
            .unwrap_err()
            .contains("--scheme")
    );
}

#[test]
fn names_are_names_of_files_and_of_no_other_scheme() {
    assert_eq!(check_name("small_2").as_deref(), Ok("small_2"));
    for name in [
        "",
        "w8a8",
        "w8a8-w8a16",
        "../a",
        "A",
        "a.b",
        &"a".repeat(41),
    ] {
        assert!(check_name(name).is_err(), "{name}");
    }
    let [a, b] = [Scheme::W8a8, Scheme::W8a16];
    assert_eq!(name_of(&[a, a]), "w8a8");
    assert_eq!(name_of(&[a, b, a]), "w8a8-w8a16-w8a8");
}

/// The command says all that the file had, as far as anybody knows it.
#[test]
fn the_command_that_makes_one_again_makes_the_same_one() {
    let [a, b] = [Scheme::W8a8, Scheme::W4a16];
    let line = |name: Option<&str>, schemes: Option<&[Scheme]>| {
        command(Path::new("run"), &config(), name, schemes)
    };
    for (name, schemes, flags) in [
        (None, None, ""),
        (Some("w8a8"), None, " --scheme w8a8"),
        (Some("w8a8-w4a16"), None, " --scheme w8a8,w4a16"),
        // Of a network with other layers.
        (Some("w8a8-w4a16-w8a8"), None, " --scheme SCHEME"),
        (
            Some("mine"),
            Some(&[a, b][..]),
            " --scheme w8a8,w4a16 --name mine",
        ),
        (
            Some("mine"),
            Some(&[b, b][..]),
            " --scheme w4a16 --name mine",
        ),
        (Some("mine"), None, " --scheme SCHEME --name mine"),
    ] {
        assert_eq!(
            line(name, schemes),
            format!("trainer-host quantise run{flags}")
        );
    }
}
