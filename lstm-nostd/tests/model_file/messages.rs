//! What errors say to the one who has the file in hand.

use crate::*;

#[test]
fn every_refusal_says_what_was_found_and_what_helps() {
    for (error, parts) in [
        (
            ArtifactError::Misaligned { offset: 3 },
            &["4-byte boundary", "3 bytes"][..],
        ),
        (
            ArtifactError::Truncated {
                need_bytes: 120,
                have_bytes: 77,
            },
            &["needs 120", "found 77", "copy it again"],
        ),
        (
            ArtifactError::TrailingBytes {
                file_bytes: 120,
                have_bytes: 177,
            },
            &["120 bytes", "found 177"],
        ),
        (
            ArtifactError::BadMagic { found: *b"abcd" },
            &["[97, 98, 99, 100]", "no model file"],
        ),
        (
            ArtifactError::Checksum {
                stored: 0xabc,
                computed: 0x1234_5678,
            },
            &["0x00000abc", "0x12345678", "damaged"],
        ),
        (
            ArtifactError::Field {
                field: "inputs",
                found: 9,
                allowed: (1, 8),
            },
            &["inputs", "1..=8", "found 9"],
        ),
        (ArtifactError::FrontEndLeftOut, &["`sound`", "`statistics`"]),
        (ArtifactError::MeanLeftOut, &["cargo feature `mean`"]),
        (ArtifactError::WindowLeftOut, &["cargo feature `window`"]),
        (
            ArtifactError::WholeWindows,
            &["`WindowModel`", "include_window_model!"],
        ),
        (ArtifactError::Name { index: 7 }, &["name 7", "UTF-8"]),
    ] {
        let said = error.to_string();
        parts
            .iter()
            .for_each(|part| assert!(said.contains(part), "{said}"));
        assert_eq!(WriteError::Refused(error).to_string(), said);
    }
}

#[test]
fn a_size_that_does_not_fit_is_named_with_the_most_that_does() {
    let most = WriteError::TooLarge {
        field: "inputs",
        found: 70_000,
        most: 65_535,
    };
    assert_eq!(
        most.to_string(),
        "the model file holds at most 65535 inputs, found 70000"
    );
}

#[test]
fn a_layers_refusal_names_the_layer_and_what_helps() {
    let kinds = [
        (LayerKind::Lstm, "lstm"),
        (LayerKind::Dense, "dense"),
        (LayerKind::Gru, "gru"),
        (LayerKind::Coupled, "coupled"),
        (LayerKind::Conv, "conv"),
        (LayerKind::GruBefore, "gru-before"),
        (LayerKind::Projected, "projected"),
    ];
    for (kind, name) in kinds {
        let said = ArtifactError::Layer {
            kind,
            index: 2,
            error: LayerError::Multiplier { row: 5 },
        };
        let expected = format!("{name}.2: row 5: the multiplier is negative");
        assert_eq!(said.to_string(), expected);
    }
    for scheme in Scheme::ALL {
        let said = LayerError::SchemeLeftOut { scheme }.to_string();
        let feature = format!("cargo feature `{}` of lstm-nostd", scheme.name());
        assert!(said.contains(&feature), "{said}");
    }
    for (error, parts) in [
        (LayerError::Feature, &["turn on the cargo feature"][..]),
        (
            LayerError::Field {
                field: "units",
                found: 0,
                allowed: (1, 5),
            },
            &["units", "1..=5", "found 0"],
        ),
        (
            LayerError::SchemeOrder {
                scheme: Scheme::W4a16,
                order: Order::Grouped,
            },
            &["w4a16", "order 2", "export"],
        ),
        (LayerError::Weight { row: 6 }, &["row 6", "-128", "padding"]),
        (LayerError::Overflow { row: 8 }, &["row 8", "32-bit"]),
    ] {
        let said = error.to_string();
        parts
            .iter()
            .for_each(|part| assert!(said.contains(part), "{said}"));
    }
}
