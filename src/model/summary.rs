use std::fmt;

use super::wire::{Field, Next};
use crate::{
    backend::{Backend, Element},
    parameters::counted,
    signal::Signal,
};

/// What Keras's `model.summary()` shows: one row per layer. Print it with `{}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The name of the model.
    pub model: String,
    /// The layers, in the order of declaration.
    pub rows: Vec<Row>,
}

/// One layer of a [`Summary`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The name of the field.
    pub name: String,
    /// The type of the layer, as it is written.
    pub layer: String,
    /// `input`, `hidden`, `output`, or `input, output`.
    pub role: &'static str,
    /// The names of what the layer takes from: other layers, or `input`.
    pub from: Vec<String>,
    /// What reaches the layer.
    pub input: String,
    /// What leaves it.
    pub output: String,
    /// What becomes of the mask: `made`, `passed`, `consumed`, `dropped`, or nothing where there is none.
    pub mask: &'static str,
    /// How many numbers its parameters hold.
    pub params: usize,
    /// How many of these an optimiser changes.
    pub trainable: usize,
}

impl Row {
    /// The row of a field `L` behind its checks, with the options that are set; `trains` where it does, and nothing if it is the
    /// layer of another field.
    #[doc(hidden)]
    pub fn behind<Call, Held, L, In, E, D>(
        name: &str,
        from: &[&str],
        trains: Option<bool>,
        set: &[(&str, bool)],
    ) -> Self
    where
        Call: Next<L, In, E, D>,
        Held: Field<L, E, D>,
        In: Signal,
        E: Element,
        D: Backend<E>,
    {
        let count =
            |params, trainable| counted(params, (Held::OPTIONAL, Held::COPIES), trainable, set);
        let (params, trainable) = match trains {
            None => (0, 0),
            Some(false) => (count(Held::PARAMS, false), 0),
            Some(true) => (count(Held::PARAMS, false), count(Held::TRAINABLE, true)),
        };
        Self::of::<L, In, Call::Out>(name, from, Call::DROPS_MASK, params, trainable)
    }

    /// The row of the layer `L`, which takes `In` from the layers named, or from the `input`, and gives `Out`.
    pub fn of<L, In: Signal, Out: Signal>(
        name: &str,
        from: &[&str],
        drops_mask: bool,
        params: usize,
        trainable: usize,
    ) -> Self {
        let mask = match (In::MASKED, Out::MASKED) {
            (false, false) => "",
            (false, true) => "made",
            (true, true) => "passed",
            (true, false) if drops_mask => "dropped",
            (true, false) => "consumed",
        };
        let first = from.iter().any(|from| *from == "input" || from.starts_with("input."));
        Self {
            name: name.to_owned(),
            layer: short(std::any::type_name::<L>()),
            role: if first { "input" } else { "hidden" },
            from: from.iter().map(|&from| from.to_owned()).collect(),
            input: In::display(),
            output: Out::display(),
            mask,
            params,
            trainable,
        }
    }
}

impl Summary {
    /// A summary of rows, the last of which is the output.
    pub fn new(model: &str, mut rows: Vec<Row>) -> Self {
        if let Some(last) = rows.last_mut() {
            last.role = if last.role == "input" { "input, output" } else { "output" };
        }
        Self { model: model.to_owned(), rows }
    }

    /// How many numbers all parameters hold.
    pub fn params(&self) -> usize {
        self.rows.iter().map(|row| row.params).sum()
    }

    /// How many of these an optimiser changes.
    pub fn trainable(&self) -> usize {
        self.rows.iter().map(|row| row.trainable).sum()
    }

    /// Whether each layer takes what the one before it gives.
    fn is_chain(&self) -> bool {
        let before = std::iter::once("input").chain(self.rows.iter().map(|row| row.name.as_str()));
        self.rows.iter().zip(before).all(|(row, before)| row.from == [before])
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let chain = self.is_chain();
        let mut header = vec!["name", "layer", "role", "takes", "gives", "mask", "params"];
        if !chain {
            header.insert(3, "from");
        }
        let rows = self.rows.iter().map(|row| {
            let cells = [&row.name, &row.layer, row.role, &row.input, &row.output, row.mask];
            let mut cells: Vec<String> = cells.map(str::to_owned).into();
            cells.push(thousands(row.params));
            if !chain {
                cells.insert(3, row.from.join(", "));
            }
            cells
        });
        let table = table(header, rows.collect());
        writeln!(f, "{}", self.model)?;
        writeln!(f, "{table}")?;
        write!(f, "{} parameters", thousands(self.params()))?;
        match self.params() - self.trainable() {
            0 => Ok(()),
            fixed => write!(f, ", {} of them not trainable", thousands(fixed)),
        }
    }
}

/// The rows below the header, with lines between; the last column is one of numbers.
#[cfg(feature = "terminal")]
fn table(header: Vec<&str>, rows: Vec<Vec<String>>) -> String {
    use comfy_table::{CellAlignment, Table, presets::UTF8_HORIZONTAL_ONLY};
    let mut table = Table::new();
    table.load_style(UTF8_HORIZONTAL_ONLY);
    let last = header.len() - 1;
    table.set_header(header).add_rows(rows);
    if let Some(numbers) = table.column_mut(last) {
        numbers.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}

/// The rows below the header, in columns; the last one is one of numbers.
#[cfg(not(feature = "terminal"))]
fn table(header: Vec<&str>, mut rows: Vec<Vec<String>>) -> String {
    rows.insert(0, header.into_iter().map(str::to_owned).collect());
    let columns = rows[0].len();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate().map(|(i, (cell, &width))| {
            if i + 1 == columns { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        cells.collect::<Vec<_>>().join("  ")
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// A type without the paths of its parts. (What is a default, such as the number type, is not in the name.)
pub(crate) fn short(name: &str) -> String {
    let mut short = String::new();
    for part in name.split_inclusive(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')) {
        let (path, end) = part.split_at(
            part.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'))
                .unwrap_or(part.len()),
        );
        short.push_str(path.rsplit("::").next().unwrap_or(path));
        short.push_str(end);
    }
    short
}

/// `1280000` as `1,280,000`.
pub(crate) fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .filter_map(|group| std::str::from_utf8(group).ok())
        .collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_and_numbers_read_as_they_are_written() {
        use crate::{Cpu, Dense, Lstm, Sequences, TimeDistributed};
        let lstm = std::any::type_name::<Lstm<8, 16, Sequences, f32, Cpu>>();
        assert_eq!(short(lstm), "Lstm<8, 16, Sequences>");
        let dense = std::any::type_name::<TimeDistributed<Dense<8, 16>>>();
        assert_eq!(short(dense), "TimeDistributed<Dense<8, 16>>");
        assert_eq!(thousands(1_280_000), "1,280,000");
        assert_eq!(thousands(66), "66");
    }
}
