//! The HTML page around the pictures: one file with its style and its script.

use std::fmt::Write;
use std::time::SystemTime;

use super::Chart;

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
/// A page of work that goes on is loaded again after four seconds, unless a click holds values. One that is older than ten minutes says so instead:
/// the work was killed, or this is a copy. WRITTEN is the time of writing in milliseconds since 1970.
const RELOAD: &str = "<script>{const old=Date.now()-WRITTEN;\
    if(old<6e5)setInterval(()=>document.querySelector('#tip.fixed')||location.reload(),4e3);\
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

    /// Adds a heading, and charts side by side where there is room for two.
    pub fn charts(&mut self, heading: &str, charts: &[Chart]) {
        self.section(heading, &beside(charts));
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
             <style>{STYLE}</style></head>\n<body>\n{head}{links}{sections}<script>{}</script></body></html>\n",
            self.title,
            script()
        )
    }
}

/// The page's script without indentation and comments.
fn script() -> String {
    let lines = SCRIPT.lines().map(str::trim_start);
    let lines = lines.filter(|line| !line.starts_with("//"));
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// The figures of charts, side by side where there is room for two.
pub fn beside(charts: &[Chart]) -> String {
    let figures: String = charts.iter().map(Chart::figure).collect();
    columns(&figures)
}

/// Figures side by side where there is room for two.
pub(super) fn columns(figures: &str) -> String {
    format!("<div class=\"cols\">{figures}</div>\n")
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
    let rows: Vec<(bool, Vec<String>)> = rows.collect();
    // Words stand at the left, as text does; numbers line up at the right.
    let is_text = |cell: &str| cell.starts_with(|c: char| c.is_alphabetic());
    let mut html = String::from("<div class=\"wide\"><table class=\"data\"><thead><tr>");
    for (column, name) in header.iter().enumerate() {
        let first = rows.first().and_then(|(_, row)| row.get(column));
        let class = match column == 0 || first.is_some_and(|cell| is_text(cell)) {
            true => " class=\"text\"",
            false => "",
        };
        // Writing to a String cannot fail.
        let _ = write!(html, "<th{class}>{}</th>", escape(name));
    }
    html.push_str("</tr></thead><tbody>");
    for (stands_out, row) in rows {
        let mut cells = row.iter();
        let name = cells.next().map_or("", String::as_str);
        let class = if stands_out { " class=\"front\"" } else { "" };
        let _ = write!(html, "<tr{class}><th>{}</th>", escape(name));
        for cell in cells {
            let class = if is_text(cell) { " class=\"text\"" } else { "" };
            let _ = write!(html, "<td{class}>{cell}</td>");
        }
        html.push_str("</tr>\n");
    }
    html + "</tbody></table></div>"
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
        let table = data_table(&["a<b"], [vec!["<i>".to_owned()]].into_iter());
        assert!(table.contains("a&lt;b") && table.contains("&lt;i&gt;"));
        // The head stands above its cells: words at the left.
        let table = data_table(
            &["a", "b", "c"],
            [["x", "y", "1"].map(str::to_owned).to_vec()].into_iter(),
        );
        assert!(table.contains("<th class=\"text\">b</th><th>c</th>"));
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
        assert!(script().len() <= 10_240, "{} bytes", script().len());
        for word in ["http://", "https://", "fetch(", "import(", "url("] {
            let known = "http://www.w3.org/2000/svg";
            let text = [STYLE, SCRIPT].concat().replace(known, "");
            assert!(!text.contains(word), "{word}");
        }
        assert!(!SCRIPT.contains("</script") && !STYLE.contains("</style"));
    }
}
