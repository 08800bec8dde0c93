//! How many colours a terminal has, and which colour of the terminal is nearest to a colour of a theme.

use ratatui::style::{Color, Style};

/// How many colours a terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Depth {
    /// All 24-bit RGB colours.
    True,
    /// The 256 colours of xterm.
    Indexed,
    /// The sixteen ANSI colours.
    Ansi,
    /// No colours. Bold, reverse and the other modifiers are still shown.
    None,
}

impl Depth {
    /// The depth according to the environment: `NO_COLOR`, `COLORTERM`, `TERM`.
    pub fn from_environment(read: impl Fn(&str) -> Option<String>) -> Self {
        if read("NO_COLOR").is_some_and(|value| !value.is_empty()) {
            return Self::None;
        }
        let term = read("TERM").unwrap_or_default();
        if term == "dumb" {
            return Self::None;
        }
        if read("COLORTERM").is_some_and(|value| value == "truecolor" || value == "24bit") {
            return Self::True;
        }
        if term.contains("256color") {
            Self::Indexed
        } else {
            Self::Ansi
        }
    }

    /// The style, with each colour replaced by the nearest that a terminal of this depth can show.
    pub(super) fn resolve(self, style: Style) -> Style {
        Style {
            fg: style.fg.and_then(|colour| self.colour(colour)),
            bg: style.bg.and_then(|colour| self.colour(colour)),
            ..style
        }
    }

    fn colour(self, colour: Color) -> Option<Color> {
        match (self, colour) {
            // A terminal with sixteen colours cannot show a number above 15, so its default colour is used.
            (Self::None, _) | (Self::Ansi, Color::Indexed(16..)) => None,
            (Self::Indexed, Color::Rgb(r, g, b)) => Some(Color::Indexed(nearest_indexed(r, g, b))),
            (Self::Ansi, Color::Rgb(r, g, b)) => Some(nearest_ansi(r, g, b)),
            (_, same) => Some(same),
        }
    }
}

/// The six values of red, green and blue in xterm's colour cube.
const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];

fn nearest_indexed(red: u8, green: u8, blue: u8) -> u8 {
    let wanted = (red, green, blue);
    let cube = [red, green, blue].map(nearest_step);
    let [r, g, b] = cube.map(|step| STEPS[usize::from(step)]);
    let grey = nearest_grey(red, green, blue);
    let level = 8 + 10 * grey;
    if distance(wanted, (level, level, level)) < distance(wanted, (r, g, b)) {
        232 + grey
    } else {
        16 + 36 * cube[0] + 6 * cube[1] + cube[2]
    }
}

fn nearest_step(value: u8) -> u8 {
    (0..6)
        .min_by_key(|step| STEPS[usize::from(*step)].abs_diff(value))
        .unwrap_or(0)
}

/// The nearest of the 24 greys to the mean of the three components.
fn nearest_grey(r: u8, g: u8, b: u8) -> u8 {
    let mean = (u16::from(r) + u16::from(g) + u16::from(b)) / 3;
    (0..24)
        .min_by_key(|grey| (8 + 10 * u16::from(*grey)).abs_diff(mean))
        .unwrap_or(0)
}

fn distance(first: (u8, u8, u8), second: (u8, u8, u8)) -> u32 {
    let square = |a: u8, b: u8| u32::from(a.abs_diff(b)).pow(2);
    // The eye distinguishes greens best and blues worst.
    3 * square(first.0, second.0) + 4 * square(first.1, second.1) + 2 * square(first.2, second.2)
}

/// The six hues of the ANSI colours, every sixty degrees from red. Each has a dark and a light colour.
const HUES: [(Color, Color); 6] = [
    (Color::Red, Color::LightRed),
    (Color::Yellow, Color::LightYellow),
    (Color::Green, Color::LightGreen),
    (Color::Cyan, Color::LightCyan),
    (Color::Blue, Color::LightBlue),
    (Color::Magenta, Color::LightMagenta),
];

/// The smallest brightness, from 0 to 255, for which the light colour of a hue is used.
const LIGHT: u8 = 190;

/// The ANSI colour with the nearest hue. The distance in RGB is not used, because that would turn all pale colours into
/// grey, and the colours for good and bad would look the same.
fn nearest_ansi(red: u8, green: u8, blue: u8) -> Color {
    let most = red.max(green).max(blue);
    let spread = most - red.min(green).min(blue);
    if u16::from(spread) * 5 < u16::from(most) || spread == 0 {
        return match most {
            0..64 => Color::Black,
            64..178 => Color::DarkGray,
            178..242 => Color::Gray,
            242.. => Color::White,
        };
    }
    // The hue is an angle in degrees, starting at red.
    let (from, next, previous) = if most == red {
        (0, green, blue)
    } else if most == green {
        (120, blue, red)
    } else {
        (240, red, green)
    };
    let turned = (i32::from(next) - i32::from(previous)) * 60 / i32::from(spread);
    let hue = (from + turned + 30).rem_euclid(360) / 60;
    let index = usize::try_from(hue).unwrap_or(0);
    let (dark, light) = HUES.get(index).copied().unwrap_or(HUES[0]);
    if most >= LIGHT { light } else { dark }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &[(&str, &str)]) -> Depth {
        Depth::from_environment(|name| {
            pairs
                .iter()
                .find(|(n, _)| *n == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_environment_decides_how_many_colours_are_used() {
        assert_eq!(with(&[("COLORTERM", "truecolor")]), Depth::True);
        assert_eq!(with(&[("TERM", "xterm-256color")]), Depth::Indexed);
        assert_eq!(with(&[("TERM", "linux")]), Depth::Ansi);
        assert_eq!(with(&[("TERM", "dumb")]), Depth::None);
        let both = [("COLORTERM", "truecolor"), ("NO_COLOR", "1")];
        assert_eq!(with(&both), Depth::None);
        let empty = [("COLORTERM", "truecolor"), ("NO_COLOR", "")];
        assert_eq!(with(&empty), Depth::True);
    }

    #[test]
    fn a_colour_becomes_the_nearest_available_colour() {
        assert_eq!(nearest_indexed(255, 0, 0), 196);
        assert_eq!(nearest_indexed(128, 128, 128), 244);
        assert_eq!(nearest_ansi(250, 10, 10), Color::LightRed);
        assert_eq!(nearest_ansi(0, 0, 0), Color::Black);
        assert_eq!(nearest_ansi(255, 255, 255), Color::White);
        assert_eq!(nearest_ansi(111, 206, 138), Color::LightGreen);
        assert_eq!(nearest_ansi(179, 21, 80), Color::Red);
        assert_eq!(nearest_ansi(11, 79, 179), Color::Blue);
    }
}
