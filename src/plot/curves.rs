use plotters::style::RGBColor;

use super::{
    Picture,
    picture::{Anchor, Point, Shape},
    text::{caption, width},
};
use crate::error::Error;

const TITLE: f64 = 18.0;
const LABEL: f64 = 14.0;
const MARGIN: f64 = 24.0;
/// The size of the panel that holds the curves.
const PANEL: Point = (560.0, 320.0);
const LEGEND_ROW: f64 = 22.0;
const RADIUS: f64 = 3.0;

const GRID: RGBColor = RGBColor(225, 225, 225);
/// Distinguishable with any common colour blindness (Okabe and Ito); a further curve starts over.
const COLORS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
    RGBColor(90, 90, 90),
];

/// Learning curves: one value per epoch, or per whatever else `step` names, with a legend below.
///
/// A curve is a name and its values, such as a column of a [`History`](crate::train::History). A value that is NaN or
/// infinite leaves a gap.
///
/// # Errors
/// [`Error::Empty`] if no curve has a finite value.
///
/// ```
/// use kerata::plot;
///
/// let picture = plot::learning_curves(
///     "accuracy",
///     "epoch",
///     &[("training", &[0.71, 0.83, 0.87]), ("validation", &[0.69, 0.80, 0.82])],
/// )?;
/// assert!(picture.svg()?.contains("validation"));
/// # Ok::<(), kerata::Error>(())
/// ```
pub fn learning_curves(
    title: &str,
    step: &str,
    curves: &[(&str, &[f64])],
) -> Result<Picture, Error> {
    let finite = || curves.iter().flat_map(|(_, values)| *values).filter(|v| v.is_finite());
    let steps = curves.iter().map(|(_, values)| values.len()).max().unwrap_or(0);
    if finite().next().is_none() {
        return Err(Error::Empty("the list of values to draw"));
    }
    let (low, high) =
        finite().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), &v| (a.min(v), b.max(v)));
    let (ticks, decimals) = ticks(low, high);
    let (bottom, top) = (ticks[0].min(low), ticks[ticks.len() - 1].max(high));
    let tick_labels: Vec<String> = ticks.iter().map(|tick| format!("{tick:.decimals$}")).collect();
    let names: Vec<String> = curves.iter().map(|(name, _)| caption(name)).collect();
    let widest = |texts: &[String]| -> Result<f64, Error> {
        let widths: Vec<f64> =
            texts.iter().map(|text| width(text, LABEL)).collect::<Result<_, _>>()?;
        Ok(widths.into_iter().fold(0.0, f64::max) * 1.05)
    };
    let left = MARGIN + widest(&tick_labels)? + 8.0;
    let title = caption(title);
    let wide = (left + PANEL.0 + MARGIN)
        .max(width(&title, TITLE)? + 2.0 * MARGIN)
        .max(left + 30.0 + widest(&names)? + MARGIN);
    let panel_top = MARGIN + TITLE + 10.0;
    let legend_top = panel_top + PANEL.1 + 62.0;
    let mut picture =
        Picture::new(wide, legend_top + LEGEND_ROW * curves.len() as f64 + MARGIN / 2.0);
    picture.text((wide / 2.0, MARGIN), title, TITLE, Anchor::Middle);

    let panel_width = wide - MARGIN - left;
    let x = |step: usize| {
        // A single step stands in the middle.
        let share = if steps > 1 { step as f64 / (steps - 1) as f64 } else { 0.5 };
        left + 12.0 + share * (panel_width - 24.0)
    };
    let y = |value: f64| panel_top + PANEL.1 * (1.0 - (value - bottom) / (top - bottom));
    for (&tick, text) in ticks.iter().zip(tick_labels) {
        let (from, to) = ((left, y(tick)), (left + panel_width, y(tick)));
        picture.add(Shape::Line { from, to, color: GRID });
        picture.text((left - 8.0, y(tick)), text, LABEL, Anchor::End);
    }
    let apart = width(&steps.to_string(), LABEL)? + 14.0;
    let every = rounded_up(steps as f64 * apart / panel_width).max(1.0) as usize;
    for step in (1..=steps).filter(|step| step % every == 0) {
        let place = (x(step - 1), panel_top + PANEL.1 + 14.0);
        picture.text(place, step.to_string(), LABEL, Anchor::Middle);
    }
    let below = (left + panel_width / 2.0, panel_top + PANEL.1 + 36.0);
    picture.text(below, caption(step), LABEL, Anchor::Middle);
    for (i, ((_, values), name)) in curves.iter().zip(names).enumerate() {
        let color = COLORS[i % COLORS.len()];
        let points: Vec<Option<Point>> = (0..values.len())
            .map(|step| values[step].is_finite().then(|| (x(step), y(values[step]))))
            .collect();
        for pair in points.windows(2) {
            if let [Some(from), Some(to)] = *pair {
                picture.add(Shape::Line { from, to, color });
            }
        }
        for at in points.into_iter().flatten() {
            picture.add(Shape::Dot { at, radius: RADIUS, color });
        }
        let row = legend_top + LEGEND_ROW * i as f64;
        picture.add(Shape::Line { from: (left, row), to: (left + 22.0, row), color });
        picture.add(Shape::Dot { at: (left + 11.0, row), radius: RADIUS, color });
        picture.text((left + 30.0, row), name, LABEL, Anchor::Start);
    }
    Ok(picture)
}

/// The smallest of 1, 2 and 5, times a power of ten, that is not below a number.
fn rounded_up(at_least: f64) -> f64 {
    let power = 10.0_f64.powf(at_least.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
    steps.into_iter().find(|step| *step >= at_least).unwrap_or(10.0 * power)
}

/// Round values that span a range, and how many decimals they need.
fn ticks(low: f64, high: f64) -> (Vec<f64>, usize) {
    // Equal values still get a panel with some height.
    let room = (low.abs().max(high.abs()) * 1e-3).max(1e-9);
    let step = rounded_up((high - low).max(room) / 5.0);
    let (first, last) =
        ((low / step).floor(), (high / step).ceil().max((low / step).floor() + 1.0));
    let count = (last - first).round() as usize;
    let decimals = (-step.log10().floor()).max(0.0) as usize;
    ((0..=count).map(|i| (first + i as f64) * step).collect(), decimals)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_span_the_range() {
        let rounded = |low, high| {
            let (ticks, decimals) = ticks(low, high);
            ticks.iter().map(|tick| format!("{tick:.decimals$}")).collect::<Vec<_>>()
        };
        assert_eq!(rounded(0.61, 0.94), ["0.6", "0.7", "0.8", "0.9", "1.0"]);
        assert_eq!(rounded(0.0, 12.0), ["0", "5", "10", "15"]);
        assert_eq!(rounded(-0.02, 0.01), ["-0.02", "-0.01", "0.00", "0.01"]);
        for (low, high) in [(0.5, 0.5), (0.0, 0.0), (1e6, 1e6), (0.9, 0.900001), (-3.0, 1e9)] {
            let (ticks, _) = ticks(low, high);
            assert!(ticks.len() >= 2 && ticks.len() <= 12, "{ticks:?}");
            assert!(ticks[0] <= low && ticks[ticks.len() - 1] >= high, "{ticks:?}");
        }
    }

    #[test]
    fn curves_stay_in_the_panel_and_labels_apart() {
        let long: Vec<f64> = (0..700).map(|i| 1.0 / f64::from(i + 1)).collect();
        let sets: [&[(&str, &[f64])]; 4] = [
            &[("one", &[0.25])],
            &[("flat", &[0.5, 0.5]), ("gap", &[f64::NAN, 0.25, f64::INFINITY])],
            &[("long", &long), ("a name that is longer than any label may be, by far", &[1e4])],
            &[("a", &[]), ("b", &[-2.0])],
        ];
        for curves in sets {
            let picture = learning_curves("accuracy", "epoch", curves).unwrap();
            let size = (f64::from(picture.size().0), f64::from(picture.size().1));
            picture.assert_texts_apart();
            for shape in picture.shapes() {
                if let Shape::Dot { at, .. } = shape {
                    assert!(at.0 > 0.0 && at.0 < size.0 && at.1 > 0.0 && at.1 < size.1, "{at:?}");
                }
            }
        }
        assert!(matches!(
            learning_curves("loss", "epoch", &[("a", &[f64::NAN])]),
            Err(Error::Empty(_))
        ));
        assert!(matches!(learning_curves("loss", "epoch", &[]), Err(Error::Empty(_))));
    }
}
