use super::*;

fn line(name: &str, points: &[(f64, f64)]) -> Series {
    Series::line(name, points.to_vec())
}

#[test]
fn every_line_is_drawn_named_and_has_its_values() {
    let chart = Chart {
        marks: vec![(0.5, "best <epoch>".into())],
        ..Chart::lines(
            "loss",
            ("epoch", "loss"),
            vec![
                line("training", &[(0.0, 1.0), (1.0, 0.25)]),
                line("</script>", &[(0.0, 2.0), (1.0, f64::NAN)]),
            ],
        )
    };
    let html = chart.figure();
    // The second one has a single point with a place, which no line can show.
    assert_eq!(
        (
            html.matches("<polyline").count(),
            html.matches("<circle").count()
        ),
        (1, 1)
    );
    assert!(
        html.contains("class=\"s0\">training<")
            && html.contains("[1.0,0.25]")
            && html.contains("[1.0,null]")
    );
    assert_eq!(html.matches("</script>").count(), 1, "{html}");
    assert!(html.contains("best &lt;epoch&gt;"));
    assert!(chart.svg_file().starts_with("<svg") && chart.svg_file().contains("--c:#0072b2"));
}

/// The places of the first line in `svg`.
fn first_line(svg: &str) -> &str {
    let (_, points) = svg.split_once("points=\"").unwrap();
    points.split_once('"').unwrap().0
}

/// On a logarithmic axis, a tenth and a hundredth lie as far apart as one and a tenth.
#[test]
fn wide_ranges_are_drawn_where_their_axis_has_them() {
    let series = line("trials", &[(1.0, 1.0), (2.0, 0.1), (3.0, 0.01)]);
    let chart = Chart::lines("t", ("epoch", "error"), vec![series]).with_suited_axes();
    assert_eq!(chart.log, [false, true]);
    let svg = chart.svg("");
    let points = first_line(&svg);
    let heights: Vec<f64> = (points.split_whitespace())
        .map(|point| point.split(',').nth(1).unwrap().parse().unwrap())
        .collect();
    let steps = [heights[1] - heights[0], heights[2] - heights[1]];
    assert!(
        steps[0] > 50.0 && (steps[0] - steps[1]).abs() < 0.3,
        "{heights:?}"
    );
}

#[test]
fn a_line_is_open_where_a_point_is_missing_and_dates_have_names() {
    let missing = (1.5e9 + 7200.0, f64::NAN);
    let points = [
        (1.5e9, 1.0),
        (1.5e9 + 3600.0, 2.0),
        missing,
        (1.5e9 + 1e4, 1.0),
        (1.5e9 + 2e4, 0.0),
    ];
    let chart = Chart {
        x_ticks: Ticks::Dates,
        ..Chart::lines("t", ("time", "y"), vec![line("a", &points)])
    };
    let html = chart.figure();
    assert_eq!(html.matches("<polyline").count(), 2, "{html}");
    // 1.5e9 is 2017-07-14 02:40, and has all of its digits.
    assert!(
        html.contains("[1500003600.0,2.0]") && html.contains(">07-14 04:00</text>"),
        "{html}"
    );
    assert!(
        html.contains("\"dates\":[[1500001200.0,\"07-14 03:00\"]"),
        "{html}"
    );
}

/// What the page draws anew are the points themselves: their times, and values that differ little beside what they are.
#[test]
fn points_stay_apart_whatever_digits_they_share() {
    for (first, step) in [(1.7e9, 60.0), (1.7e9, 0.02), (0.0, 1e-9)] {
        for has_dates in [false, true] {
            let points = (0..90).map(|i| {
                let at = f64::from(i);
                (first + step * at, 101_325.0 + 0.01 * at)
            });
            let points: Vec<(f64, f64)> = points.collect();
            let series = vec![line("a", &points)];
            let chart = Chart {
                x_ticks: match has_dates {
                    true => Ticks::Dates,
                    false => Ticks::Numbers,
                },
                ..Chart::lines("t", ("time", "pressure"), series)
            };
            let data = chart.data();
            let written = data["series"][0]["p"].as_array().unwrap();
            for pair in written.windows(2) {
                for axis in [0, 1] {
                    let [a, b] = [&pair[0], &pair[1]].map(|p| p[axis].as_f64().unwrap());
                    assert!(a < b, "{first} {step}: {pair:?}");
                }
            }
            assert_eq!(written[89][0], json!(points[89].0));
            let dates = data["dates"].as_array();
            let wide = step > 1e-3;
            assert!(!wide || !has_dates || dates.is_some_and(|dates| dates.len() > 1));
        }
    }
}

#[test]
fn a_front_is_drawn_in_steps_and_nothing_stops_the_drawing() {
    let mut front = line("front", &[(2.0, 1.0), (1.0, 3.0)]);
    front.look = Look::Front;
    let svg = Chart::lines("f", ("cost", "error"), vec![front]).svg("");
    let points = first_line(&svg);
    assert_eq!(
        (
            points.split_whitespace().count(),
            svg.matches("<circle").count()
        ),
        (4, 2)
    );
    for points in [&[][..], &[(f64::NAN, 1.0)], &[(0.0, f64::INFINITY)]] {
        let chart = Chart::lines("none", ("x", "y"), vec![line("a", points)]);
        assert!(chart.figure().contains("</svg>"));
    }
}
