//! The HTML page around the pictures: one file with its style and its script.

use std::fmt::Write;
use std::time::SystemTime;

/// A self-contained HTML page, built section by section.
#[derive(Clone, Debug)]
pub struct Page {
    body: String,
    title: String,
    /// Headings, in their order.
    headings: Vec<String>,
    /// Whether the work that it shows goes on.
    is_live: bool,
}

const STYLE: &str = include_str!("../../assets/report/page.css");
const SCRIPT: &str = include_str!("../../assets/report/page.js");
/// A page of work that goes on is loaded again after four seconds. One that is older than ten minutes says so instead:
/// the work was killed, or this is a copy. WRITTEN is the time of writing in milliseconds since 1970.
const RELOAD: &str = "<script>{const old=Date.now()-WRITTEN;\
    if(old<6e5)setTimeout(()=>location.reload(),4e3);\
    else addEventListener('DOMContentLoaded',()=>{const p=document.querySelector('.live');\
    p.textContent+=' It was last written '+Math.round(old/6e4)+' minutes ago, so it has stopped loading itself.'})}\
    </script>";

impl Page {
    /// An empty page with a heading.
    pub fn new(title: &str) -> Self {
        let title = escape(title);
        Self {
            body: format!("<h1>{title}</h1>\n"),
            title,
            headings: Vec::new(),
            is_live: false,
        }
    }

    /// Says what goes on; the page loads itself again until it is written without this.
    pub fn live(&mut self, text: &str) {
        self.is_live = true;
        self.notice(&format!("{text} This page loads itself again."));
    }

    /// Says something that stands out.
    pub fn notice(&mut self, text: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.body, "<p class=\"live\">{}</p>", escape(text));
    }

    /// Adds what matters most, by name; values are text.
    pub fn summary(&mut self, rows: &[(&str, String)]) {
        let rows: String = (rows.iter().filter(|(_, value)| !value.is_empty()))
            .map(|(name, value)| format!("<dt>{}</dt><dd>{}</dd>", escape(name), escape(value)))
            .collect();
        let _ = writeln!(self.body, "<dl>{rows}</dl>");
    }

    /// Adds a heading, and HTML or SVG as it is.
    pub fn section(&mut self, heading: &str, html: &str) {
        let heading = escape(heading);
        self.headings.push(heading.clone());
        let number = self.headings.len();
        let _ = writeln!(self.body, "<h2 id=\"s{number}\">{heading}</h2>\n{html}");
    }

    /// Adds a heading, and preformatted text.
    pub fn text(&mut self, heading: &str, text: &str) {
        self.section(heading, &format!("<pre>{}</pre>", escape(text)));
    }

    /// The document.
    pub fn finish(self) -> String {
        let reload = match self.is_live {
            true => RELOAD.replace("WRITTEN", &now().to_string()),
            false => String::new(),
        };
        let links: String = (self.headings.iter().enumerate())
            .map(|(n, heading)| format!("<a href=\"#s{}\">{heading}</a>", n + 1))
            .collect();
        // Between the summary and the first section.
        let at = self.body.find("<h2 ").unwrap_or(self.body.len());
        let (head, sections) = self.body.split_at(at);
        let links = match self.headings.len() {
            0..=3 => String::new(),
            _ => format!("<nav>{links}</nav>\n"),
        };
        format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">{reload}<title>{}</title>\
             <style>{STYLE}</style></head>\n<body>\n{head}{links}{sections}<script>{SCRIPT}</script></body></html>\n",
            self.title
        )
    }
}

/// Milliseconds since 1970.
fn now() -> u128 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |time| time.as_millis())
}

/// A table that the page's script sorts and filters. The first cell of a row is text, its others are HTML.
pub fn data_table(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    marked_table(header, rows.map(|row| (false, row)))
}

/// [`data_table`] in which some rows stand out.
pub fn marked_table(header: &[&str], rows: impl Iterator<Item = (bool, Vec<String>)>) -> String {
    let mut html = String::from("<div class=\"wide\"><table class=\"data\"><thead><tr>");
    for name in header {
        let _ = write!(html, "<th>{}</th>", escape(name));
    }
    html.push_str("</tr></thead><tbody>");
    for (stands_out, row) in rows {
        let mut cells = row.iter();
        let name = cells.next().map_or("", String::as_str);
        let class = if stands_out { " class=\"front\"" } else { "" };
        let _ = write!(html, "<tr{class}><th>{}</th>", escape(name));
        for cell in cells {
            // Words stand at the left, as text does; numbers line up at the right.
            let is_text = cell.starts_with(|c: char| c.is_alphabetic());
            let class = if is_text { " class=\"text\"" } else { "" };
            let _ = write!(html, "<td{class}>{cell}</td>");
        }
        html.push_str("</tr>\n");
    }
    html + "</tbody></table></div>"
}

/// A confusion matrix as an HTML table, shaded by each row's share; rows are the truth.
pub fn confusion_table(classes: &[String], confusion: &[Vec<usize>]) -> String {
    let name = |c: usize| classes.get(c).map_or_else(|| c.to_string(), |n| escape(n));
    let mut html = String::from("<div class=\"wide\"><table><tr><th>truth \\ decision</th>");
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
                "<td style=\"background:rgba({colour},{:.2})\" data-t=\"{} decided as {}: {count} of {total}\">{count}</td>",
                0.6 * share,
                name(truth),
                name(decision),
            );
        }
        let recall = 100.0 * row[truth] as f64 / total.max(1) as f64;
        let _ = writeln!(html, "<td>{recall:.1} %</td></tr>");
    }
    html.push_str("</table></div>");
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
        let table = data_table(&["a<b"], [vec!["<i>".to_owned()]].into_iter());
        assert!(table.contains("a&lt;b") && table.contains("&lt;i&gt;"));
    }

    #[test]
    fn only_a_page_of_work_that_goes_on_loads_itself_again() {
        let mut page = Page::new("run");
        assert!(!page.clone().finish().contains("location.reload"));
        page.live("Epoch 3 of 9.");
        let html = page.finish();
        assert!(html.contains("location.reload") && html.contains("Epoch 3 of 9."));
        assert!(!html.contains("WRITTEN"));
    }

    /// The page stays one light file that asks no other place for anything.
    #[test]
    fn the_script_is_small_and_asks_for_nothing() {
        assert!(SCRIPT.len() <= 10_240, "{} bytes", SCRIPT.len());
        for word in ["http://", "https://", "fetch(", "import(", "url("] {
            let known = "http://www.w3.org/2000/svg";
            let text = [STYLE, SCRIPT].concat().replace(known, "");
            assert!(!text.contains(word), "{word}");
        }
        assert!(!SCRIPT.contains("</script") && !STYLE.contains("</style"));
    }
}
