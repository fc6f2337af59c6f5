//! How curves are told apart, on a screen and in print.

use plotters::style::RGBColor;

use super::{
    Picture,
    axis::COLORS,
    picture::{Point, Shape},
};
use crate::error::Error;

/// The lengths of dashes and gaps, in turn, and the signs at the points: the next ones where the colours are used up.
const DASHES: [&[f64]; SIGNS] = [&[], &[9.0, 4.0], &[2.5, 3.5], &[11.0, 3.5, 2.5, 3.5]];
const SIGNS: usize = 4;
/// More curves than these could not be told apart.
const CURVES: usize = COLORS.len() * SIGNS;
/// A line longer than this goes up and down all over the panel, where dashes could not be seen.
const DASHED: f64 = 12_000.0;

/// What one curve of several looks like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Style {
    pub(super) color: RGBColor,
    sign: usize,
}

/// How long a line is in a legend: long enough for its dashes.
pub(super) const LEGEND: f64 = 36.0;

/// Checks that so many curves can be told apart.
///
/// # Errors
/// [`Error::Invalid`].
pub(super) fn check_curves(count: usize) -> Result<(), Error> {
    if count <= CURVES {
        return Ok(());
    }
    Err(Error::invalid("the number of curves", count, "a picture shows at most 28"))
}

impl Style {
    pub(super) fn of(curve: usize) -> Self {
        Self { color: COLORS[curve % COLORS.len()], sign: curve / COLORS.len() % SIGNS }
    }

    /// The sign at a point: a dot, a square, a triangle or a diamond.
    pub(super) fn marker(&self, at: Point, radius: f64) -> Shape {
        let (color, (x, y)) = (self.color, at);
        match self.sign {
            0 => Shape::Dot { at, radius, color },
            1 => {
                let (from, to) = ((x - radius, y - radius), (x + radius, y + radius));
                Shape::Rectangle { from, to, color }
            }
            2 => {
                let r = 1.4 * radius;
                let points = vec![(x, y - r), (x + r, y + 0.8 * r), (x - r, y + 0.8 * r)];
                Shape::Polygon { points, color }
            }
            _ => {
                let r = 1.5 * radius;
                Shape::Polygon {
                    points: vec![(x, y - r), (x + r, y), (x, y + r), (x - r, y)],
                    color,
                }
            }
        }
    }

    /// What stands in a legend: a line with a sign, from its left end on.
    pub(super) fn legend(&self, picture: &mut Picture, (x, y): Point, radius: f64) {
        self.line(picture, vec![(x, y), (x + LEGEND, y)], 2.0);
        picture.add(self.marker((x + LEGEND / 2.0, y), radius));
    }

    /// Draws a line through points.
    pub(super) fn line(&self, picture: &mut Picture, points: Vec<Point>, width: f64) {
        let (color, dashes) = (self.color, DASHES[self.sign]);
        let length: f64 = points.windows(2).map(|pair| distance(pair[0], pair[1])).sum();
        if dashes.is_empty() || length > DASHED {
            picture.add(Shape::Path { points, width, color });
            return;
        }
        for points in dashed(&points, dashes) {
            picture.add(Shape::Path { points, width, color });
        }
    }
}

fn distance(a: Point, b: Point) -> f64 {
    (a.0 - b.0).hypot(a.1 - b.1)
}

/// The parts of a line that are drawn.
fn dashed(points: &[Point], dashes: &[f64]) -> Vec<Vec<Point>> {
    let (mut parts, mut part): (Vec<_>, Vec<Point>) = Default::default();
    let (mut turn, mut left) = (0, dashes[0]);
    for pair in points.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        let (all, mut done) = (distance(from, to), 0.0);
        let at = |done: f64| {
            let share = if all > 0.0 { done / all } else { 0.0 };
            (from.0 + (to.0 - from.0) * share, from.1 + (to.1 - from.1) * share)
        };
        if turn % 2 == 0 && part.is_empty() {
            part.push(from);
        }
        while all - done > left {
            done += left;
            match turn % 2 {
                0 => {
                    part.push(at(done));
                    parts.push(std::mem::take(&mut part));
                }
                _ => part.push(at(done)),
            }
            turn = (turn + 1) % dashes.len();
            left = dashes[turn];
        }
        left -= all - done;
        if turn % 2 == 0 {
            part.push(to);
        }
    }
    if part.len() > 1 {
        parts.push(part);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_are_as_long_around_a_corner() {
        let parts = dashed(&[(0.0, 0.0), (5.0, 0.0), (5.0, 20.0)], &[9.0, 4.0]);
        let first = vec![(0.0, 0.0), (5.0, 0.0), (5.0, 4.0)];
        assert_eq!(parts, [first, vec![(5.0, 8.0), (5.0, 17.0)]]);
    }

    #[test]
    fn no_two_curves_look_alike() {
        let styles: Vec<Style> = (0..CURVES).map(Style::of).collect();
        for (i, style) in styles.iter().enumerate() {
            assert!(!styles[..i].contains(style), "{i}");
        }
        check_curves(CURVES).unwrap();
        assert!(matches!(check_curves(CURVES + 1), Err(Error::Invalid { .. })));
    }
}
