//! A summary as a graph.

use crate::model::{Row, Summary, thousands};

/// A box.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) lines: Vec<String>,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// An input or output of the model.
    End,
    /// A layer that changes in training, or has no parameters.
    Trained,
    /// A layer with parameters none of which is trained.
    Fixed,
}

/// What travels from one box to another.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Edge {
    pub(super) from: usize,
    pub(super) to: usize,
    /// Its shape, as a summary writes it.
    pub(super) signal: String,
}

/// Inputs, layers and outputs, each before what takes from it.
#[derive(Debug, Default)]
pub(super) struct Graph {
    pub(super) nodes: Vec<Node>,
    pub(super) edges: Vec<Edge>,
}

impl Graph {
    pub(super) fn of(summary: &Summary) -> Self {
        let mut graph = Self::default();
        let mut inputs: Vec<(&str, usize)> = Vec::new();
        for name in summary.rows.iter().flat_map(|row| &row.from) {
            if source(summary, name).is_none() && inputs.iter().all(|(other, _)| other != name) {
                inputs.push((name, graph.nodes.len()));
                graph.nodes.push(Node { lines: vec![name.clone()], kind: Kind::End });
            }
        }
        let first = graph.nodes.len();
        graph.nodes.extend(summary.rows.iter().map(node));
        for (i, row) in summary.rows.iter().enumerate() {
            let arriving = parts(&row.input);
            for (place, name) in row.from.iter().enumerate() {
                let known = source(summary, name);
                let from = match known {
                    Some(layer) => first + layer,
                    None => inputs.iter().find(|(other, _)| other == name).map_or(0, |(_, at)| *at),
                };
                let signal = match (row.from.len(), known) {
                    (1, _) => row.input.clone(),
                    (n, _) if n == arriving.len() => arriving[place].to_owned(),
                    (_, Some(layer)) => summary.rows[layer].output.clone(),
                    _ => String::new(),
                };
                graph.edges.push(Edge { from, to: first + i, signal });
            }
        }
        for (i, row) in summary.rows.iter().enumerate() {
            let used = graph.edges.iter().any(|edge| edge.from == first + i);
            if !used || row.role.contains("output") {
                let to = graph.nodes.len();
                graph.nodes.push(Node { lines: vec!["output".to_owned()], kind: Kind::End });
                graph.edges.push(Edge { from: first + i, to, signal: row.output.clone() });
            }
        }
        graph
    }
}

/// The layer of this name, or of which `name.state` is a part.
fn source(summary: &Summary, name: &str) -> Option<usize> {
    let named = |name: &str| summary.rows.iter().position(|row| row.name == name);
    named(name).or_else(|| named(name.split_once('.')?.0))
}

fn node(row: &Row) -> Node {
    let mut lines = vec![row.name.clone(), row.layer.clone()];
    let fixed = row.params - row.trainable.min(row.params);
    match (row.params, fixed) {
        (0, _) => {}
        (all, 0) => lines.push(format!("{} parameters", thousands(all))),
        (all, fixed) if all == fixed => {
            lines.push(format!("{} parameters, frozen", thousands(all)))
        }
        (all, fixed) => {
            let (all, fixed) = (thousands(all), thousands(fixed));
            lines.push(format!("{all} parameters, {fixed} not trained"));
        }
    }
    if matches!(row.mask, "made" | "consumed" | "dropped") {
        lines.push(format!("the mask is {} here", row.mask));
    }
    let frozen = row.params > 0 && row.trainable == 0;
    Node { lines, kind: if frozen { Kind::Fixed } else { Kind::Trained } }
}

/// `Inputs<(A, B)>`, and `A, B`, as `A` and `B`.
fn parts(signal: &str) -> Vec<&str> {
    let inner = signal.strip_prefix("Inputs<(").and_then(|rest| rest.strip_suffix(")>"));
    let (signal, mut parts, mut depth, mut start) = (inner.unwrap_or(signal), Vec::new(), 0, 0);
    for (at, letter) in signal.char_indices() {
        match letter {
            '(' | '<' | '[' => depth += 1,
            ')' | '>' | ']' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(signal[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(signal[start..].trim());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_side_by_side_are_taken_apart() {
        let two = ["Ids<(Batch, 5)>", "(Batch, 3)"];
        assert_eq!(parts("Inputs<(Ids<(Batch, 5)>, (Batch, 3))>"), two);
        assert_eq!(parts("Ids<(Batch, 5)>, (Batch, 3)"), two);
        assert_eq!(parts("(Batch, 3)"), ["(Batch, 3)"]);
    }
}
