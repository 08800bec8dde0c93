//! Prints the table of results, and marks what exceeds its budget.

use std::fmt;

/// The limit of a value.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Budget {
    /// The value must be less than this.
    Below(f64),
    /// The value must be zero.
    Zero,
    /// No limit; the value is only printed.
    None,
}

impl Budget {
    fn holds(self, figure: f64) -> bool {
        match self {
            Self::Below(most) => figure < most,
            Self::Zero => figure == 0.0,
            Self::None => true,
        }
    }
}

/// What oxker 0.13, lazydocker 0.25, ctop and dtop needed for the same, in this order, on a machine
/// with two cores. Compare ratios only. The key is the start of a line's name.
const OTHERS: [(&str, &str); 13] = [
    ("first frame with data, 5 ", "18 / 418 / 1,012 / 20"),
    ("first frame with data, 100 ", "65 / 411 / 1,040 / 82"),
    ("idle CPU, 5 ", "0.3 / 2.1 / 0.5 / 0.3"),
    ("idle CPU, 100 ", "1.3 / 5.5 / 3.4 / 1.7"),
    (
        "idle CPU of the engine beyond its own, 5 ",
        "1.4 / 1.9 / 0.4 / 0.6",
    ),
    (
        "idle CPU of the engine beyond its own, 100 ",
        "8.2 / 8.7 / 7.0 / 5.6",
    ),
    ("idle bytes to the terminal, 5 ", "209 / 41,449 / 12 / 70"),
    ("idle bytes to the terminal, 100 ", "74 / 11,725 / 19 / 85"),
    ("memory, 5 ", "8 / 24 / 14 / 9"),
    ("memory, 100 ", "16 / 41 / 29 / 13"),
    ("key to screen, median, 5 ", "51 / 2.4 / 0.4 / 0.8"),
    ("CPU, 20000 ", "13 / 98 / 104 / 81"),
    ("memory, 20000 ", "313 / 896 / 25 / 366"),
];

fn others(what: &str) -> &'static str {
    let line = OTHERS.iter().find(|(begin, _)| what.starts_with(begin));
    line.map_or("", |(_, figures)| figures)
}

/// Rows: the name, the value and its limit.
#[derive(Debug, Default)]
pub(crate) struct Table(Vec<(String, &'static str, f64, Budget)>);

impl Table {
    pub(crate) fn add(&mut self, what: &str, unit: &'static str, figure: f64, budget: Budget) {
        // Print at once: a measurement takes minutes.
        println!("{what}: {figure:.2} {unit}");
        self.0.push((what.to_owned(), unit, figure, budget));
    }

    pub(crate) fn missed(&self) -> usize {
        let lines = self.0.iter();
        lines
            .filter(|(_, _, figure, budget)| !budget.holds(*figure))
            .count()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\n{:54} {:>12} {:>10}   {:26}",
            "", "measured", "budget", "oxker/lazydocker/ctop/dtop"
        )?;
        for (what, unit, figure, budget) in &self.0 {
            let most = match budget {
                Budget::Below(most) => format!("< {most}"),
                Budget::Zero => "0".to_owned(),
                Budget::None => String::new(),
            };
            let mark = if budget.holds(*figure) {
                ""
            } else {
                "  missed"
            };
            let measured = format!("{figure:.2} {unit}");
            let others = others(what);
            writeln!(f, "{what:54} {measured:>12} {most:>10}   {others:26}{mark}")?;
        }
        Ok(())
    }
}
