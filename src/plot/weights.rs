use plotters::style::RGBColor;

use super::{
    Picture,
    axis::{COLORS, GRID, tick_labels, ticks},
    picture::{Anchor, Point, Shape},
    text::{cut, width},
};
use crate::{
    backend::{Backend, Element},
    error::Error,
    io::{self, Values},
    parameters::Parameters,
};

const TITLE: f64 = 18.0;
const LABEL: f64 = 14.0;
const SMALL: f64 = 12.0;
const MARGIN: f64 = 24.0;
/// The panel of one parameter.
const PANEL: Point = (280.0, 120.0);
const GAP: Point = (36.0, 84.0);
const COLUMNS: usize = 3;
const BINS: usize = 40;
/// More parameters than these cannot be looked at any more.
const PARAMETERS: usize = 300;
const LETTERS: usize = 34;
const BAD: RGBColor = RGBColor(178, 24, 43);

/// How the values of each parameter are distributed: a panel per parameter with a histogram, its name, its shape, mean and
/// standard deviation. What is NaN or infinite is in no bar, but counted in red.
///
/// # Errors
/// [`Error::Empty`] for a model without parameters, [`Error::Invalid`] for more than 300.
///
/// ```
/// use kerata::{Cpu, Dense, plot, prelude::*};
///
/// let dense = Dense::<64, 32>::build(&Cpu::seed_from_u64(0))?;
/// assert!(plot::weight_histograms(&dense)?.svg()?.contains("64 x 32"));
/// # Ok::<(), kerata::Error>(())
/// ```
pub fn weight_histograms<M, E, D>(model: &M) -> Result<Picture, Error>
where
    M: Parameters<E, D>,
    E: Element,
    D: Backend<E>,
{
    let weights = io::collect(model)?;
    if weights.is_empty() {
        return Err(Error::Empty("the list of parameters"));
    }
    if weights.len() > PARAMETERS {
        let expected = "a picture shows at most 300";
        return Err(Error::invalid("the number of parameters", weights.len(), expected));
    }
    let columns = weights.len().min(COLUMNS);
    let rows = weights.len().div_ceil(columns);
    let title = "values of the parameters";
    let across = columns as f64 * (PANEL.0 + GAP.0) - GAP.0;
    let wide = across.max(width(title, TITLE)?) + 2.0 * MARGIN;
    let top = MARGIN + TITLE + 14.0;
    let mut picture = Picture::new(wide, top + rows as f64 * (PANEL.1 + GAP.1));
    picture.text((wide / 2.0, MARGIN), title, TITLE, Anchor::Middle);
    for (i, weight) in weights.into_iter().enumerate() {
        let values: Vec<f64> = match weight.values {
            Values::F32(values) => values.into_iter().map(f64::from).collect(),
            Values::F64(values) => values,
        };
        let (column, row) = (i % columns, i / columns);
        let x = (wide - across) / 2.0 + column as f64 * (PANEL.0 + GAP.0);
        let at = (x, top + row as f64 * (PANEL.1 + GAP.1));
        picture.add_at(at, panel(&weight.name, &weight.sizes, &values)?);
    }
    Ok(picture)
}

/// The panel of one parameter.
fn panel(name: &str, sizes: &[usize], values: &[f64]) -> Result<Picture, Error> {
    let mut picture = Picture::new(PANEL.0, PANEL.1 + GAP.1);
    let sizes: Vec<String> = sizes.iter().map(usize::to_string).collect();
    picture.text((0.0, 8.0), cut(name, LETTERS), LABEL, Anchor::Start);
    let finite: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    let count = finite.len().max(1) as f64;
    let mean = finite.iter().sum::<f64>() / count;
    let deviation = finite.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
    let shape = match sizes.as_slice() {
        [] => "1 value".to_owned(),
        [one] => format!("{one} values"),
        sizes => sizes.join(" x "),
    };
    let (mean, deviation) = (short(mean), short(deviation.sqrt()));
    let line = format!("{shape}, mean {mean}, deviation {deviation}");
    picture.text((0.0, 25.0), line, SMALL, Anchor::Start);

    let (top, bottom) = (36.0, 36.0 + PANEL.1);
    picture.add(Shape::Line { from: (0.0, bottom), to: (PANEL.0, bottom), color: GRID });
    let bad = values.len() - finite.len();
    if bad > 0 {
        let (text, anchor) = (format!("{bad} not finite"), Anchor::End);
        let at = (PANEL.0, 8.0);
        picture.add(Shape::Text { at, text, size: SMALL, anchor, turned: false, color: BAD });
    }
    if finite.is_empty() {
        return Ok(picture);
    }
    let low = finite.iter().copied().fold(f64::INFINITY, f64::min);
    let high = finite.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let (ticks, decimals) = ticks(low, high);
    let (low, high) = (ticks[0].min(low), ticks[ticks.len() - 1].max(high));
    let bars = histogram(&finite, low, high);
    let most = bars.iter().copied().max().unwrap_or(1).max(1) as f64;
    let wide = PANEL.0 / BINS as f64;
    for (i, &bar) in bars.iter().enumerate().filter(|(_, bar)| **bar > 0) {
        let x = i as f64 * wide;
        let from = (x, bottom - ((bottom - top) * bar as f64 / most).max(1.0));
        picture.add(Shape::Rectangle { from, to: (x + wide - 0.5, bottom), color: COLORS[0] });
    }
    let texts = tick_labels(&ticks, decimals);
    // As many as there is room for; the first and the last are within the panel.
    let mut free = f64::NEG_INFINITY;
    for (&tick, text) in ticks.iter().zip(texts) {
        let half = width(&text, SMALL)? / 2.0;
        let x = ((tick - low) / (high - low) * PANEL.0).clamp(half, PANEL.0 - half);
        if x - half > free {
            picture.text((x, bottom + 12.0), text, SMALL, Anchor::Middle);
            free = x + half + 8.0;
        }
    }
    Ok(picture)
}

/// A number with three digits behind the point, of whatever size.
fn short(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 || (1e-2..1e4).contains(&size) {
        format!("{value:.3}")
    } else {
        format!("{value:.2e}")
    }
}

/// How many values fall into each of equal parts of a range.
fn histogram(values: &[f64], low: f64, high: f64) -> [usize; BINS] {
    let mut bars = [0; BINS];
    for value in values {
        let share = (value - low) / (high - low);
        bars[((share * BINS as f64) as usize).min(BINS - 1)] += 1;
    }
    bars
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Cpu, Dense, Relu, prelude::*};

    #[test]
    fn each_value_is_in_a_bar() {
        let values: Vec<f64> = (0..=100).map(f64::from).collect();
        let bars = histogram(&values, 0.0, 100.0);
        assert_eq!(bars.iter().sum::<usize>(), 101);
        assert_eq!((bars[0], bars[BINS - 1]), (3, 3));
    }

    #[test]
    fn texts_are_apart_for_any_values() {
        let sets: [&[f64]; 6] = [
            &[],
            &[0.0],
            &[1e-30, 2e30],
            &[f64::NAN, f64::INFINITY, 0.25],
            &[123_456.0, 123_457.0],
            &[-1e-7, 1e-7, 3.0],
        ];
        for values in sets {
            let name = "a.path.of.layers.that.is.rather.long.kernel";
            panel(name, &[values.len()], values).unwrap().assert_texts_apart();
        }
        let model = <(Dense<3, 4>, Dense<4, 2>)>::build(&Cpu::seed_from_u64(0)).unwrap();
        let picture = weight_histograms(&model).unwrap();
        picture.assert_texts_apart();
        for text in ["0.kernel", "1.bias", "3 x 4"] {
            assert!(picture.svg().unwrap().contains(text), "{text}");
        }
        assert!(matches!(weight_histograms::<Relu, f32, Cpu>(&Relu), Err(Error::Empty(_))));
    }
}
