//! The HTML page around the pictures.

use std::fmt::Write;

/// A self-contained HTML page, built section by section.
#[derive(Clone, Debug)]
pub struct Page {
    body: String,
    title: String,
}

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:900px;margin:2em auto;padding:0 1em;color:#222}\
h1{font-size:1.5em}h2{font-size:1.15em;margin-top:2em}svg{max-width:100%;height:auto}\
table{border-collapse:collapse}td,th{padding:.25em .6em;text-align:right;border:1px solid #ddd}\
th{font-weight:600;background:#f5f5f5}pre{background:#f5f5f5;padding:1em;overflow:auto}";

impl Page {
    /// An empty page with a heading.
    pub fn new(title: &str) -> Self {
        let title = escape(title);
        Self {
            body: format!("<h1>{title}</h1>\n"),
            title,
        }
    }

    /// Adds a heading, and HTML or SVG as it is.
    pub fn section(&mut self, heading: &str, html: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.body, "<h2>{}</h2>\n{html}", escape(heading));
    }

    /// Adds a heading, and preformatted text.
    pub fn text(&mut self, heading: &str, text: &str) {
        self.section(heading, &format!("<pre>{}</pre>", escape(text)));
    }

    /// The document.
    pub fn finish(self) -> String {
        format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{}</title>\
             <style>{STYLE}</style></head>\n<body>\n{}</body></html>\n",
            self.title, self.body
        )
    }
}

/// A confusion matrix as an HTML table, shaded by each row's share; rows are the truth.
pub fn confusion_table(classes: &[String], confusion: &[Vec<usize>]) -> String {
    let name = |c: usize| classes.get(c).map_or_else(|| c.to_string(), |n| escape(n));
    let mut html = String::from("<table><tr><th>truth \\ decision</th>");
    for c in 0..confusion.len() {
        let _ = write!(html, "<th>{}</th>", name(c));
    }
    html.push_str("<th>recall</th></tr>\n");
    for (truth, row) in confusion.iter().enumerate() {
        let total = row.iter().sum::<usize>();
        let _ = write!(html, "<tr><th>{}</th>", name(truth));
        for (decision, count) in row.iter().enumerate() {
            let share = *count as f64 / total.max(1) as f64;
            let colour = if decision == truth {
                "0,114,178"
            } else {
                "213,94,0"
            };
            let _ = write!(
                html,
                "<td style=\"background:rgba({colour},{:.2})\">{count}</td>",
                0.6 * share
            );
        }
        let recall = 100.0 * row[truth] as f64 / total.max(1) as f64;
        let _ = writeln!(html, "<td>{recall:.1} %</td></tr>");
    }
    html.push_str("</table>");
    html
}

/// Text as HTML.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_files_cannot_break_the_page() {
        let table = confusion_table(&["<b>".into(), "a&b".into()], &[vec![1, 2], vec![0, 4]]);
        assert!(table.contains("&lt;b&gt;") && table.contains("a&amp;b"));
        assert!(table.contains("33.3 %") && table.contains("100.0 %"));
    }
}
