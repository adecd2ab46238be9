//! Draws an SVG document in memory.

use plotters::coord::Shift;
use plotters::prelude::*;

/// The drawing area.
pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
/// Whether a picture could be drawn.
pub(super) type Drawn<'a> =
    Result<(), DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>>;

/// The SVG document of `size` pixels that `draw` produces.
pub(super) fn svg(size: (u32, u32), draw: impl for<'a> FnOnce(&Area<'a>) -> Drawn<'a>) -> String {
    let mut svg = String::new();
    let drawn = {
        let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        draw(&root).and_then(|()| root.present())
    };
    // Drawing into a string has no I/O that could fail.
    drawn.expect("an SVG in memory can be drawn");
    svg
}
