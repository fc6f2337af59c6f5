use plotters::style::RGBColor;

use super::{
    Picture,
    axis::GRID,
    picture::{Anchor, Point, Shape},
    style::{LEGEND, Style, check_curves},
    text::{line, widest, width},
};
use crate::error::Error;

const TITLE: f64 = 18.0;
const LABEL: f64 = 14.0;
const MARGIN: f64 = 24.0;
/// The side of the square panel.
const SIDE: f64 = 380.0;
/// The height of the panel with the counts.
const COUNTS: f64 = 90.0;
const LEGEND_ROW: f64 = 22.0;
const DIAGONAL: RGBColor = RGBColor(150, 150, 150);
/// More bins than these would be thinner than a dot.
const BINS: usize = 50;
const TICKS: [f64; 6] = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0];

/// How far probabilities can be believed: a reliability diagram. The predictions fall into `bins` of equal width by their
/// probability, and for each bin the share of those that came true is drawn over their mean probability; a calibrated model is on
/// the diagonal. Below stands how many predictions each bin has, and in the legend the expected calibration error, the mean
/// distance from the diagonal over all predictions.
///
/// Each curve is a name, the probabilities, and whether what they are of was true. Of several classes, take the probability of the one
/// that was predicted, and whether it was right.
///
/// # Errors
/// [`Error::Empty`] without any prediction, [`Error::Mismatch`] for a curve of other numbers of probabilities and truths,
/// [`Error::Invalid`] for a probability that is not in 0..=1, for less than 2 or more than 50 bins, and for more than 28 curves.
///
/// ```
/// use kerata::plot;
///
/// let (probabilities, rain) = ([0.1, 0.2, 0.7, 0.9], [false, false, true, true]);
/// let picture = plot::calibration(&[("forecast", &probabilities, &rain)], 10)?;
/// assert!(picture.svg()?.contains("forecast, ECE 0.175"));
/// # Ok::<(), kerata::Error>(())
/// ```
pub fn calibration(curves: &[(&str, &[f64], &[bool])], bins: usize) -> Result<Picture, Error> {
    if !(2..=BINS).contains(&bins) {
        return Err(Error::invalid("the number of bins", bins, "it is from 2 to 50"));
    }
    check_curves(curves.len())?;
    if curves.iter().all(|(_, probabilities, _)| probabilities.is_empty()) {
        return Err(Error::Empty("the list of probabilities"));
    }
    let binned =
        curves.iter().map(|(_, probabilities, truths)| binned(probabilities, truths, bins));
    let binned: Vec<Vec<Bin>> = binned.collect::<Result<_, _>>()?;
    let names: Vec<String> = curves
        .iter()
        .zip(&binned)
        .map(|((name, ..), bins)| format!("{}, ECE {:.3}", line(name), expected_error(bins)))
        .collect();
    let most = binned.iter().flatten().map(|bin| bin.count).max().unwrap_or(0);
    let scale = [format!("{most}"), "0.0".to_owned()];
    let left = MARGIN + LABEL + 10.0 + widest(&scale, LABEL)? + 8.0;
    let legend =
        widest(&names, LABEL)?.max(width("perfectly calibrated", LABEL)? * 1.05) + LEGEND + 8.0;
    let wide = left + SIDE.max(legend) + MARGIN;
    let top = MARGIN + TITLE + 10.0;
    let counts_top = top + SIDE + 16.0;
    let counts_bottom = counts_top + COUNTS;
    let legend_top = counts_bottom + 64.0;
    let high = legend_top + LEGEND_ROW * (names.len() + 1) as f64 + MARGIN / 2.0;
    let mut picture = Picture::new(wide, high);
    picture.text((wide / 2.0, MARGIN), "calibration", TITLE, Anchor::Middle);

    let x = |value: f64| left + value * SIDE;
    let y = |value: f64| top + (1.0 - value) * SIDE;
    for tick in TICKS {
        let text = format!("{tick:.1}");
        let (from, to) = ((x(0.0), y(tick)), (x(1.0), y(tick)));
        picture.add(Shape::Line { from, to, color: GRID });
        picture.text((x(0.0) - 8.0, y(tick)), &text, LABEL, Anchor::End);
        let (from, to) = ((x(tick), y(1.0)), (x(tick), y(0.0)));
        picture.add(Shape::Line { from, to, color: GRID });
        picture.text((x(tick), counts_bottom + 14.0), text, LABEL, Anchor::Middle);
    }
    let below = (x(0.5), counts_bottom + 36.0);
    picture.text(below, "predicted probability", LABEL, Anchor::Middle);
    upright(&mut picture, (MARGIN, y(0.5)), "share that is true");
    upright(&mut picture, (MARGIN, counts_top + COUNTS / 2.0), "predictions");
    picture.text((x(0.0) - 8.0, counts_top + 7.0), most.to_string(), LABEL, Anchor::End);
    let (from, to) = ((x(0.0), counts_bottom), (x(1.0), counts_bottom));
    picture.add(Shape::Line { from, to, color: GRID });
    let points = vec![(x(0.0), y(0.0)), (x(1.0), y(1.0))];
    picture.add(Shape::Path { points, width: 1.0, color: DIAGONAL });

    for (i, (bins, name)) in binned.iter().zip(&names).enumerate() {
        let style = Style::of(i);
        let color = style.color;
        let full = bins.iter().filter(|bin| bin.count > 0);
        let points: Vec<Point> = full.map(|bin| (x(bin.mean()), y(bin.share()))).collect();
        for &at in &points {
            picture.add(style.marker(at, 3.5));
        }
        if points.len() > 1 {
            style.line(&mut picture, points, 2.0);
        }
        // The bars of several curves stand side by side in each bin.
        let bar = SIDE / bins.len() as f64 / binned.len() as f64;
        for (j, bin) in bins.iter().enumerate().filter(|(_, bin)| bin.count > 0) {
            let start = x(j as f64 / bins.len() as f64) + bar * i as f64;
            let tall = (COUNTS * bin.count as f64 / most as f64).max(1.0);
            let from = (start + 0.5, counts_bottom - tall);
            picture.add(Shape::Rectangle { from, to: (start + bar - 0.5, counts_bottom), color });
        }
        let row = legend_top + LEGEND_ROW * i as f64;
        style.legend(&mut picture, (left, row), 3.5);
        picture.text((left + LEGEND + 8.0, row), name, LABEL, Anchor::Start);
    }
    let row = legend_top + LEGEND_ROW * names.len() as f64;
    let points = vec![(left, row), (left + LEGEND, row)];
    picture.add(Shape::Path { points, width: 1.0, color: DIAGONAL });
    picture.text((left + LEGEND + 8.0, row), "perfectly calibrated", LABEL, Anchor::Start);
    Ok(picture)
}

fn upright(picture: &mut Picture, at: Point, text: &str) {
    let (text, anchor, color) = (text.to_owned(), Anchor::Middle, plotters::style::BLACK);
    picture.add(Shape::Text { at, text, size: LABEL, anchor, turned: true, color });
}

/// The predictions of one bin.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Bin {
    count: usize,
    probabilities: f64,
    truths: usize,
}

impl Bin {
    fn mean(&self) -> f64 {
        self.probabilities / self.count as f64
    }

    fn share(&self) -> f64 {
        self.truths as f64 / self.count as f64
    }
}

fn binned(probabilities: &[f64], truths: &[bool], bins: usize) -> Result<Vec<Bin>, Error> {
    if probabilities.len() != truths.len() {
        let (expected, found) = (probabilities.len(), truths.len());
        return Err(Error::mismatch("the truths of a calibration curve", expected, found));
    }
    let mut binned = vec![Bin::default(); bins];
    for (&probability, &truth) in probabilities.iter().zip(truths) {
        if !(0.0..=1.0).contains(&probability) {
            return Err(Error::invalid("a probability", probability, "it must be in 0..=1"));
        }
        let bin = &mut binned[((probability * bins as f64) as usize).min(bins - 1)];
        bin.count += 1;
        bin.probabilities += probability;
        bin.truths += usize::from(truth);
    }
    Ok(binned)
}

/// The mean distance from the diagonal over all predictions.
fn expected_error(bins: &[Bin]) -> f64 {
    let all: usize = bins.iter().map(|bin| bin.count).sum();
    let off = |bin: &Bin| (bin.probabilities - bin.truths as f64).abs();
    bins.iter().map(off).sum::<f64>() / all.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_hold_what_falls_into_them() {
        let bins = binned(&[0.0, 0.49, 0.5, 1.0], &[false, true, true, true], 2).unwrap();
        let bin = |probabilities, truths| Bin { count: 2, probabilities, truths };
        assert_eq!(bins, [bin(0.49, 1), bin(1.5, 2)]);
        assert_eq!(expected_error(&bins), (0.51 + 0.5) / 4.0);
    }

    #[test]
    fn texts_are_apart_and_input_is_checked() {
        let one: Vec<f64> = (0..1000).map(|i| f64::from(i) / 999.0).collect();
        let truths: Vec<bool> = (0..1000).map(|i| i % 7 < 3).collect();
        let curves: &[(&str, &[f64], &[bool])] = &[
            ("a", &one, &truths),
            ("a name that is longer than any label may be, by far", &[0.5], &[true]),
            ("none", &[], &[]),
        ];
        calibration(curves, 10).unwrap().assert_texts_apart();
        let refused = |probability, bins| calibration(&[("a", &[probability], &[true])], bins);
        assert!(matches!(refused(1.5, 10), Err(Error::Invalid { .. })));
        assert!(matches!(refused(f64::NAN, 10), Err(Error::Invalid { .. })));
        assert!(matches!(refused(0.5, 1), Err(Error::Invalid { .. })));
        assert!(matches!(calibration(&[("a", &[0.5], &[])], 5), Err(Error::Mismatch { .. })));
        assert!(matches!(calibration(&[], 5), Err(Error::Empty(_))));
    }
}
