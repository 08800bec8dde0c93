//! A screen as an SVG picture. Each run of cells with one style is a text at a fixed position with
//! a fixed length, so that columns stay aligned in any font.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr as _;
use vt100::{Cell, Color, Screen};

const WIDTH: usize = 8;
const HEIGHT: usize = 17;
/// From the top of a cell to the baseline of its text.
const BASELINE: usize = 13;
/// The margin around the screen.
const MARGIN: usize = 8;

const FOREGROUND: &str = "#d4d7dd";
const BACKGROUND: &str = "#14161b";

/// The sixteen colours that a terminal chooses.
const NAMED: [&str; 16] = [
    "#14161b", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#abb2bf",
    "#5c6370", "#ff7b86", "#b5e890", "#ffd68a", "#82c4ff", "#dc9af0", "#7fd6e0", "#ffffff",
];

/// The appearance of a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Look {
    foreground: String,
    background: String,
    bold: bool,
    dim: bool,
    underlined: bool,
    /// The character, if it is not ASCII: lines and marks can come from another font, with other
    /// widths.
    mark: Option<String>,
}

impl Look {
    fn of(cell: &Cell) -> Self {
        let mut foreground = colour(cell.fgcolor(), FOREGROUND);
        let mut background = colour(cell.bgcolor(), BACKGROUND);
        if cell.inverse() {
            std::mem::swap(&mut foreground, &mut background);
        }
        Self {
            foreground,
            background,
            bold: cell.bold(),
            dim: cell.dim(),
            underlined: cell.underline(),
            mark: (!cell.contents().is_ascii()).then(|| cell.contents().to_owned()),
        }
    }

    fn attributes(&self) -> String {
        let mut attributes = format!(r#"fill="{}""#, self.foreground);
        for (has, attribute) in [
            (self.bold, r#" font-weight="bold""#),
            (self.dim, r#" opacity="0.6""#),
            (self.underlined, r#" text-decoration="underline""#),
        ] {
            if has {
                attributes.push_str(attribute);
            }
        }
        attributes
    }
}

/// Adjacent cells that look the same.
struct Run {
    column: usize,
    columns: usize,
    text: String,
    look: Look,
}

/// The picture of a screen.
pub(super) fn draw(screen: &Screen) -> String {
    let (rows, columns) = screen.size();
    let (rows, columns) = (rows.get(), columns.get());
    let width = usize::from(columns) * WIDTH + 2 * MARGIN;
    let height = usize::from(rows) * HEIGHT + 2 * MARGIN;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         font-family=\"'DejaVu Sans Mono',Menlo,Consolas,monospace\" font-size=\"13\">\n\
         <rect width=\"{width}\" height=\"{height}\" rx=\"6\" fill=\"{BACKGROUND}\"/>\n"
    );
    for row in 0..rows {
        let y = MARGIN + usize::from(row) * HEIGHT;
        for run in runs(screen, row, columns) {
            draw_run(&run, y, &mut svg);
        }
    }
    svg.push_str("</svg>\n");
    svg
}

fn draw_run(run: &Run, y: usize, svg: &mut String) {
    let x = MARGIN + run.column * WIDTH;
    let width = run.columns * WIDTH;
    if run.look.background != BACKGROUND {
        let fill = &run.look.background;
        let _ = writeln!(
            svg,
            r#"<rect x="{x}" y="{y}" width="{width}" height="{HEIGHT}" fill="{fill}"/>"#
        );
    }
    for (before, words) in words(&run.text) {
        let _ = writeln!(
            svg,
            r#"<text x="{}" y="{}" textLength="{}" lengthAdjust="spacingAndGlyphs" {}>{}</text>"#,
            x + before * WIDTH,
            y + BASELINE,
            words.width() * WIDTH,
            run.look.attributes(),
            escaped(words)
        );
    }
}

/// The parts of a text between two or more blanks, with their offsets from its start. A viewer may
/// show several blanks as one.
fn words(text: &str) -> Vec<(usize, &str)> {
    let mut parts = Vec::new();
    let mut column = 0;
    for part in text.split("  ") {
        let words = part.trim();
        let before = part.width() - part.trim_start().width();
        if !words.is_empty() {
            parts.push((column + before, words));
        }
        column += part.width() + 2;
    }
    parts
}

fn runs(screen: &Screen, row: u16, columns: u16) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for column in 0..columns {
        let Some(cell) = screen.cell(row, column) else {
            continue;
        };
        if cell.is_wide_continuation() {
            if let Some(run) = runs.last_mut() {
                run.columns += 1;
            }
            continue;
        }
        let text = if cell.has_contents() {
            cell.contents()
        } else {
            " "
        };
        let look = Look::of(cell);
        match runs.last_mut() {
            Some(run) if run.look == look => {
                run.text.push_str(text);
                run.columns += 1;
            }
            _ => runs.push(Run {
                column: usize::from(column),
                columns: 1,
                text: text.to_owned(),
                look,
            }),
        }
    }
    runs
}

fn colour(colour: Color, default: &str) -> String {
    match colour {
        Color::Default => default.to_owned(),
        Color::Idx(index) if index < 16 => NAMED[usize::from(index)].to_owned(),
        Color::Idx(index) if index < 232 => {
            let level = |part: u8| if part == 0 { 0 } else { 55 + 40 * part };
            let cube = index - 16;
            let (red, green, blue) = (level(cube / 36), level(cube / 6 % 6), level(cube % 6));
            format!("#{red:02x}{green:02x}{blue:02x}")
        }
        Color::Idx(index) => {
            let grey = 8 + 10 * (index - 232);
            format!("#{grey:02x}{grey:02x}{grey:02x}")
        }
        Color::Rgb(red, green, blue) => format!("#{red:02x}{green:02x}{blue:02x}"),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// The lines of the screen that a picture shows.
pub(super) fn text(svg: &str) -> String {
    let mut lines: Vec<Vec<char>> = Vec::new();
    for line in svg.lines().filter(|line| line.starts_with("<text ")) {
        let number = |name: &str| {
            let value = line.split_once(&format!(" {name}=\""))?.1;
            value.split_once('"')?.0.parse::<usize>().ok()
        };
        let (Some(x), Some(y)) = (number("x"), number("y")) else {
            continue;
        };
        let row = (y - BASELINE - MARGIN) / HEIGHT;
        let column = (x - MARGIN) / WIDTH;
        let words = line.split_once('>').map_or("", |(_, rest)| rest);
        let words = words.trim_end_matches("</text>").replace("&lt;", "<");
        let words = words.replace("&gt;", ">").replace("&amp;", "&");
        if lines.len() <= row {
            lines.resize(row + 1, Vec::new());
        }
        let line = &mut lines[row];
        if line.len() < column {
            line.resize(column, ' ');
        }
        line.extend(words.chars());
    }
    let lines: Vec<String> = lines
        .iter()
        .map(|line| line.iter().collect::<String>().trim_end().to_owned())
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU16;

    use super::*;

    fn picture(bytes: &str) -> String {
        let size = |count| NonZeroU16::new(count).expect("a size");
        let mut parser = vt100::Parser::new(size(3), size(20), 0);
        parser.process(bytes.as_bytes());
        draw(parser.screen())
    }

    #[test]
    fn a_picture_contains_the_text_of_the_screen() {
        let svg = picture("┌ <a> & b\r\n  \x1b[1;32mhealthy\x1b[m now\r\n");
        assert_eq!(text(&svg), "┌ <a> & b\n  healthy now");
    }

    #[test]
    fn colours_and_styles_match_the_cells() {
        let svg = picture("\x1b[1;31mred\x1b[0;2;38;5;46mdim\x1b[0;38;2;1;2;3mrgb\x1b[0;7minverse");
        for part in [
            r##"fill="#e06c75" font-weight="bold">red<"##,
            r##"fill="#00ff00" opacity="0.6">dim<"##,
            r##"fill="#010203">rgb<"##,
            r##"height="17" fill="#d4d7dd"/>"##,
            r##"fill="#14161b">inverse<"##,
        ] {
            assert!(svg.contains(part), "{part}: {svg}");
        }
    }

    #[test]
    fn a_text_is_as_long_as_its_cells() {
        let svg = picture("ab\x1b[1m cd   e f");
        for (x, length) in [(8, 16), (32, 16), (72, 24)] {
            let place = format!(r#"x="{x}" y="21" textLength="{length}""#);
            assert!(svg.contains(&place), "{place}: {svg}");
        }
    }
}
