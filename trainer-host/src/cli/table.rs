//! Tables of text with aligned columns.

/// Lays `rows` out under `header`; the first column is left-aligned, the others right-aligned.
pub(super) fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    aligned(header, rows, |column| column == 0)
}

/// [`table`] whose last column is text.
pub(super) fn table_with_text(header: &[&str], rows: &[Vec<String>]) -> String {
    aligned(header, rows, |column| {
        column == 0 || column + 1 == header.len()
    })
}

fn aligned(header: &[&str], rows: &[Vec<String>], is_left: impl Fn(usize) -> bool) -> String {
    let columns = header.len();
    let cell = |row: &[String], c: usize| row.get(c).map_or(0, |text| text.chars().count());
    let widths: Vec<usize> = (0..columns)
        .map(|c| {
            rows.iter()
                .map(|row| cell(row, c))
                .max()
                .unwrap_or(0)
                .max(header[c].chars().count())
        })
        .collect();
    let line = |cells: Vec<&str>| {
        let padded = cells
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(c, (text, width))| {
                let room = " ".repeat(width - text.chars().count());
                if is_left(c) {
                    format!("{text}{room}")
                } else {
                    format!("{room}{text}")
                }
            });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    let mut text = line(header.to_vec());
    text += &line(
        widths
            .iter()
            .map(|width| "-".repeat(*width))
            .collect::<Vec<_>>()
            .iter()
            .map(String::as_str)
            .collect(),
    );
    for row in rows {
        text += &line(
            (0..columns)
                .map(|c| row.get(c).map_or("", String::as_str))
                .collect(),
        );
    }
    text
}

/// A share as a percentage with two decimals.
pub(super) fn percent(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}

#[cfg(test)]
mod tests {
    use super::table;

    #[test]
    fn columns_line_up() {
        let rows = [
            vec!["σ".into(), "1".into()],
            vec!["tanh".into(), "20".into()],
        ];
        assert_eq!(
            table(&["name", "n"], &rows),
            "name   n\n----  --\nσ      1\ntanh  20\n"
        );
    }
}
