//! Matrices as pictures: one pixel a value, as PNG inside an SVG with its labels.

use std::fmt::Write;

use base64::Engine;
use ndarray::ArrayView2;

use super::page::escape;

/// The range of a matrix's values, which decides its colours.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scale {
    /// 0 to 1: white to dark blue.
    Share,
    /// −limit to limit: blue over white to orange.
    Signed(f32),
}

/// Width and height of the picture itself in SVG units.
const SIZE: (u32, u32) = (400, 150);
const BLUE: [f32; 3] = [0.0, 114.0, 178.0];
const ORANGE: [f32; 3] = [213.0, 94.0, 0.0];

/// Draws `values: [T, units]` with time to the right and units downwards.
pub fn heat_map_svg(title: &str, values: ArrayView2<'_, f32>, scale: Scale) -> String {
    let (steps, units) = values.dim();
    let (left, top, bottom) = (44, 20, 20);
    let (width, height) = (SIZE.0 + left + 8, SIZE.1 + top + bottom);
    let png = base64::engine::general_purpose::STANDARD.encode(png(values, scale));
    let (low, high) = match scale {
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
        escape(title),
        SIZE.0,
        SIZE.1,
        SIZE.0,
        SIZE.1,
    );
    let below = top + SIZE.1 + 14;
    let _ = write!(
        svg,
        "<text x=\"{left}\" y=\"{below}\">step 0</text>\n\
         <text x=\"{}\" y=\"{below}\" text-anchor=\"end\">{}</text>\n\
         <text x=\"{}\" y=\"{}\" text-anchor=\"end\">unit 0</text>\n\
         <text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\n</svg>\n",
        left + SIZE.0,
        steps.saturating_sub(1),
        left - 2,
        top + 10,
        left - 2,
        top + SIZE.1,
        units.saturating_sub(1),
    );
    svg
}

/// An RGB picture with a row for each unit.
fn png(values: ArrayView2<'_, f32>, scale: Scale) -> Vec<u8> {
    let (steps, units) = values.dim();
    let mut pixels = Vec::with_capacity(3 * values.len());
    for unit in values.columns() {
        pixels.extend(unit.iter().flat_map(|value| colour(*value, scale)));
    }
    // A convolution gives a short sequence no step.
    if pixels.is_empty() {
        pixels = vec![255; 3 * units.max(1)];
    }
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, steps.max(1) as u32, units.max(1) as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder
        .write_header()
        .and_then(|mut writer| writer.write_image_data(&pixels))
        .expect("a picture in memory of as many pixels as its header says can be written");
    bytes
}

fn colour(value: f32, scale: Scale) -> [u8; 3] {
    let (hue, strength) = match scale {
        Scale::Share => (BLUE, value),
        Scale::Signed(limit) if value < 0.0 => (BLUE, -value / limit),
        Scale::Signed(limit) => (ORANGE, value / limit),
    };
    let strength = if strength.is_nan() {
        0.0
    } else {
        strength.clamp(0.0, 1.0)
    };
    hue.map(|hue| (255.0 + strength * (hue - 255.0)).round() as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

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
        assert_eq!(colour(f32::NAN, Scale::Signed(2.0)), [255; 3]);
    }

    #[test]
    fn every_value_is_a_pixel() {
        let values = Array2::from_shape_fn((5, 3), |(t, u)| (t + u) as f32 / 8.0);
        let bytes = png(values.view(), Scale::Share);
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes))
            .read_info()
            .unwrap();
        assert_eq!((reader.info().width, reader.info().height), (5, 3));
        let mut pixels = vec![0; 45];
        reader.next_frame(&mut pixels).unwrap();
        // Unit 2 at step 4, the last pixel: 6/8.
        assert_eq!(pixels[42..], colour(0.75, Scale::Share));
        assert!(heat_map_svg("empty", Array2::zeros((0, 0)).view(), Scale::Share).contains("<svg"));
    }
}
