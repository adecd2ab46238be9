//! Histograms as small SVG pictures, made to stand side by side.

use plotters::prelude::*;

use super::svg::{Area, Drawn, svg};

/// Size of a histogram in pixels.
const SIZE: (u32, u32) = (270, 170);
const BINS: usize = 40;
const COLOUR: RGBColor = RGBColor(0, 114, 178);

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
    svg(SIZE, |root| {
        draw(root, title, (f64::from(low), f64::from(high)), &shares)
    })
}

fn draw<'a>(root: &Area<'a>, title: &str, (low, high): (f64, f64), shares: &[f64]) -> Drawn<'a> {
    root.fill(&WHITE)?;
    let top = shares.iter().copied().fold(1e-9, f64::max);
    let mut chart = ChartBuilder::on(root)
        .caption(title, ("sans-serif", 13))
        .margin(6)
        .x_label_area_size(22)
        .y_label_area_size(34)
        .build_cartesian_2d(low..high, 0.0..1.05 * top)?;
    chart
        .configure_mesh()
        .disable_mesh()
        .x_labels(5)
        .y_labels(4)
        .y_label_formatter(&|share| format!("{share:.0} %"))
        .draw()?;
    let width = (high - low) / shares.len() as f64;
    chart.draw_series(shares.iter().enumerate().map(|(bin, share)| {
        let left = low + bin as f64 * width;
        Rectangle::new([(left, 0.0), (left + width, *share)], COLOUR.filled())
    }))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_for_each_bin_whatever_the_values() {
        for values in [&[][..], &[1.0; 5], &[f32::NAN, f32::INFINITY, -1.0, 2.0]] {
            let svg = histogram_svg("w", values, None);
            assert!(svg.matches("<rect").count() >= BINS, "{values:?}");
        }
        assert!(histogram_svg("gate", &[0.5], Some((0.0, 1.0))).contains("100"));
    }
}
