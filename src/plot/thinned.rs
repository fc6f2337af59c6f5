//! What a screen shows of a curve of many points.

use super::picture::Point;

/// The lines of a curve, one up to each gap, where there is a value for each pixel at most once too low and once too high: of the points that
/// stand in one column of pixels, the first, the lowest, the highest and the last.
pub(super) fn lines(points: &[Option<Point>]) -> Vec<Vec<Point>> {
    let runs = points.split(Option::is_none).filter(|run| !run.is_empty());
    runs.map(|run| of_run(&run.iter().flatten().copied().collect::<Vec<_>>())).collect()
}

fn of_run(points: &[Point]) -> Vec<Point> {
    let column = |point: &Point| point.0.floor();
    let mut line = Vec::new();
    for points in points.chunk_by(|a, b| column(a) == column(b)) {
        let by_height = |a: &&usize, b: &&usize| points[**a].1.total_cmp(&points[**b].1);
        let all: Vec<usize> = (0..points.len()).collect();
        let (low, high) = (all.iter().min_by(by_height), all.iter().max_by(by_height));
        let mut kept = vec![0, points.len() - 1];
        kept.extend(low.into_iter().chain(high));
        kept.sort_unstable();
        kept.dedup();
        line.extend(kept.into_iter().map(|at| points[at]));
    }
    line
}

/// The points that have a sign: all if there is room, else one in a while; and those without a line, once in a pixel.
pub(super) fn signs(points: &[Option<Point>], apart: f64) -> Vec<Point> {
    const TOUCHING: f64 = 7.0;
    const APART: f64 = 40.0;
    let every = if apart >= TOUCHING { 1 } else { (APART / apart).ceil().max(1.0) as usize };
    let alone = |at: usize| {
        let gap = |at: Option<usize>| at.and_then(|at| points.get(at)).copied().flatten().is_none();
        gap(at.checked_sub(1)) && gap(Some(at + 1))
    };
    let mut seen = std::collections::HashSet::new();
    let mut signs = Vec::new();
    for (at, point) in points.iter().enumerate() {
        let Some(point) = point else { continue };
        let pixel = (point.0.round() as i64, point.1.round() as i64);
        if (at % every == 0 || alone(at)) && seen.insert(pixel) {
            signs.push(*point);
        }
    }
    signs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peaks_and_gaps_stay() {
        let mut points: Vec<Option<Point>> =
            (0..10_000).map(|i| Some((f64::from(i) / 100.0, f64::from(i % 3)))).collect();
        points[1234] = Some((12.34, 99.0));
        points[5000] = None;
        let lines = lines(&points);
        assert_eq!(lines.len(), 2);
        assert!(lines[0].contains(&(12.34, 99.0)));
        assert!(lines.concat().len() <= 400);
        assert_eq!((lines[0][0], lines[1].last()), ((0.0, 0.0), points[9999].as_ref()));
        let few = [Some((0.0, 1.0)), Some((20.0, 2.0)), None, Some((60.0, 3.0))];
        assert_eq!(super::lines(&few).concat().len(), 3);
        assert_eq!(signs(&few, 20.0).len(), 3);
        // A point without a neighbour has its sign, however close they are.
        assert_eq!(signs(&few, 0.1).len(), 2);
    }
}
