use plotters::style::{BLACK, RGBColor, WHITE};

use super::{
    Picture,
    picture::{Anchor, Shape},
    text::{label, width},
};
use crate::{error::Error, words::WordVectors};

const TITLE: f64 = 18.0;
const LABEL: f64 = 15.0;
const SMALL: f64 = 13.0;
const MARGIN: f64 = 46.0;
/// More words than these are no picture any more.
const WORDS: usize = 200;
/// With at most this many words, the numbers stand in the cells.
const WITH_NUMBERS: usize = 30;
/// Of how many pieces the scale is.
const PIECES: usize = 80;

/// How similar words are, each to each: the cosine of their vectors, from -1, blue, over 0, white, to 1, red. The
/// numbers stand in the cells for up to 30 words.
///
/// # Errors
/// [`Error::UnknownWord`], [`Error::Empty`] for no words, [`Error::Invalid`] for more than 200.
pub fn similarity_map(vectors: &WordVectors, words: &[&str]) -> Result<Picture, Error> {
    if words.is_empty() {
        return Err(Error::Empty("the list of words"));
    }
    if words.len() > WORDS {
        let (name, value) = ("the number of words", words.len().to_string());
        return Err(Error::Invalid { name, value, expected: "a picture holds at most 200" });
    }
    let similarities = vectors.similarities(words)?;
    let numbers = words.len() <= WITH_NUMBERS;
    let cell = if numbers { 42.0 } else { 19.0 };
    let labels: Vec<String> = words.iter().map(|word| label(word)).collect();
    let widths: Vec<f64> =
        labels.iter().map(|text| width(text, LABEL)).collect::<Result<_, _>>()?;
    let longest = widths.into_iter().fold(0.0, f64::max) * 1.05;
    let side = cell * words.len() as f64;
    let (left, top) = (MARGIN / 2.0 + longest + 6.0, MARGIN + longest + 6.0);
    // The title may be wider than a few cells.
    let title = "similarity of words (cosine)";
    let wide = (left + side + 2.0 * MARGIN + 20.0).max(width(title, TITLE)? + MARGIN);
    let mut picture = Picture::new(wide, top + side.max(6.0 * SMALL) + MARGIN / 2.0);
    picture.text((wide / 2.0, MARGIN / 2.0), title, TITLE, Anchor::Middle);
    for (i, (text, row)) in labels.iter().zip(&similarities).enumerate() {
        let y = top + i as f64 * cell;
        let place = (left - 6.0, y + cell / 2.0);
        picture.text(place, text, LABEL, Anchor::End);
        let (at, text) = ((left + (i as f64 + 0.5) * cell, top - 6.0), text.clone());
        let anchor = Anchor::Start;
        picture.add(Shape::Text { at, text, size: LABEL, anchor, turned: true, color: BLACK });
        for (j, &similarity) in row.iter().enumerate() {
            let x = left + j as f64 * cell;
            let (from, to) = ((x, y), (x + cell - 1.0, y + cell - 1.0));
            picture.add(Shape::Rectangle { from, to, color: tone(similarity) });
            if numbers {
                let (at, text) = ((x + cell / 2.0, y + cell / 2.0), two_digits(similarity));
                let color = if similarity.abs() > 0.75 { WHITE } else { BLACK };
                let anchor = Anchor::Middle;
                picture.add(Shape::Text { at, text, size: SMALL, anchor, turned: false, color });
            }
        }
    }
    scale(&mut picture, left + side + MARGIN / 2.0, top, side.clamp(6.0 * SMALL, 320.0));
    Ok(picture)
}

/// The colours from 1 down to -1, with their numbers.
fn scale(picture: &mut Picture, left: f64, top: f64, high: f64) {
    let piece = high / PIECES as f64;
    for i in 0..PIECES {
        let color = tone(1.0 - 2.0 * (i as f32 + 0.5) / PIECES as f32);
        let y = top + i as f64 * piece;
        let (from, to) = ((left, y), (left + 14.0, y + piece + 1.0));
        picture.add(Shape::Rectangle { from, to, color });
    }
    for (i, text) in ["1", "0.5", "0", "-0.5", "-1"].into_iter().enumerate() {
        let y = top + i as f64 * high / 4.0;
        picture.text((left + 20.0, y), text, SMALL, Anchor::Start);
    }
}

/// A number as it is printed; one that is rounded to 0 has no sign.
fn two_digits(x: f32) -> String {
    format!("{x:.2}").replace("-0.00", "0.00")
}

/// The colour of a similarity.
fn tone(similarity: f32) -> RGBColor {
    let end = if similarity < 0.0 { [33.0, 102.0, 172.0] } else { [178.0, 24.0, 43.0] };
    let share = similarity.abs().clamp(0.0, 1.0);
    let [r, g, b] = end.map(|end| (247.0 + (end - 247.0) * share).round() as u8);
    RGBColor(r, g, b)
}
