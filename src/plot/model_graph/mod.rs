//! The graph of a model.

mod layout;
mod read;

use plotters::style::{BLACK, RGBColor, WHITE};

use super::{
    Picture,
    picture::{Anchor, Point, Shape},
    text::{cut, widest, width},
};
use crate::{error::Error, model::Summary, order::sort_places};
use layout::{Item, Placed, levels};
use read::{Graph, Kind};

const TITLE: f64 = 18.0;
const TEXT: f64 = 14.0;
const LINE: f64 = 19.0;
const MARGIN: f64 = 24.0;
/// The room between the levels, in which edges run aslant.
const BETWEEN: f64 = 20.0;
const LABEL: f64 = 20.0;
const ARROW: Point = (4.5, 9.0);
/// The longest line in a box, in letters.
const LETTERS: usize = 60;
/// More layers than these cannot be looked at any more.
const LAYERS: usize = 1000;

const PLAIN: RGBColor = RGBColor(110, 110, 110);
const MASKED: RGBColor = RGBColor(213, 94, 0);

/// The layers of a model, each in a box with its type and the number of its parameters, and what travels between them on the edges:
/// its shape, and in another colour what carries a mask. Keras: `plot_model`.
///
/// The summary is that of a type, [`Model::summary`](crate::model::Model::summary), or of a model from a file,
/// [`DynamicLayer::summary`](crate::config::DynamicLayer::summary).
///
/// # Errors
/// [`Error::Empty`] for no layers, [`Error::Invalid`] for more than 1000.
///
/// ```
/// use kerata::{Add, Batch, Dense, Relu, model, plot, prelude::*};
///
/// #[model(input = (Batch, 8), output = (Batch, 1))]
/// struct Residual {
///     inner: Dense<_, 8, Relu>,
///     #[from(inner, input)]
///     sum: Add,
///     head: Dense<_, 1>,
/// }
///
/// let picture = plot::model_graph(&Residual::summary())?;
/// assert!(picture.svg()?.contains("Dense&lt;8, 1&gt;"));
/// # Ok::<(), kerata::Error>(())
/// ```
pub fn model_graph(summary: &Summary) -> Result<Picture, Error> {
    if summary.rows.is_empty() {
        return Err(Error::Empty("the list of layers"));
    }
    if summary.rows.len() > LAYERS {
        let (name, layers) = ("the number of layers", summary.rows.len());
        return Err(Error::invalid(name, layers, "the picture of a model shows at most 1000"));
    }
    let mut graph = Graph::of(summary);
    for line in graph.nodes.iter_mut().flat_map(|node| &mut node.lines) {
        *line = cut(line, LETTERS);
    }
    for edge in &mut graph.edges {
        edge.signal = cut(&edge.signal, LETTERS);
    }
    let boxes = graph.nodes.iter().map(|node| Ok(widest(&node.lines, TEXT)? + 24.0));
    let boxes: Vec<f64> = boxes.collect::<Result<_, Error>>()?;
    let labels = graph.edges.iter().map(|edge| Ok(width(&edge.signal, TEXT)? * 1.05 + 8.0));
    let labels: Vec<f64> = labels.collect::<Result<_, Error>>()?;
    let edges: Vec<(usize, usize)> = graph.edges.iter().map(|edge| (edge.from, edge.to)).collect();
    let levels = levels(&boxes, &edges, &labels);
    draw(&cut(&summary.model, LETTERS), &graph, &levels)
}

/// A box at its place: left, top, right and bottom.
#[derive(Debug, Clone, Copy, Default)]
struct Area {
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
}

fn draw(title: &str, graph: &Graph, levels: &[Vec<Placed>]) -> Result<Picture, Error> {
    let right = |placed: &Placed| placed.x + placed.width / 2.0;
    let inner = levels.iter().flatten().map(right).fold(0.0, f64::max);
    let legend = legend(graph)?;
    let legend_size = (f64::from(legend.size().0), f64::from(legend.size().1));
    let wide = inner.max(width(title, TITLE)?).max(legend_size.0) + 2.0 * MARGIN;
    let left = (wide - inner) / 2.0;

    let mut top = MARGIN + TITLE + 12.0;
    let mut boxes = vec![Area::default(); graph.nodes.len()];
    // The points of each edge on its way down, and where what it carries is written.
    let mut paths: Vec<Vec<Point>> = vec![Vec::new(); graph.edges.len()];
    let mut written: Vec<Point> = vec![(0.0, 0.0); graph.edges.len()];
    for level in levels {
        let high = |placed: &Placed| match placed.item {
            Item::Node(node) => graph.nodes[node].lines.len() as f64 * LINE + 10.0,
            Item::Label(_) => LABEL,
            Item::Pass(_) => 0.0,
        };
        let height = level.iter().map(high).fold(0.0, f64::max);
        for placed in level {
            let x = left + placed.x;
            match placed.item {
                Item::Node(node) => {
                    let half = (placed.width / 2.0, high(placed) / 2.0);
                    let y = top + height / 2.0;
                    let (left, right) = (x - half.0, x + half.0);
                    boxes[node] = Area { left, top: y - half.1, right, bottom: y + half.1 };
                }
                Item::Label(edge) | Item::Pass(edge) => {
                    paths[edge].extend([(x, top), (x, top + height)]);
                    if matches!(placed.item, Item::Label(_)) {
                        written[edge] = (x, top + height / 2.0);
                    }
                }
            }
        }
        top += height + BETWEEN;
    }
    let bottom = top + 4.0;
    let mut picture = Picture::new(wide, bottom + legend_size.1 + MARGIN / 2.0);
    picture.text((wide / 2.0, MARGIN), title, TITLE, Anchor::Middle);
    connect(&mut picture, graph, &boxes, paths);
    for (edge, &(x, y)) in graph.edges.iter().zip(&written).filter(|(e, _)| !e.signal.is_empty()) {
        let half = width(&edge.signal, TEXT)? / 2.0 + 3.0;
        let (from, to) = ((x - half, y - LABEL / 2.0), (x + half, y + LABEL / 2.0));
        picture.add(Shape::Rectangle { from, to, color: WHITE });
        let (at, text, anchor) = ((x, y), edge.signal.clone(), Anchor::Middle);
        let color = if masked(&edge.signal) { RGBColor(160, 70, 0) } else { BLACK };
        picture.add(Shape::Text { at, text, size: TEXT, anchor, turned: false, color });
    }
    for (node, area) in graph.nodes.iter().zip(&boxes) {
        let (from, to) = ((area.left, area.top), (area.right, area.bottom));
        picture.add(Shape::Rectangle { from, to, color: fill(node.kind) });
        picture.add(Shape::Frame { from, to, color: RGBColor(120, 140, 160) });
        let (x, mut y) = ((area.left + area.right) / 2.0, area.top + 5.0 + LINE / 2.0);
        for (i, line) in node.lines.iter().enumerate() {
            let color = if i < 2 { BLACK } else { RGBColor(70, 70, 70) };
            let (at, text, anchor) = ((x, y), line.clone(), Anchor::Middle);
            picture.add(Shape::Text { at, text, size: TEXT, anchor, turned: false, color });
            y += LINE;
        }
    }
    picture.add_at(((wide - legend_size.0) / 2.0, bottom), legend);
    Ok(picture)
}

/// Draws the edges: from the lower side of a box through the points of each to the upper side of another. Where a box has several,
/// they begin and end side by side.
fn connect(picture: &mut Picture, graph: &Graph, boxes: &[Area], paths: Vec<Vec<Point>>) {
    let port = |area: &Area, edges: Vec<usize>, edge: usize, key: &dyn Fn(usize) -> f64| {
        let mut sorted = edges;
        sort_places(&mut sorted, |a, b| key(a).total_cmp(&key(b)));
        let at = sorted.iter().position(|&other| other == edge).unwrap_or(0);
        let apart = ((area.right - area.left) / (sorted.len() + 1) as f64).min(28.0);
        let middle = (area.left + area.right) / 2.0;
        middle + (at as f64 - (sorted.len() - 1) as f64 / 2.0) * apart
    };
    let of = |end: &dyn Fn(&read::Edge) -> bool| -> Vec<usize> {
        (0..graph.edges.len()).filter(|&i| end(&graph.edges[i])).collect()
    };
    let first = |i: usize| paths[i].first().map_or(0.0, |point| point.0);
    let last = |i: usize| paths[i].last().map_or(0.0, |point| point.0);
    for (i, edge) in graph.edges.iter().enumerate() {
        let (from, to) = (&boxes[edge.from], &boxes[edge.to]);
        let start = port(from, of(&|other| other.from == edge.from), i, &first);
        let end = port(to, of(&|other| other.to == edge.to), i, &last);
        let tip = (end, to.top);
        let mut points = vec![(start, from.bottom)];
        points.extend(&paths[i]);
        points.push((end, to.top - ARROW.1));
        let (color, width) = if masked(&edge.signal) { (MASKED, 2.0) } else { (PLAIN, 1.0) };
        picture.add(Shape::Path { points, width, color });
        let base = tip.1 - ARROW.1;
        let points = vec![(tip.0 - ARROW.0, base), (tip.0 + ARROW.0, base), tip];
        picture.add(Shape::Polygon { points, color });
    }
}

/// Whether a signal, or one of several side by side, has a mask.
fn masked(signal: &str) -> bool {
    signal.contains("Masked<")
}

fn fill(kind: Kind) -> RGBColor {
    match kind {
        Kind::End => RGBColor(240, 240, 240),
        Kind::Trained => RGBColor(225, 238, 250),
        Kind::Fixed => RGBColor(214, 214, 226),
    }
}

/// What the colours mean, of those that are there.
fn legend(graph: &Graph) -> Result<Picture, Error> {
    let any_edge = |with: bool| graph.edges.iter().any(|edge| masked(&edge.signal) == with);
    let any_node = |kind: Kind| graph.nodes.iter().any(|node| node.kind == kind);
    let mut entries: Vec<(&str, Result<(RGBColor, f64), Kind>)> = Vec::new();
    if any_edge(true) {
        entries.push(("with a mask", Ok((MASKED, 2.0))));
        if any_edge(false) {
            entries.push(("without a mask", Ok((PLAIN, 1.0))));
        }
    }
    if any_node(Kind::Fixed) {
        entries.push(("frozen", Err(Kind::Fixed)));
    }
    let texts: Vec<String> = entries.iter().map(|(text, _)| (*text).to_owned()).collect();
    let column = 42.0 + widest(&texts, TEXT)?;
    let high = if entries.is_empty() { 0.0 } else { 26.0 };
    let mut picture = Picture::new(column * entries.len() as f64, high);
    for (i, (text, sample)) in entries.into_iter().enumerate() {
        let (x, y) = (i as f64 * column, high / 2.0);
        match sample {
            Ok((color, width)) => {
                picture.add(Shape::Path { points: vec![(x, y), (x + 22.0, y)], width, color });
            }
            Err(kind) => {
                let (from, to) = ((x, y - 7.0), (x + 22.0, y + 7.0));
                picture.add(Shape::Rectangle { from, to, color: fill(kind) });
                picture.add(Shape::Frame { from, to, color: RGBColor(120, 140, 160) });
            }
        }
        picture.text((x + 28.0, y), text, TEXT, Anchor::Start);
    }
    Ok(picture)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Row;

    /// A layer with `width` features, which takes from others.
    fn row(name: &str, from: &[&str], width: usize) -> Row {
        Row {
            name: name.to_owned(),
            layer: format!("Dense<{width}, {width}>"),
            role: "hidden",
            from: from.iter().map(|&from| from.to_owned()).collect(),
            input: vec![format!("Masked<(Batch, 9, {width})>"); from.len()].join(", "),
            output: format!("Masked<(Batch, 9, {width})>"),
            mask: "passed",
            params: width * (width + 1),
            trainable: if width == 3 { 0 } else { width * (width + 1) },
        }
    }

    /// Whether a line runs through a rectangle, tried at many of its points.
    fn crosses(points: &[Point], area: (Point, Point)) -> bool {
        let inside = |(x, y): Point| {
            let ((left, top), (right, bottom)) = area;
            x > left + 0.5 && x < right - 0.5 && y > top + 0.5 && y < bottom - 0.5
        };
        points.windows(2).any(|pair| {
            let ((a, b), (c, d)) = (pair[0], pair[1]);
            (0..=200).any(|i| {
                let share = f64::from(i) / 200.0;
                inside((a + (c - a) * share, b + (d - b) * share))
            })
        })
    }

    #[test]
    fn texts_are_apart_and_edges_run_around_boxes() {
        let long = "a_layer_with_a_name_that_is_longer_than_any_box_may_be_by_far_and_more";
        let models = [
            vec![row("only", &["input"], 4)],
            vec![
                row("a", &["input"], 4),
                row("b", &["a", "input"], 4),
                row("c", &["b", "a", "input"], 3),
            ],
            vec![row("a", &["input.0"], 4), row("b", &["input.1"], 400), row(long, &["a", "b"], 7)],
            // A dense block of nine layers.
            (0..9_usize)
                .map(|i| {
                    let names: Vec<String> = (0..i).map(|j| format!("layer{j}")).collect();
                    let mut from: Vec<&str> = names.iter().map(String::as_str).collect();
                    from.push("input");
                    row(&format!("layer{i}"), &from, i + 1)
                })
                .collect(),
            (0..60)
                .map(|i| {
                    let before =
                        if i == 0 { "input".to_owned() } else { format!("layer{}", i - 1) };
                    row(&format!("layer{i}"), &[&before], 4)
                })
                .collect(),
        ];
        for rows in models {
            let layers = rows.len();
            let picture = model_graph(&Summary::new("model", rows)).unwrap();
            picture.assert_texts_apart();
            let boxes: Vec<(Point, Point)> = picture
                .shapes()
                .iter()
                .filter_map(|shape| match shape {
                    Shape::Frame { from, to, .. } => Some((*from, *to)),
                    _ => None,
                })
                .collect();
            assert!(boxes.len() >= layers + 2, "inputs and outputs have boxes too");
            for shape in picture.shapes() {
                if let Shape::Path { points, .. } = shape {
                    assert!(!boxes.iter().any(|area| crosses(points, *area)), "{points:?}");
                }
            }
        }
    }

    #[test]
    fn a_picture_says_what_each_edge_carries() {
        let rows = vec![row("first", &["input"], 3), row("second", &["first"], 4)];
        let svg = model_graph(&Summary::new("Net", rows)).unwrap().svg().unwrap();
        for text in [
            "Net",
            "Masked&lt;(Batch, 9, 3)&gt;",
            "Masked&lt;(Batch, 9, 4)&gt;",
            "12 parameters, frozen",
            "20 parameters",
            "with a mask",
            "output",
        ] {
            assert!(svg.lines().any(|line| line.trim() == text), "{text} in {svg}");
        }
        assert!(matches!(model_graph(&Summary::new("none", Vec::new())), Err(Error::Empty(_))));
    }
}
