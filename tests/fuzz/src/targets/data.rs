//! Files of data, in each format: refused, or finite and of the shape that they say.

use std::fs;
use std::path::PathBuf;

use trainer_host::data::{Dataset, Options, open};

use crate::Target;

pub(crate) const CSV: Target = Target {
    name: "csv",
    run: |data| {
        accepts("csv", data);
    },
    seeds: csv_seeds,
};

pub(crate) const NPZ: Target = Target {
    name: "npz",
    run: |data| {
        accepts("npz", data);
    },
    seeds: npz_seeds,
};

pub(crate) const TS: Target = Target {
    name: "ts",
    run: |data| {
        accepts("ts", data);
    },
    seeds: ts_seeds,
};

pub(crate) const TSV: Target = Target {
    name: "tsv",
    run: |data| {
        accepts("tsv", data);
    },
    seeds: tsv_seeds,
};

thread_local! {
    static FOLDER: tempfile::TempDir = tempfile::tempdir().expect("a temporary folder");
}

/// A file of this thread with this content.
fn file(ending: &str, content: &[u8]) -> PathBuf {
    let path = FOLDER.with(|folder| folder.path().join(format!("data.{ending}")));
    fs::write(&path, content).expect("room in the temporary folder");
    path
}

/// Whether the reader of files with this ending accepts the content.
pub(crate) fn accepts(ending: &str, content: &[u8]) -> bool {
    let path = file(ending, content);
    let source = path.to_str().expect("a path of letters");
    match open(source, &Options::default()) {
        Ok(parts) => {
            holds(&parts.train);
            parts.validation.iter().chain(&parts.test).for_each(holds);
            true
        }
        Err(error) => {
            // A message is short, whatever stands in the file, and says where that is.
            let message = error.to_string();
            assert!(
                message.len() < 4096,
                "{} bytes: {message:.200}",
                message.len()
            );
            assert!(message.contains("data."), "{message}");
            false
        }
    }
}

fn holds(data: &Dataset) {
    assert_eq!(data.sequences.len(), data.len());
    for sequence in &data.sequences {
        assert_eq!(sequence.ncols(), data.channels.len());
        assert!(sequence.iter().all(|value| value.is_finite()));
    }
}

fn csv_seeds() -> Vec<Vec<u8>> {
    let seeds = [
        "series_id,t,label,x,y\n0,0,up,1,2\n0,1,up,2,1\n1,0,down,-1,0.5\n1,1,down,-2e3,.5\n",
        "series_id,t,label,x\n0,2016-07-01 00:00:00,a,1\n0,2016-07-01 00:00:01,b,2\n1,0,a,4\n",
        "series_id,t,label,x,group\na,0,\"a,b\",1,p\nb,0,c,2,q\n",
    ];
    seeds.map(|seed| seed.as_bytes().to_vec()).into()
}

fn ts_seeds() -> Vec<Vec<u8>> {
    let seeds = [
        "@problemName a\n@timeStamps false\n@missing false\n@univariate true\n@equalLength true\n@seriesLength 3\n\
         @classLabel true up down\n@data\n1,2,3:up\n3,2,1:down\n",
        "@problemName b\n@timeStamps false\n@univariate false\n@dimensions 2\n@equalLength false\n\
         @classLabel true 0 1\n@data\n1,2:3,4:0\n1:2:1\n",
    ];
    seeds.map(|seed| seed.as_bytes().to_vec()).into()
}

fn tsv_seeds() -> Vec<Vec<u8>> {
    let seeds = ["1\t0.5\t1\t2\n2\t-1\t0\t1\n", "-1\t1e3\t2\n1\t3\t4\n"];
    seeds.map(|seed| seed.as_bytes().to_vec()).into()
}

/// An archive whose arrays are stored as they are.
fn npz_seeds() -> Vec<Vec<u8>> {
    let x = array(
        "<f4",
        "(2, 3, 1)",
        &[1.0f32, 2.0, 3.0, -1.0, -2.0, -3.0]
            .map(f32::to_le_bytes)
            .concat(),
    );
    let y = array("<i8", "(2,)", &[0i64, 1].map(i64::to_le_bytes).concat());
    vec![archive(&[("X_train.npy", x), ("y_train.npy", y)])]
}

/// An array in NumPy's format, version 1.0.
fn array(kind: &str, shape: &str, values: &[u8]) -> Vec<u8> {
    let mut header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}");
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let length = header.len() as u16;
    [
        &b"\x93NUMPY\x01\x00"[..],
        &length.to_le_bytes()[..],
        header.as_bytes(),
        values,
    ]
    .concat()
}

/// A ZIP archive of stored files.
fn archive(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    const CRC: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in files {
        let offset = bytes.len() as u32;
        let length = (content.len() as u32).to_le_bytes();
        let [zero, version] = [[0u8; 2], [20, 0]];
        let about = [
            &version[..],
            &zero,
            &zero,
            &zero,
            &[0x21, 0], // flags, stored, time, date
            &CRC.checksum(content).to_le_bytes(),
            &length,
            &length,
            &(name.len() as u16).to_le_bytes(),
            &zero,
        ]
        .concat();
        bytes.extend([&b"PK\x03\x04"[..], &about[..], name.as_bytes(), content].concat());
        directory.extend(
            [
                &b"PK\x01\x02"[..],
                &version[..],
                &about,
                &[0; 10],
                &offset.to_le_bytes(),
                name.as_bytes(),
            ]
            .concat(),
        );
    }
    let (begin, length) = (bytes.len() as u32, directory.len() as u32);
    let count = (files.len() as u16).to_le_bytes();
    bytes.extend(directory);
    bytes.extend(
        [
            &b"PK\x05\x06"[..],
            &[0; 4][..],
            &count,
            &count,
            &length.to_le_bytes(),
            &begin.to_le_bytes(),
            &[0, 0],
        ]
        .concat(),
    );
    bytes
}
