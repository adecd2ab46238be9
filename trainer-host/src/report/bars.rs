//! Shares as bars in HTML.

use std::fmt::Write;

use super::page::escape;

/// A bar for each named share from 0 to 1.
pub fn bars(shares: &[(String, f64)]) -> String {
    let largest = shares.iter().map(|(_, share)| *share).fold(1e-12, f64::max);
    let mut html = String::from("<div class=\"wide\"><table>");
    for (name, share) in shares {
        // Writing to a String cannot fail.
        let _ = writeln!(
            html,
            "<tr><th>{}</th><td style=\"width:420px\"><div class=\"bar\" style=\"width:{:.0}%\"></div></td><td>{:.1} %</td></tr>",
            escape(name),
            100.0 * share / largest,
            100.0 * share
        );
    }
    html + "</table></div>"
}

#[cfg(test)]
mod tests {
    use super::bars;

    #[test]
    fn bars_are_as_long_as_their_shares() {
        let html = bars(&[("rate <log>".into(), 0.6), ("size".into(), 0.3)]);
        assert!(html.contains("width:100%") && html.contains("width:50%"));
        assert!(html.contains("rate &lt;log&gt;") && html.contains("30.0 %"));
    }
}
