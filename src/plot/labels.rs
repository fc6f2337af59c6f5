//! Where the labels of points go, so that none lies on another label or on a point.

use super::picture::Point;
use crate::order::sort_places;

/// A rectangle: left, top, right, bottom.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Area {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) right: f64,
    pub(super) bottom: f64,
}

impl Area {
    fn around((x, y): Point, width: f64, height: f64) -> Self {
        let (left, top) = (x - width / 2.0, y - height / 2.0);
        Self { left, top, right: left + width, bottom: top + height }
    }

    fn grown(self, by: f64) -> Self {
        let Self { left, top, right, bottom } = self;
        Self { left: left - by, top: top - by, right: right + by, bottom: bottom + by }
    }

    pub(super) fn overlaps(&self, other: &Self) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.top < other.bottom
            && other.top < self.bottom
    }

    pub(super) fn contains(&self, (x, y): Point) -> bool {
        (self.left..=self.right).contains(&x) && (self.top..=self.bottom).contains(&y)
    }

    pub(super) fn middle(&self) -> Point {
        ((self.left + self.right) / 2.0, (self.top + self.bottom) / 2.0)
    }

    fn inside(&self, other: &Self) -> bool {
        other.contains((self.left, self.top)) && other.contains((self.right, self.bottom))
    }

    /// The place of the area that is nearest to a point.
    fn nearest(&self, (x, y): Point) -> Point {
        (x.clamp(self.left, self.right), y.clamp(self.top, self.bottom))
    }

    /// Whether a line runs through or touches: the part of it that is within the left and right edge, then within the others.
    fn is_crossed(&self, (from, to): (Point, Point)) -> bool {
        let (mut start, mut end) = (0.0_f64, 1.0_f64);
        let axes = [
            (from.0, to.0 - from.0, self.left, self.right),
            (from.1, to.1 - from.1, self.top, self.bottom),
        ];
        for (at, step, low, high) in axes {
            if step == 0.0 {
                if at < low || at > high {
                    return false;
                }
                continue;
            }
            let (a, b) = ((low - at) / step, (high - at) / step);
            (start, end) = (start.max(a.min(b)), end.min(a.max(b)));
        }
        start <= end
    }
}

/// A label at its place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Placed {
    pub(super) area: Area,
    /// A line to the point, where the label is away from it.
    pub(super) line: Option<(Point, Point)>,
}

/// How far from its point a label may be without a line that leads to it.
const BESIDE: f64 = 9.0;
/// How much room is kept between labels.
const GAP: f64 = 2.0;

/// Places a label of a size for each point within `bounds`, off the lines that are there if that can be. With `clear`,
/// the lines that lead to labels run into nothing either. `None` if there is no room.
pub(super) fn place(
    points: &[Point],
    sizes: &[(f64, f64)],
    lines: &[(Point, Point)],
    radius: f64,
    bounds: &Area,
    clear: bool,
) -> Option<Vec<Placed>> {
    let near = |p: Point, q: Point| (p.0 - q.0).abs() < 60.0 && (p.1 - q.1).abs() < 20.0;
    let crowd = |i: usize| points.iter().filter(|q| near(points[i], **q)).count();
    let mut order: Vec<usize> = (0..points.len()).collect();
    sort_places(&mut order, |a, b| crowd(b).cmp(&crowd(a)));
    let mut placed: Vec<Option<Placed>> = vec![None; points.len()];
    for i in order {
        // Points that lie on each other share their lines.
        let apart = |p: Point| (p.0 - points[i].0).hypot(p.1 - points[i].1) > 2.0 * radius;
        let leads = |line: (Point, Point)| {
            let (mut others, dot) = (placed.iter().flatten(), 2.0 * radius + 2.0);
            let mut far = points.iter().filter(|p| apart(**p));
            !far.any(|&p| Area::around(p, dot, dot).is_crossed(line))
                && !others.any(|other| {
                    let meets = |of: (Point, Point)| apart(of.0) && cross(of, line);
                    other.area.is_crossed(line) || other.line.is_some_and(meets)
                })
        };
        let free = |label: &Placed| {
            let room = label.area.grown(GAP);
            let mut others = placed.iter().flatten();
            let taken = others.any(|other| {
                let led_to = other.line.is_some_and(|line| clear && room.is_crossed(line));
                room.overlaps(&other.area) || led_to
            });
            let runs_into = label.line.is_some_and(|line| clear && !leads(line));
            let on_a_point = points.iter().any(|&p| room.grown(radius).contains(p));
            label.area.inside(bounds) && !taken && !on_a_point && !runs_into
        };
        let off = |label: &Placed| !lines.iter().any(|&line| label.area.is_crossed(line));
        let all = || candidates(points[i], sizes[i], radius, bounds);
        let best = all().find(|label| off(label) && free(label)).or_else(|| all().find(free));
        placed[i] = Some(best?);
    }
    placed.into_iter().collect()
}

/// Whether two lines cross: each has the ends of the other on its two sides.
fn cross((a, b): (Point, Point), (c, d): (Point, Point)) -> bool {
    let side = |p: Point, q: Point, r: Point| (q.0 - p.0) * (r.1 - p.1) - (q.1 - p.1) * (r.0 - p.0);
    side(a, b, c) * side(a, b, d) < 0.0 && side(c, d, a) * side(c, d, b) < 0.0
}

/// Places for a label, the best first: beside the point, then around it, then farther and farther away.
fn candidates(
    point: Point,
    (width, height): (f64, f64),
    radius: f64,
    bounds: &Area,
) -> impl Iterator<Item = Placed> {
    const TURNS: usize = 24;
    let far = (bounds.right - bounds.left).hypot(bounds.bottom - bounds.top);
    let distances = std::iter::successors(Some(radius + GAP + 1.0), |d| Some(d * 1.35 + 1.0));
    distances.take_while(move |d| *d < far).flat_map(move |distance| {
        (0..TURNS).map(move |turn| {
            // Right first, then by turns a little up and a little down, to the left at last.
            let step = turn.div_ceil(2) as f64 * if turn % 2 == 0 { 1.0 } else { -1.0 };
            let (y, x) = (step / TURNS as f64 * std::f64::consts::TAU).sin_cos();
            let center =
                (point.0 + x * (distance + width / 2.0), point.1 + y * (distance + height / 2.0));
            let area = Area::around(center, width, height);
            let end = area.nearest(point);
            let away = (end.0 - point.0).hypot(end.1 - point.1);
            Placed { area, line: (away > BESIDE + radius).then_some((point, end)) }
        })
    })
}
