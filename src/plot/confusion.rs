use num_traits::ToPrimitive;
use plotters::style::{BLACK, RGBColor, WHITE};

use super::{
    Picture,
    picture::{Anchor, Shape},
    text::{caption, widest, width},
};
use crate::error::Error;

const TITLE: f64 = 18.0;
const LABEL: f64 = 15.0;
const COUNT: f64 = 13.0;
const MARGIN: f64 = 24.0;
/// More classes than these cannot be read any more.
const CLASSES: usize = 100;

/// A confusion matrix: one row per true class, one column per predicted class. The shade is the fraction of the row; a count
/// of 0 is left blank.
///
/// The counts are whole numbers, or the weighted ones of the metric
/// [`ConfusionMatrix`](crate::metric::ConfusionMatrix::rows).
///
/// # Errors
/// [`Error::Empty`] for no classes, [`Error::Invalid`] for more than 100 and for counts that are negative or not finite,
/// [`Error::Mismatch`] if `counts` is not square or has another size than `classes`.
///
/// ```
/// use kerata::plot;
///
/// let counts = [vec![48, 2], vec![5, 45]];
/// let picture = plot::confusion_matrix(&["cat", "dog"], &counts)?;
/// assert!(picture.svg()?.contains("48"));
/// # Ok::<(), kerata::Error>(())
/// ```
pub fn confusion_matrix<C: ToPrimitive>(
    classes: &[impl AsRef<str>],
    counts: &[Vec<C>],
) -> Result<Picture, Error> {
    let value = |count: &C| count.to_f64().unwrap_or(f64::NAN);
    let values = |row: &Vec<C>| row.iter().map(value).collect();
    let classes: Vec<&str> = classes.iter().map(AsRef::as_ref).collect();
    drawn(&classes, &counts.iter().map(values).collect::<Vec<_>>())
}

/// A count as it is printed: a weighted one with two decimals.
fn shown(count: f64) -> String {
    if count.fract() == 0.0 { format!("{count:.0}") } else { format!("{count:.2}") }
}

fn drawn(classes: &[&str], counts: &[Vec<f64>]) -> Result<Picture, Error> {
    let n = classes.len();
    if n == 0 {
        return Err(Error::Empty("the list of classes"));
    }
    if n > CLASSES {
        let (name, value) = ("the number of classes", n.to_string());
        return Err(Error::Invalid {
            name,
            value,
            expected: "a confusion matrix shows at most 100",
        });
    }
    if counts.len() != n {
        return Err(Error::mismatch("the rows of the confusion matrix", n, counts.len()));
    }
    if let Some(row) = counts.iter().find(|row| row.len() != n) {
        return Err(Error::mismatch("the columns of the confusion matrix", n, row.len()));
    }
    let valid = |count: &&f64| count.is_finite() && **count >= 0.0;
    if let Some(count) = counts.iter().flatten().find(|count| !valid(count)) {
        return Err(Error::invalid("a count of the confusion matrix", count, "it is at least 0"));
    }
    let labels: Vec<String> = classes.iter().map(|class| caption(class)).collect();
    let longest = widest(&labels, LABEL)?;
    let written: Vec<String> = counts.iter().flatten().map(|count| shown(*count)).collect();
    let cell = 12.0 + widest(&written, COUNT)?.max(30.0);
    // Short labels stand upright above their columns.
    let turned = longest > cell - 4.0;
    let above = if turned { longest } else { LABEL };
    let side = cell * n as f64;
    let (left, top) = (MARGIN + LABEL + 12.0 + longest + 8.0, 2.0 * MARGIN + TITLE + above + 16.0);
    let title = "confusion matrix";
    let wide = (left + side + MARGIN).max(width(title, TITLE)? + 2.0 * MARGIN);
    let high = top + side.max(width("true", LABEL)?) + MARGIN;
    let mut picture = Picture::new(wide, high);
    picture.text((wide / 2.0, MARGIN), title, TITLE, Anchor::Middle);
    // Under few cells, the word is wider than they are.
    let across = (left + side / 2.0).min(wide - MARGIN - width("predicted", LABEL)? / 2.0);
    picture.text((across, top - above - 8.0 - LABEL), "predicted", LABEL, Anchor::Middle);
    let (at, text) = ((MARGIN, top + side / 2.0), "true".to_owned());
    let anchor = Anchor::Middle;
    picture.add(Shape::Text { at, text, size: LABEL, anchor, turned: true, color: BLACK });
    for (i, (text, row)) in labels.iter().zip(counts).enumerate() {
        let (x, y) = (left + (i as f64 + 0.5) * cell, top + (i as f64 + 0.5) * cell);
        picture.text((left - 8.0, y), text, LABEL, Anchor::End);
        if turned {
            let (at, text, anchor) = ((x, top - 6.0), text.clone(), Anchor::Start);
            picture.add(Shape::Text { at, text, size: LABEL, anchor, turned, color: BLACK });
        } else {
            picture.text((x, top - LABEL / 2.0 - 6.0), text, LABEL, Anchor::Middle);
        }
        let sum = row.iter().sum::<f64>();
        for (j, &count) in row.iter().enumerate() {
            let fraction = if sum > 0.0 { count / sum } else { 0.0 };
            let (x, y) = (left + j as f64 * cell, top + i as f64 * cell);
            let (from, to) = ((x, y), (x + cell - 1.0, y + cell - 1.0));
            picture.add(Shape::Rectangle { from, to, color: tone(fraction) });
            // Zeros would only hide the counts that matter.
            if count == 0.0 {
                continue;
            }
            let (at, text) = ((x + cell / 2.0, y + cell / 2.0), shown(count));
            let color = if fraction > 0.5 { WHITE } else { BLACK };
            let anchor = Anchor::Middle;
            picture.add(Shape::Text { at, text, size: COUNT, anchor, turned: false, color });
        }
    }
    Ok(picture)
}

/// From nearly white to blue.
fn tone(fraction: f64) -> RGBColor {
    let mix = |from: f64, to: f64| (from + (to - from) * fraction).round() as u8;
    RGBColor(mix(244.0, 33.0), mix(246.0, 102.0), mix(250.0, 172.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_lies_on_another() {
        let cases: [(&[&str], usize); 4] = [
            (&["a"], 7),
            (&["1", "2", "3", "4", "5", "6", "7", "8", "9 or more"], 123_456),
            (&["cat", "dog"], 123_456_789),
            (&["a class with a rather long name", "b"], 0),
        ];
        for (classes, count) in cases {
            let counts = vec![vec![count; classes.len()]; classes.len()];
            confusion_matrix(classes, &counts).unwrap().assert_texts_apart();
        }
    }

    #[test]
    fn sizes_must_agree() {
        let square = vec![vec![1, 2], vec![3, 4]];
        assert!(matches!(confusion_matrix::<usize>(&[""; 0], &[]), Err(Error::Empty(_))));
        assert!(matches!(confusion_matrix(&["a"], &square), Err(Error::Mismatch { .. })));
        let ragged = vec![vec![1, 2], vec![3]];
        assert!(matches!(confusion_matrix(&["a", "b"], &ragged), Err(Error::Mismatch { .. })));
        let nan = vec![vec![1.0, f64::NAN], vec![0.5, 2.0]];
        assert!(matches!(confusion_matrix(&["a", "b"], &nan), Err(Error::Invalid { .. })));
        assert!(matches!(confusion_matrix(&["a"], &[vec![-1]]), Err(Error::Invalid { .. })));
        let many = vec!["a"; 101];
        assert!(matches!(confusion_matrix(&many, &square), Err(Error::Invalid { .. })));
    }
}
