//! Confusion matrices as HTML tables; of many classes also which pairs are confused most often.

use std::fmt::Write;

use super::page::{data_table, escape};

/// Classes whose names fit above the columns, at most, and characters of such a name.
const NAMED: (usize, usize) = (12, 16);
/// Pairs that are listed, at most.
const PAIRS: usize = 20;

/// A confusion matrix, shaded by each row's share; rows are the truth. Columns of many classes, or of long names, are
/// numbered, and a list has the pairs that are confused most often.
pub fn confusion_table(classes: &[String], confusion: &[Vec<usize>]) -> String {
    let name = |c: usize| classes.get(c).map_or_else(|| c.to_string(), |n| escape(n));
    let is_short = classes.iter().all(|name| name.chars().count() <= NAMED.1);
    let has_names = confusion.len() <= NAMED.0 && is_short;
    let many = if has_names { "" } else { " class=\"many\"" };
    let mut html = format!("<div class=\"wide\"><table{many}><tr><th>truth \\ decision</th>");
    for c in 0..confusion.len() {
        // Writing to a String cannot fail.
        let _ = match has_names {
            true => write!(html, "<th>{}</th>", name(c)),
            false => write!(html, "<th data-t=\"{}\">{c}</th>", name(c)),
        };
    }
    html.push_str("<th>recall</th></tr>\n");
    for (truth, row) in confusion.iter().enumerate() {
        let total = row.iter().sum::<usize>();
        let _ = match has_names {
            true => write!(html, "<tr><th>{}</th>", name(truth)),
            false => write!(html, "<tr><th data-t=\"{0}\">{truth} {0}</th>", name(truth)),
        };
        for (decision, count) in row.iter().enumerate() {
            if *count == 0 && !has_names {
                html.push_str("<td></td>");
                continue;
            }
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
        let recall = match total {
            0 => "–".to_owned(),
            total => format!("{:.1} %", 100.0 * row[truth] as f64 / total as f64),
        };
        let _ = writeln!(html, "<td>{recall}</td></tr>");
    }
    html.push_str("</table></div>");
    match has_names {
        true => html,
        false => html + &confused(classes, confusion),
    }
}

/// The pairs that are confused most often.
fn confused(classes: &[String], confusion: &[Vec<usize>]) -> String {
    let cells = (confusion.iter().enumerate())
        .flat_map(|(truth, row)| row.iter().enumerate().map(move |cell| (truth, cell)));
    let mut pairs: Vec<(usize, usize, usize)> = cells
        .filter(|(truth, (decision, count))| truth != decision && **count > 0)
        .map(|(truth, (decision, count))| (*count, truth, decision))
        .collect();
    if pairs.is_empty() {
        return String::new();
    }
    let all = pairs.len();
    pairs.sort_by_key(|(count, truth, decision)| (std::cmp::Reverse(*count), *truth, *decision));
    let name = |c: usize| classes.get(c).cloned().unwrap_or_else(|| c.to_string());
    let rows = pairs.iter().take(PAIRS).map(|(count, truth, decision)| {
        let of = confusion[*truth].iter().sum::<usize>();
        let share = 100.0 * *count as f64 / of as f64;
        vec![
            name(*truth),
            escape(&name(*decision)),
            count.to_string(),
            format!("{share:.1} %"),
        ]
    });
    let table = data_table(&["truth", "decided as", "times", "of this class"], rows);
    format!(
        "<p>Confused most often, {} of {all} pairs:</p>{table}",
        all.min(PAIRS)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_names_are_shown() {
        let table = confusion_table(&["<b>".into(), "a&b".into()], &[vec![1, 2], vec![0, 4]]);
        assert!(table.contains("&lt;b&gt;") && table.contains("a&amp;b"));
        assert!(table.contains("33.3 %") && table.contains("100.0 %"));
        assert!(!table.contains("many"));
        // A class that does not occur has no recall.
        let none = confusion_table(&["a".into(), "b".into()], &[vec![0, 0], vec![0, 4]]);
        assert!(none.contains("<td>–</td>"));
    }

    #[test]
    fn many_classes_have_numbers_above_and_their_worst_pairs_listed() {
        const CLASSES: usize = 60;
        let names: Vec<String> = (0..CLASSES)
            .map(|c| format!("a <long> name, number {c}"))
            .collect();
        let cell = |truth: usize, decision: usize| match (truth, decision) {
            (3, 4) => 7,
            (a, b) if a == b => 5,
            (a, b) if a + 1 == b => 1,
            _ => 0,
        };
        let row = |truth| (0..CLASSES).map(|decision| cell(truth, decision)).collect();
        let confusion: Vec<Vec<usize>> = (0..CLASSES).map(row).collect();
        let html = confusion_table(&names, &confusion);
        assert!(html.contains("name, number 7\">7</th>") && !html.contains("<long>"));
        // Cells without a count have no text: all 3600 with both names would take ten times as much.
        assert!(html.len() < 80_000, "{}", html.len());
        assert!(html.contains("20 of 59 pairs"));
        let (_, list) = html.split_once("<tbody>").unwrap();
        assert!(
            list.starts_with("<tr><th>a &lt;long&gt; name, number 3</th>"),
            "{list}"
        );
        assert!(list.contains("<td>7</td><td>58.3 %</td>"));
    }
}
