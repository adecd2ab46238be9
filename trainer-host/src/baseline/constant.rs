//! The constant guess of a classification: always the most frequent class of the training part.

use ndarray::Array2;

use crate::data::Dataset;

/// The most frequent class of the training part, the first of several; `None` where targets are values.
pub fn commonest(train: &Dataset) -> Option<usize> {
    let counts = train.class_counts()?;
    let largest = counts.iter().max()?;
    counts.iter().position(|count| count == largest)
}

/// Outputs `[1, O]` or `[T, O]` for each sequence of `part` that always decide for `class`.
pub fn outputs(class: usize, part: &Dataset) -> Vec<Array2<f32>> {
    let classes = part.outputs.len().max(2);
    let per_step = part.targets.task().is_per_step();
    (part.sequences.iter())
        .map(|sequence| {
            let rows = if per_step { sequence.nrows() } else { 1 };
            Array2::from_shape_fn((rows, classes), |(_, c)| f32::from(u8::from(c == class)))
        })
        .collect()
}
