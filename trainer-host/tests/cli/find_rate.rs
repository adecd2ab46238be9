//! Which learning rate does `find-rate` propose, and what does it draw?

use crate::bench::{Bench, json};
use crate::ramps;

#[test]
fn find_rate_proposes_a_rate_and_draws_its_curve() {
    let bench = Bench::new();
    bench.file("ramps.csv", ramps().as_bytes());
    let command = ["find-rate", "ramps.csv", "--hidden", "6", "--updates", "60"];
    let with = |extra: &[&'static str]| [&command[..], extra].concat();
    let text = bench.succeed(&with(&["--out", "rate.html"]));
    assert!(
        text.contains("proposed") && text.contains("--learning-rate"),
        "{text}"
    );
    let page = std::fs::read_to_string(bench.path("rate.html")).unwrap();
    assert!(page.contains("<svg") && page.contains("smoothed"));
    let found = json(&bench.succeed(&with(&["--json", "--out", "rate.svg"])));
    // The test ends early once the loss is far above its lowest.
    assert!((30..=60).contains(&found["points"].as_array().unwrap().len()));
    assert!(found["proposed"].as_f64().unwrap() > 1e-6);
    assert!(
        std::fs::read_to_string(bench.path("rate.svg"))
            .unwrap()
            .starts_with("<svg")
    );
    // The same settings from a file.
    bench.file("c.toml", b"source = \"ramps.csv\"\n[train]\nhidden = [6]\n");
    let again = [
        "find-rate",
        "--config",
        "c.toml",
        "--updates",
        "60",
        "--json",
    ];
    assert_eq!(json(&bench.succeed(&again))["points"], found["points"]);
    for (extra, said) in [
        (&["--out", "rate.png"][..], ".html or .svg"),
        (&["--lowest", "0"], "lowest is 0"),
        (&["--highest", "1e-9"], "highest is"),
        (&["--momentum", "0.5"], "the optimiser is adam"),
    ] {
        let error = bench.fail(&with(extra));
        assert!(error.contains(said), "{error}");
    }
    assert!(!bench.path("rate.png").exists());
}
