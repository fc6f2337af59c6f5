use super::{
    Picture,
    axis::{GRID, rounded_up, tick_labels, ticks},
    picture::{Anchor, Point, Shape},
    style::{LEGEND, Style, check_curves},
    text::{caption, line, widest, width},
    thinned::{lines, signs},
};
use crate::error::Error;

const TITLE: f64 = 18.0;
const LABEL: f64 = 14.0;
const MARGIN: f64 = 24.0;
/// The size of the panel that holds the curves.
const PANEL: Point = (560.0, 320.0);
const LEGEND_ROW: f64 = 22.0;
const RADIUS: f64 = 3.0;

/// Learning curves: one value per epoch, or per whatever else `step` names, with a legend below.
///
/// A curve is a name and its values, such as a column of a [`History`](crate::train::History). A value that is NaN or
/// infinite leaves a gap. Of a long curve there is what a screen can show: the outline of all values, and a sign in a while.
///
/// # Errors
/// [`Error::Empty`] if no curve has a finite value, [`Error::Invalid`] for more than 28 curves, which could not be told apart.
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
    check_curves(curves.len())?;
    let finite = || curves.iter().flat_map(|(_, values)| *values).filter(|v| v.is_finite());
    let steps = curves.iter().map(|(_, values)| values.len()).max().unwrap_or(0);
    if finite().next().is_none() {
        return Err(Error::Empty("the list of values to draw"));
    }
    let (low, high) =
        finite().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), &v| (a.min(v), b.max(v)));
    let (ticks, decimals) = ticks(low, high);
    let (bottom, top) = (ticks[0].min(low), ticks[ticks.len() - 1].max(high));
    let tick_labels = tick_labels(&ticks, decimals);
    let names: Vec<String> = curves.iter().map(|(name, _)| line(name)).collect();
    let left = MARGIN + widest(&tick_labels, LABEL)? + 8.0;
    let title = line(title);
    let wide = (left + PANEL.0 + MARGIN)
        .max(width(&title, TITLE)? + 2.0 * MARGIN)
        .max(left + LEGEND + 8.0 + widest(&names, LABEL)? + MARGIN);
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
    // By halves, as the difference of two numbers may be larger than any.
    let share = |value: f64| (value / 2.0 - bottom / 2.0) / (top / 2.0 - bottom / 2.0);
    let y = |value: f64| panel_top + PANEL.1 * (1.0 - share(value));
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
        let style = Style::of(i);
        let points: Vec<Option<Point>> = (0..values.len())
            .map(|step| values[step].is_finite().then(|| (x(step), y(values[step]))))
            .collect();
        for line in lines(&points).into_iter().filter(|line| line.len() > 1) {
            style.line(&mut picture, line, 2.0);
        }
        for at in signs(&points, (panel_width - 24.0) / (steps.max(2) - 1) as f64) {
            picture.add(style.marker(at, RADIUS));
        }
        let row = legend_top + LEGEND_ROW * i as f64;
        style.legend(&mut picture, (left, row), RADIUS);
        picture.text((left + LEGEND + 8.0, row), name, LABEL, Anchor::Start);
    }
    Ok(picture)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_curve_is_no_longer_than_a_screen_shows() {
        let values: Vec<f64> = (0..20_000).map(|i| (f64::from(i) * 1.7).sin()).collect();
        let picture = learning_curves("loss", "epoch", &[("run", &values)]).unwrap();
        let svg = picture.svg().unwrap();
        assert!(svg.len() < 100_000, "{} bytes", svg.len());
        let broken: Vec<f64> = values
            .iter()
            .enumerate()
            .map(|(i, v)| if i % 2 == 0 { *v } else { f64::NAN })
            .collect();
        let picture = learning_curves("loss", "epoch", &[("run", &broken)]).unwrap();
        assert!(picture.shapes().len() < 15_000, "{}", picture.shapes().len());
    }

    #[test]
    fn long_names_are_whole_and_many_curves_look_different() {
        let name = |i: usize| format!("validation_accuracy_of_the_second_output_{i}");
        let names: Vec<String> = (0..28).map(name).collect();
        let curves: Vec<(&str, &[f64])> =
            names.iter().map(|name| (name.as_str(), &[0.5, 0.25, 0.75][..])).collect();
        let picture = learning_curves(&names[0], "epoch", &curves).unwrap();
        picture.assert_texts_apart();
        let svg = picture.svg().unwrap();
        names.iter().for_each(|name| assert!(svg.contains(name.as_str()), "{name}"));
        let more = vec![curves[0]; 29];
        assert!(matches!(learning_curves("loss", "epoch", &more), Err(Error::Invalid { .. })));
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
