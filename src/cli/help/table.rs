//! Lays out tables in columns. If a table is wider than the page, the columns with the most text are wrapped.

use super::markdown::{Span, Style, Table};
use super::text::{Line, Page, to_strings, width_of, widths, wrap};

/// The number of blanks between two columns.
const GAP: usize = 2;
/// If a row has more lines than this, blank lines separate all rows.
const MAX_LINES_WITHOUT_BLANKS: usize = 2;

pub(super) fn lines(table: &Table, page: Page, width: usize) -> Vec<String> {
    let columns = columns(table, page, width);
    let head: Vec<Vec<Span>> = table.head.iter().map(|cell| strong(cell)).collect();
    let head = row(&head, &columns, page);
    let rows: Vec<Vec<String>> = table
        .rows
        .iter()
        .map(|cells| row(cells, &columns, page))
        .collect();
    let rule = columns.iter().map(|&width| "-".repeat(width));
    let rule = rule.collect::<Vec<_>>().join(&" ".repeat(GAP));
    let are_separated = rows.iter().any(|row| row.len() > MAX_LINES_WITHOUT_BLANKS);
    let mut lines = head;
    lines.push(rule);
    for (index, row) in rows.into_iter().enumerate() {
        if are_separated && index > 0 {
            lines.push(String::new());
        }
        lines.extend(row);
    }
    lines
}

fn strong(cell: &[Span]) -> Vec<Span> {
    let strong = |span: &Span| Span {
        text: span.text.clone(),
        style: Style::Strong,
    };
    cell.iter().map(strong).collect()
}

/// The width of each column. If there is room, a column is as wide as its longest text. Otherwise a column is at least
/// as wide as its widest word, unless the widest words of all columns do not fit together.
fn columns(table: &Table, page: Page, width: usize) -> Vec<usize> {
    let mut min_widths = vec![1; table.head.len()];
    let mut full_widths = min_widths.clone();
    for cells in std::iter::once(&table.head).chain(&table.rows) {
        for (index, cell) in cells.iter().enumerate().take(min_widths.len()) {
            let (word, line) = widths(cell, page);
            min_widths[index] = min_widths[index].max(word);
            full_widths[index] = full_widths[index].max(line);
        }
    }
    let gaps = GAP * min_widths.len().saturating_sub(1);
    let room = width.saturating_sub(gaps).max(min_widths.len());
    // If the widest words of all columns do not fit together, the words are cut.
    while min_widths.iter().sum::<usize>() > room {
        let Some(widest) = min_widths.iter_mut().max() else {
            break;
        };
        *widest -= 1;
    }
    let mut columns = min_widths;
    // Columns that need no wrapping get their width first.
    let share = room / columns.len().max(1);
    for index in 0..columns.len() {
        let left = room.saturating_sub(columns.iter().sum());
        if full_widths[index] <= share {
            columns[index] += left.min(full_widths[index] - columns[index]);
        }
    }
    while columns.iter().sum::<usize>() < room {
        // The column that would have the most lines grows.
        let lines = |index: &usize| full_widths[*index] * 100 / columns[*index];
        let grows = (0..columns.len()).filter(|&index| columns[index] < full_widths[index]);
        let Some(index) = grows.max_by_key(lines) else {
            break;
        };
        columns[index] += 1;
    }
    columns
}

fn row(cells: &[Vec<Span>], columns: &[usize], page: Page) -> Vec<String> {
    let cells: Vec<Vec<Line>> = cells
        .iter()
        .zip(columns)
        .map(|(cell, &width)| wrap(cell, page, width))
        .collect();
    let count = cells.iter().map(Vec::len).max().unwrap_or_default();
    let line = |number: usize| {
        let mut text = String::new();
        for (cell, &width) in cells.iter().zip(columns) {
            let empty = Line::new();
            let line = cell.get(number).unwrap_or(&empty);
            text.push_str(&to_strings(std::slice::from_ref(line), page).concat());
            text.push_str(&" ".repeat(width.saturating_sub(width_of(line)) + GAP));
        }
        text.trim_end().to_owned()
    };
    (0..count).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::super::markdown::read;
    use super::super::text::render;
    use super::*;

    fn rendered(text: &str, width: usize) -> String {
        let page = Page {
            width,
            styled: false,
        };
        render(&read(text), page)
    }

    #[test]
    fn columns_are_aligned() {
        let text = rendered(
            "| key | does |\n|---|---|\n| `A` | approve |\n| `Enter` | open |\n",
            80,
        );
        let expected = concat!(
            "  key    does\n",
            "  -----  -------\n",
            "  A      approve\n",
            "  Enter  open\n",
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn the_column_with_the_most_text_is_wrapped() {
        let text = "| step | what |\n|---|---|\n| pull | the image is pulled by its digest |\n| stop | the old one |\n";
        let expected = concat!(
            "  step  what\n",
            "  ----  ----------------\n",
            "  pull  the image is\n",
            "        pulled by its\n",
            "        digest\n",
            "\n",
            "  stop  the old one\n",
        );
        assert_eq!(rendered(text, 24), expected);
    }
}
