//! Matrices as pictures: one pixel a value, as PNG inside an SVG with its labels.

use std::fmt::Write;

use base64::Engine;
use ndarray::{ArrayView2, Axis, CowArray, Ix2};

use super::page::escape;

/// The range of a matrix's values, which decides its colours.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scale {
    /// 0 to 1: white to dark blue.
    Share,
    /// −limit to limit: blue over white to orange.
    Signed(f32),
}

/// Width and height of the picture itself in SVG units: two of them fit side by side on a desk.
const SIZE: (u32, u32) = (394, 150);
const BLUE: [f32; 3] = [0.0, 114.0, 178.0];
const ORANGE: [f32; 3] = [213.0, 94.0, 0.0];

/// A matrix with time to the right, which is drawn row under row.
#[derive(Clone, Debug)]
pub struct HeatMap<'a> {
    title: &'a str,
    /// `[T, rows]`, all or those that are drawn.
    values: CowArray<'a, f32, Ix2>,
    scale: Scale,
    /// What a column and a row of pixels are.
    names: [&'a str; 2],
    /// Columns and rows before any was left out.
    all: [usize; 2],
}

impl<'a> HeatMap<'a> {
    /// Of `values: [T, units]`.
    pub fn of_units(title: &'a str, values: ArrayView2<'a, f32>, scale: Scale) -> Self {
        Self {
            title,
            all: values.dim().into(),
            values: values.into(),
            scale,
            names: ["step", "unit"],
        }
    }

    /// Of features `[T, I]` of frames, in deviations from their means.
    pub fn of_features(title: &'a str, values: ArrayView2<'a, f32>) -> Self {
        Self {
            names: ["frame", "feature"],
            ..Self::of_units(title, values, Scale::Signed(3.0))
        }
    }

    /// The same with at most so many columns and rows, evenly spaced ones of those that there are.
    #[must_use]
    pub fn within(mut self, columns: usize, rows: usize) -> Self {
        for (axis, most) in [(Axis(0), columns), (Axis(1), rows)] {
            let there = self.values.len_of(axis);
            if there > most {
                let kept: Vec<usize> = (0..most).map(|k| k * there / most).collect();
                self.values = self.values.select(axis, &kept).into();
            }
        }
        self
    }

    /// The picture.
    pub fn svg(&self) -> String {
        let [column, row] = self.names;
        let (left, top, bottom) = (2 + 7 * (row.len() as u32 + 2), 20, 20);
        let (width, height) = (SIZE.0 + left + 8, SIZE.1 + top + bottom);
        let png = png(self.values.view(), self.scale);
        let png = base64::engine::general_purpose::STANDARD.encode(png);
        let (low, high) = match self.scale {
            Scale::Share => ("0".to_owned(), "1".to_owned()),
            Scale::Signed(limit) => (format!("−{limit:.3}"), format!("{limit:.3}")),
        };
        let mut svg = format!(
            "<svg width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
             xmlns=\"http://www.w3.org/2000/svg\">\n"
        );
        // Writing to a String cannot fail.
        let _ = write!(
            svg,
            "<text x=\"{left}\" y=\"14\">{} ({low} to {high})</text>\n\
             <image x=\"{left}\" y=\"{top}\" width=\"{}\" height=\"{}\" preserveAspectRatio=\"none\" \
             style=\"image-rendering:pixelated\" href=\"data:image/png;base64,{png}\"/>\n\
             <rect x=\"{left}\" y=\"{top}\" width=\"{}\" height=\"{}\" fill=\"none\" stroke=\"#999\"/>\n",
            escape(self.title),
            SIZE.0,
            SIZE.1,
            SIZE.0,
            SIZE.1,
        );
        let below = top + SIZE.1 + 14;
        let [columns, rows] = self.all;
        let _ = write!(
            svg,
            "<text x=\"{left}\" y=\"{below}\">{column} 0</text>\n\
             <text x=\"{}\" y=\"{below}\" text-anchor=\"end\">{}</text>\n\
             <text x=\"{}\" y=\"{}\" text-anchor=\"end\">{row} 0</text>\n\
             <text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\n</svg>\n",
            left + SIZE.0,
            columns.saturating_sub(1),
            left - 2,
            top + 10,
            left - 2,
            top + SIZE.1,
            rows.saturating_sub(1),
        );
        svg
    }
}

/// Colours that a picture tells apart: the lowest value's first, and of a signed scale 0 in the middle.
const LEVELS: u8 = 127;

/// A picture with a row for each unit and a byte for each value before it is packed.
fn png(values: ArrayView2<'_, f32>, scale: Scale) -> Vec<u8> {
    let (steps, units) = values.dim();
    let mut pixels: Vec<u8> = (values.columns().into_iter().flatten())
        .map(|value| level(*value, scale))
        .collect();
    // A convolution gives a short sequence no step.
    if pixels.is_empty() {
        pixels = vec![level(0.0, scale); steps.max(1) * units.max(1)];
    }
    let palette: Vec<u8> = (0..LEVELS)
        .flat_map(|level| colour(value_of(level, scale), scale))
        .collect();
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, steps.max(1) as u32, units.max(1) as u32);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_palette(palette);
    encoder
        .write_header()
        .and_then(|mut writer| writer.write_image_data(&pixels))
        .expect("a picture in memory of as many pixels as its header says can be written");
    bytes
}

/// The colour's number of a value; that of 0 for one that is no number.
fn level(value: f32, scale: Scale) -> u8 {
    let value = if value.is_nan() { 0.0 } else { value };
    let share = match scale {
        Scale::Share => value,
        Scale::Signed(limit) => 0.5 + 0.5 * value / limit,
    };
    (f32::from(LEVELS - 1) * share.clamp(0.0, 1.0)).round() as u8
}

/// The value that has this colour.
fn value_of(level: u8, scale: Scale) -> f32 {
    let share = f32::from(level) / f32::from(LEVELS - 1);
    match scale {
        Scale::Share => share,
        Scale::Signed(limit) => (2.0 * share - 1.0) * limit,
    }
}

fn colour(value: f32, scale: Scale) -> [u8; 3] {
    let (hue, strength) = match scale {
        Scale::Share => (BLUE, value),
        Scale::Signed(limit) if value < 0.0 => (BLUE, -value / limit),
        Scale::Signed(limit) => (ORANGE, value / limit),
    };
    let strength = strength.clamp(0.0, 1.0);
    hue.map(|hue| (255.0 + strength * (hue - 255.0)).round() as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;
    use proptest::prelude::*;

    #[test]
    fn a_layer_without_a_step_has_a_picture() {
        for units in [0, 1, 4] {
            let values = Array2::<f32>::zeros((0, units));
            assert!(!png(values.view(), Scale::Share).is_empty());
        }
    }

    #[test]
    fn colours_run_from_white() {
        assert_eq!(colour(0.0, Scale::Share), [255; 3]);
        assert_eq!(colour(1.0, Scale::Share), [0, 114, 178]);
        assert_eq!(colour(-2.0, Scale::Signed(2.0)), [0, 114, 178]);
        assert_eq!(colour(2.0, Scale::Signed(2.0)), [213, 94, 0]);
    }

    proptest! {
        /// Ends and 0 have colours of their own, values beyond the ends have those, and no other is a step away.
        #[test]
        fn a_value_has_the_nearest_colour(value in -4f32..4.0, limit in 0.1f32..4.0) {
            for (scale, low) in [(Scale::Signed(limit), -limit), (Scale::Share, 0.0)] {
                let high = if low < 0.0 { limit } else { 1.0 };
                let shown = value_of(level(value, scale), scale);
                let half = 0.501 * (high - low) / f32::from(LEVELS - 1);
                prop_assert!((shown - value.clamp(low, high)).abs() <= half, "{shown}");
                for value in [low, 0.0, high] {
                    prop_assert!((value_of(level(value, scale), scale) - value).abs() < 1e-6);
                }
                prop_assert_eq!(level(f32::NAN, scale), level(0.0, scale));
            }
        }
    }

    #[test]
    fn every_value_is_a_pixel() {
        let values = Array2::from_shape_fn((5, 3), |(t, u)| (t + u) as f32 / 8.0);
        let bytes = png(values.view(), Scale::Share);
        let mut decoder = png::Decoder::new(std::io::Cursor::new(bytes));
        decoder.set_transformations(png::Transformations::EXPAND);
        let mut reader = decoder.read_info().unwrap();
        assert_eq!((reader.info().width, reader.info().height), (5, 3));
        let mut pixels = vec![0; 45];
        reader.next_frame(&mut pixels).unwrap();
        // Unit 2 at step 4, the last pixel: 6/8, or the nearest colour.
        let (found, expected) = (&pixels[42..], colour(0.75, Scale::Share));
        let apart = found.iter().zip(expected).map(|(a, b)| a.abs_diff(b));
        assert!(apart.max() <= Some(1), "{found:?}");
        let empty = Array2::zeros((0, 0));
        assert!(
            HeatMap::of_units("empty", empty.view(), Scale::Share)
                .svg()
                .contains("<svg")
        );
    }

    #[test]
    fn what_is_left_out_is_evenly_spaced_and_the_numbers_are_those_of_all() {
        let values = Array2::from_shape_fn((10, 4), |(t, u)| (10 * u + t) as f32);
        let map = HeatMap::of_units("few", values.view(), Scale::Signed(40.0)).within(3, 2);
        assert_eq!(
            map.values,
            ndarray::array![[0.0, 20.0], [3.0, 23.0], [6.0, 26.0]]
        );
        let svg = map.svg();
        assert!(
            svg.contains(">9</text>") && svg.contains(">3</text>"),
            "{svg}"
        );
        let whole = HeatMap::of_units("all", values.view(), Scale::Share).within(10, 4);
        assert_eq!(whole.values, values);
    }
}
