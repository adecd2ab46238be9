//! The features that a front end made, frame by frame, as the network reads them.

use ndarray::{Array2, ArrayView2};

use super::heat_map::HeatMap;
use super::network::small;
use super::page::Page;
use crate::data::{Dataset, Features, FrontEnd};

/// Frames and features of a picture, at most.
const MOST: (usize, usize) = (200, 64);

/// The features of one recording of `data`, normalised, `[T, I]`, with frames to the right; nothing where the data has
/// channels of its own.
pub(super) fn feature_picture(data: &Dataset, features: ArrayView2<'_, f32>) -> String {
    let Some(front_end) = &data.front_end else {
        return String::new();
    };
    let title = format!("{}, in deviations", title(front_end));
    small(
        &HeatMap::of_features(&title, features)
            .within(MOST.0, MOST.1)
            .svg(),
    )
}

/// Adds the features of the first recording, above its gates, where a front end made them. `inputs` are normalised.
pub(super) fn feature_section(page: &mut Page, data: &Dataset, inputs: &[Array2<f32>]) {
    let picture = inputs
        .first()
        .map(|first| feature_picture(data, first.view()));
    if let Some(picture) = picture.filter(|picture| !picture.is_empty()) {
        page.section("Features over one sequence", &picture);
    }
}

/// What the features are.
fn title(front_end: &FrontEnd) -> &'static str {
    match front_end.kind {
        Features::Mfcc => "MFCC",
        Features::LogMel => "log-mel bands",
        Features::Spectrum => "bands of the spectrum",
        Features::Statistics => "statistics",
    }
}
