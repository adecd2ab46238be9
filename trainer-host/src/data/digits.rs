//! Handwritten digits: 1797 pictures of 8 × 8 grey values 0 to 16, read row by row, in 10 classes.
//!
//! From E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine
//! Learning Repository, 1998, <https://doi.org/10.24432/C50P49>, licence CC BY 4.0; the copy that
//! is distributed with scikit-learn, unchanged. A picture is a sequence of `T = 8` rows with
//! `I = 8` channels. A fixed 70 % of each class are for training, the others for testing.

use std::io::BufReader;
use std::path::Path;

use flate2::read::GzDecoder;
use ndarray::Array2;

use super::error::{DataError, Place, Problem};
use super::generated::Sizes;
use super::records::numbered_channels;
use super::text::{self, Decimal};
use super::{Dataset, Parts, Targets, split};

/// One picture a line: 64 grey values row by row, then the digit.
const PICTURES: &[u8] = include_bytes!("../../assets/digits.csv.gz");
const SIDE: usize = 8;
const TEST_SHARE: f64 = 0.3;
const SPLIT_SEED: u64 = 0;

/// The digits; their sizes are fixed.
pub(super) fn parts(sizes: &Sizes) -> Result<Parts, DataError> {
    let place = Place::file(Path::new("digits"));
    sizes.refuse_any(&place, "its pictures are given")?;
    let data = all(&place)?;
    let split = split::stratified(&data, TEST_SHARE, SPLIT_SEED);
    Ok(Parts {
        train: data.select(&split.train),
        validation: None,
        test: Some(data.select(&split.validation)),
    })
}

fn all(place: &Place) -> Result<Dataset, DataError> {
    let mut sequences = Vec::new();
    let mut classes = Vec::new();
    for line in text::lines(BufReader::new(GzDecoder::new(PICTURES)), place, "CSV") {
        let (here, line) = line?;
        let values = (line.split(','))
            .map(|field| {
                text::number(field, Decimal::Point).map_err(|problem| here.clone().refuse(problem))
            })
            .collect::<Result<Vec<f64>, DataError>>()?;
        if values.len() != SIDE * SIDE + 1 {
            return Err(here.refuse(Problem::Ragged {
                expected: SIDE * SIDE + 1,
                found: values.len(),
            }));
        }
        sequences.push(Array2::from_shape_fn((SIDE, SIDE), |(t, j)| {
            values[SIDE * t + j] as f32
        }));
        classes.push(values[SIDE * SIDE] as usize);
    }
    Ok(Dataset {
        channels: numbered_channels(SIDE),
        sequences,
        targets: Targets::Class(classes),
        outputs: (0..10).map(|digit| digit.to_string()).collect(),
        ..Dataset::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_the_published_counts() {
        let data = all(&Place::default()).unwrap();
        let Targets::Class(classes) = &data.targets else {
            panic!("digits are classes");
        };
        // scikit-learn: numpy.bincount(load_digits().target)
        let published = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180];
        for (digit, count) in published.into_iter().enumerate() {
            assert_eq!(
                classes.iter().filter(|class| **class == digit).count(),
                count
            );
        }
        let values = || data.sequences.iter().flatten();
        assert!(values().all(|grey| (0.0..=16.0).contains(grey) && grey.fract() == 0.0));
    }

    #[test]
    fn parts_share_no_picture_and_every_class() {
        let parts = parts(&Sizes::default()).unwrap();
        let test = parts.test.unwrap();
        assert_eq!((parts.train.len(), test.len()), (1258, 539));
        for data in [&parts.train, &test] {
            let Targets::Class(classes) = &data.targets else {
                panic!("digits are classes");
            };
            assert!((0..10).all(|digit| classes.contains(&digit)));
        }
    }
}
