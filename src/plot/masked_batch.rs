use std::fmt::Display;

use plotters::style::{BLACK, RGBColor};

use super::{
    Picture,
    picture::{Anchor, Shape},
    text::{cut, label, widest, width},
};
use crate::{error::Error, signal::Mask};

const TITLE: f64 = 18.0;
const LABEL: f64 = 14.0;
const TEXT: f64 = 13.0;
const MARGIN: f64 = 24.0;
const HEIGHT: f64 = 24.0;
/// The longest text of a step, in letters.
const LETTERS: usize = 16;
/// More samples or steps than these cannot be looked at any more.
const MOST: usize = 500;
const STEP: RGBColor = RGBColor(198, 222, 243);
const PADDING: RGBColor = RGBColor(236, 236, 236);
const PALE: RGBColor = RGBColor(150, 150, 150);

/// A padded batch: one row per sample, one column per step, shaded where the mask says that the step is real. What stands at
/// each step, an id, a word or a number, is written into it; so is what stands in the padding, paler. At the end of each row is the number
/// of its real steps.
///
/// `steps` has the texts of each sample, as many as there are steps or fewer; `&[]` draws the mask alone.
///
/// # Errors
/// [`Error::Empty`] for a batch without steps, [`Error::Invalid`] for more than 500 samples or steps,
/// [`Error::Mismatch`] for texts of another number of samples than the mask has, and for more texts than steps.
///
/// ```
/// use kerata::{Mask, plot};
///
/// let ids = [[4, 8, 2, 0], [7, 0, 0, 0]];
/// let mask = Mask::from_ids(ids.as_flattened(), 2, 4)?;
/// let picture = plot::masked_batch(&mask, &ids.map(|row| row.to_vec()))?;
/// assert!(picture.svg()?.contains("50 % padding"));
/// # Ok::<(), kerata::Error>(())
/// ```
pub fn masked_batch<S: Display>(mask: &Mask, steps: &[Vec<S>]) -> Result<Picture, Error> {
    let (batch, length) = (mask.batch(), mask.length());
    if batch * length == 0 {
        return Err(Error::Empty("the batch"));
    }
    if batch.max(length) > MOST {
        let value = format!("{batch} x {length}");
        return Err(Error::invalid("the batch", value, "a picture shows at most 500 x 500 steps"));
    }
    if !steps.is_empty() && steps.len() != batch {
        return Err(Error::mismatch("the samples of the picture", batch, steps.len()));
    }
    if let Some(row) = steps.iter().find(|row| row.len() > length) {
        return Err(Error::mismatch("the steps of a sample", length, row.len()));
    }
    let text = |step: &S| cut(&label(&step.to_string()), LETTERS);
    let texts: Vec<Vec<String>> = steps.iter().map(|row| row.iter().map(text).collect()).collect();
    let all: Vec<String> = texts.iter().flatten().cloned().collect();
    let cell = if all.is_empty() { 14.0 } else { (widest(&all, TEXT)? + 10.0).max(HEIGHT) };

    let padding = 100.0 * (1.0 - mask.count() as f64 / (batch * length) as f64);
    let title = format!("{batch} samples of {length} steps, {padding:.0} % padding");
    let rows: Vec<String> = (0..batch).map(|row| row.to_string()).collect();
    let left = MARGIN + LABEL + 10.0 + widest(&rows, LABEL)? + 8.0;
    let real = |row: usize| mask.row(row).iter().filter(|real| **real).count().to_string();
    let ends: Vec<String> = (0..batch).map(real).collect();
    let side = cell * length as f64;
    let legend = ["a step".to_owned(), "padding".to_owned()];
    let column = 40.0 + widest(&legend, LABEL)?;
    let after = 10.0 + widest(&ends, LABEL)?.max(width("steps", LABEL)? * 1.05);
    // The header at the right is in line with what is below it.
    let wide = (left + side + after + MARGIN)
        .max(width(&title, TITLE)? * 1.05 + 2.0 * MARGIN)
        .max(left + 2.0 * column + MARGIN);
    let top = MARGIN + TITLE + 40.0;
    let below = top + HEIGHT * batch as f64;
    let high = (below + 44.0).max(top + width("sample", LABEL)? + 44.0);
    let mut picture = Picture::new(wide, high);
    picture.text((wide / 2.0, MARGIN), title, TITLE, Anchor::Middle);
    picture.text((left + side + 10.0, top - 12.0), "steps", LABEL, Anchor::Start);
    let (at, text, anchor) =
        ((MARGIN, top + (high - 44.0 - top) / 2.0), "sample".to_owned(), Anchor::Middle);
    picture.add(Shape::Text { at, text, size: LABEL, anchor, turned: true, color: BLACK });

    // Numbers of columns, as many as there is room for.
    let number = width(&(length - 1).to_string(), LABEL)? + 8.0;
    let every = (number / cell).ceil().max(1.0) as usize;
    for step in (0..length).step_by(every) {
        let x = left + (step as f64 + 0.5) * cell;
        // The word at the right begins a little behind the last column.
        if x + number / 2.0 <= left + side + 8.0 {
            picture.text((x, top - 12.0), step.to_string(), LABEL, Anchor::Middle);
        }
    }
    for row in 0..batch {
        let y = top + row as f64 * HEIGHT;
        picture.text((left - 8.0, y + HEIGHT / 2.0), &rows[row], LABEL, Anchor::End);
        for (step, &real) in mask.row(row).iter().enumerate() {
            let x = left + step as f64 * cell;
            let (from, to) = ((x, y), (x + cell - 1.0, y + HEIGHT - 1.0));
            let color = if real { STEP } else { PADDING };
            picture.add(Shape::Rectangle { from, to, color });
            if let Some(text) = texts.get(row).and_then(|row| row.get(step)) {
                let at = (x + cell / 2.0, y + HEIGHT / 2.0);
                let (text, anchor) = (text.clone(), Anchor::Middle);
                let color = if real { BLACK } else { PALE };
                picture.add(Shape::Text { at, text, size: TEXT, anchor, turned: false, color });
            }
        }
        let at = (left + side + 10.0, y + HEIGHT / 2.0);
        picture.text(at, &ends[row], LABEL, Anchor::Start);
    }
    for (i, (text, color)) in legend.into_iter().zip([STEP, PADDING]).enumerate() {
        let (x, y) = (left + i as f64 * column, high - 22.0);
        let (from, to) = ((x, y - 8.0), (x + 22.0, y + 8.0));
        picture.add(Shape::Rectangle { from, to, color });
        picture.text((x + 30.0, y), text, LABEL, Anchor::Start);
    }
    Ok(picture)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_apart_at_any_size() {
        let words = |row: usize, n: usize| (0..n).map(|i| format!("word{}", row * i)).collect();
        for (batch, length) in [(1, 1), (3, 12), (40, 3), (2, 150)] {
            let lengths: Vec<usize> = (0..batch).map(|row| (row * 7 + 1).min(length)).collect();
            let mask = Mask::from_lengths(&lengths, length).unwrap();
            masked_batch::<&str>(&mask, &[]).unwrap().assert_texts_apart();
            let texts: Vec<Vec<String>> =
                lengths.iter().enumerate().map(|(row, &n)| words(row, n)).collect();
            let picture = masked_batch(&mask, &texts).unwrap();
            picture.assert_texts_apart();
            let padded = (0..batch).flat_map(|row| mask.row(row)).filter(|real| !**real).count();
            let shaded = |shape: &&Shape| matches!(shape, Shape::Rectangle { color, .. } if *color == PADDING);
            // One more is in the legend.
            assert_eq!(picture.shapes().iter().filter(shaded).count(), padded + 1);
        }
    }

    #[test]
    fn sizes_must_agree() {
        let mask = Mask::from_lengths(&[1], 2).unwrap();
        let refused = |steps: &[Vec<usize>]| masked_batch(&mask, steps).unwrap_err();
        assert!(matches!(refused(&[vec![], vec![]]), Error::Mismatch { .. }));
        assert!(matches!(refused(&[vec![1, 2, 3]]), Error::Mismatch { .. }));
        let three = Mask::from_lengths(&[1, 2, 2], 2).unwrap();
        let error = masked_batch(&three, &[vec!["one", "two"]]).unwrap_err().to_string();
        assert_eq!(error, "the samples of the picture: expected 3, found 1");
        let none = Mask::full(0, 4);
        assert!(matches!(masked_batch::<u8>(&none, &[]), Err(Error::Empty(_))));
        let large = Mask::full(1, 501);
        assert!(matches!(masked_batch::<u8>(&large, &[]), Err(Error::Invalid { .. })));
    }
}
