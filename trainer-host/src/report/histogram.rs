//! Histograms as small SVG pictures, made to stand side by side.

use std::fmt::Write;

use super::axis::{Range, number};
use super::page::escape;

/// Size of a histogram in pixels.
const SIZE: (f64, f64) = (270.0, 170.0);
const BINS: usize = 40;
/// The left, upper, right and lower edge of the bars.
const BOX: [f64; 4] = [40.0, 24.0, SIZE.0 - 8.0, SIZE.1 - 22.0];

/// Shares of `values` in 40 bins over their range, or over `range` if there is one; values that are
/// not finite are left out.
pub fn histogram_svg(title: &str, values: &[f32], range: Option<(f32, f32)>) -> String {
    let finite = || values.iter().copied().filter(|value| value.is_finite());
    let (low, high) = range.unwrap_or_else(|| {
        finite().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        })
    });
    let (low, high) = match high - low {
        width if width > 0.0 => (low, high),
        // Nothing, or the same value everywhere.
        _ if low.is_finite() => (low - 0.5, low + 0.5),
        _ => (0.0, 1.0),
    };
    let mut counts = [0usize; BINS];
    let mut count = 0usize;
    for value in finite() {
        let bin = ((value - low) / (high - low) * BINS as f32) as usize;
        counts[bin.min(BINS - 1)] += 1;
        count += 1;
    }
    let shares = counts.map(|n| 100.0 * n as f64 / count.max(1) as f64);
    draw(title, (f64::from(low), f64::from(high)), &shares)
}

fn draw(title: &str, (low, high): (f64, f64), shares: &[f64]) -> String {
    let [left, top, right, bottom] = BOX;
    let most = shares.iter().copied().fold(1e-9, f64::max);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{}\" viewBox=\"0 0 {0} {1}\">\
         <text x=\"{left}\" y=\"15\">{}</text>",
        SIZE.0,
        SIZE.1,
        escape(title)
    );
    let width = (right - left) / shares.len() as f64;
    let value = |bin: usize| low + (high - low) * bin as f64 / shares.len() as f64;
    for (bin, share) in shares.iter().enumerate() {
        let height = share / most * (bottom - top);
        // Writing to a String cannot fail.
        let _ = write!(
            svg,
            "<rect class=\"s0\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{height:.1}\" data-t=\"{} to {}: {share:.1} %\"/>",
            left + bin as f64 * width,
            bottom - height,
            width - 0.5,
            number(value(bin)),
            number(value(bin + 1)),
        );
    }
    let ends = Range::between(low, high);
    for (share, text) in ends.ticks(4.0) {
        let x = left + share * (right - left);
        let _ = write!(
            svg,
            "<text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{text}</text>",
            bottom + 15.0
        );
    }
    let _ = write!(
        svg,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{most:.0} %</text>\
         <line class=\"grid\" x1=\"{left}\" x2=\"{right}\" y1=\"{bottom}\" y2=\"{bottom}\"/></svg>",
        left - 4.0,
        top + 8.0
    );
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_for_each_bin_whatever_the_values() {
        for values in [&[][..], &[1.0; 5], &[f32::NAN, f32::INFINITY, -1.0, 2.0]] {
            let svg = histogram_svg("w", values, None);
            assert_eq!(svg.matches("<rect").count(), BINS, "{values:?}");
        }
        let svg = histogram_svg("gate", &[0.5], Some((0.0, 1.0)));
        // The ticks of both ends stand below the ends of the bars.
        for (x, text) in [(BOX[0], "0"), (BOX[2], "1")] {
            let tick = format!(
                "<text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{text}<",
                BOX[3] + 15.0
            );
            assert!(svg.contains(&tick), "{svg}");
        }
        assert!(svg.contains("0.5 to 0.525: 100.0 %"), "{svg}");
    }
}
