use plotters::style::RGBColor;

use super::{
    Picture,
    labels::{Area, place},
    picture::{Anchor, Point, Shape},
    text::{label, width},
};
use crate::{error::Error, words::WordVectors};

const TITLE: f64 = 18.0;
const LABEL: f64 = 15.0;
const SMALL: f64 = 13.0;
const RADIUS: f64 = 3.0;
const MARGIN: f64 = 46.0;
/// More words than these are no picture any more.
const WORDS: usize = 1000;
/// How much wider than high the picture is.
const ASPECT: f64 = 1.4;

const DOTS: RGBColor = RGBColor(178, 24, 43);
const LEADERS: RGBColor = RGBColor(170, 170, 170);
const RELATIONS: RGBColor = RGBColor(120, 170, 215);
const PANEL: RGBColor = RGBColor(247, 247, 247);

/// A map of words: their vectors, projected on the two directions in which they differ most
/// ([`WordVectors::project`]). No label lies on another; the picture grows with the number of words. A line is drawn
/// between the two words of each relation.
///
/// # Errors
/// [`Error::UnknownWord`] for a word without a vector, and for a relation whose words are not on the map;
/// [`Error::Empty`] for no words, [`Error::Invalid`] for more than 1000.
pub fn word_map(
    vectors: &WordVectors,
    words: &[&str],
    relations: &[(&str, &str)],
) -> Result<Picture, Error> {
    let invalid = |expected| {
        let value = words.len().to_string();
        Err(Error::Invalid { name: "the number of words", value, expected })
    };
    if words.len() > WORDS {
        return invalid("a map holds at most 1000");
    }
    let projection = vectors.project(words)?;
    let labels: Vec<String> = words.iter().map(|word| label(word)).collect();
    let size = |text: &String| Ok((width(text, LABEL)? * 1.05, LABEL));
    let sizes: Vec<(f64, f64)> = labels.iter().map(size).collect::<Result<_, Error>>()?;
    // Labels are to fill no more than a tenth.
    let full: f64 = sizes.iter().map(|(width, height)| width * height).sum();
    let place_of = |word: &&str| match words.iter().position(|other| other == word) {
        Some(i) => Ok(i),
        None => Err(Error::UnknownWord { word: (*word).to_owned(), words: words.len() }),
    };
    let relations: Vec<(usize, usize)> = relations
        .iter()
        .map(|(a, b)| Ok((place_of(a)?, place_of(b)?)))
        .collect::<Result<_, Error>>()?;
    let mut high = (full * 10.0 / ASPECT).sqrt().max(480.0);
    // Where words crowd, a larger picture helps; where they lie on each other, it does not.
    for attempt in 0..8 {
        let (left, top) = (MARGIN, MARGIN);
        let panel = Area { left, top, right: left + ASPECT * high, bottom: top + high };
        let points = points(&projection.points, &panel);
        let lines: Vec<_> = relations.iter().map(|&(a, b)| (points[a], points[b])).collect();
        if let Some(placed) = place(&points, &sizes, &lines, RADIUS, &panel, attempt < 3) {
            let mut picture = Picture::new(panel.right + MARGIN, panel.bottom + MARGIN);
            let (from, to) = ((panel.left, panel.top), (panel.right, panel.bottom));
            picture.add(Shape::Rectangle { from, to, color: PANEL });
            for (from, to) in lines {
                picture.add(Shape::Line { from, to, color: RELATIONS });
            }
            for (from, to) in placed.iter().filter_map(|label| label.line) {
                picture.add(Shape::Line { from, to, color: LEADERS });
            }
            for &at in &points {
                picture.add(Shape::Dot { at, radius: RADIUS, color: DOTS });
            }
            for (label, text) in placed.iter().zip(labels) {
                picture.text(label.area.middle(), text, LABEL, Anchor::Middle);
            }
            frame(&mut picture, words.len(), projection.explained, &panel);
            return Ok(picture);
        }
        high *= if attempt < 3 { 1.3 } else { 1.6 };
    }
    invalid("their labels find no room")
}

/// Title, and what the axes are.
fn frame(picture: &mut Picture, words: usize, explained: [f64; 2], panel: &Area) {
    let middle = panel.middle();
    let title = format!("{words} words, by their vectors");
    picture.text((middle.0, MARGIN / 2.0), title, TITLE, Anchor::Middle);
    let percent = explained.map(|share| (share * 100.0).round());
    let across = format!("first component, {} % of the variance", percent[0]);
    picture.text((middle.0, panel.bottom + MARGIN / 2.0), across, SMALL, Anchor::Middle);
    let (at, text) = ((MARGIN / 2.0, middle.1), format!("second component, {} %", percent[1]));
    let color = plotters::style::BLACK;
    let anchor = Anchor::Middle;
    picture.add(Shape::Text { at, text, size: SMALL, anchor, turned: true, color });
}

/// The points of a projection in a panel. Each axis has a scale of its own, and some room at its ends.
fn points(projected: &[[f64; 2]], panel: &Area) -> Vec<Point> {
    let scaled = |axis: usize, from: f64, to: f64| -> Vec<f64> {
        let values = || projected.iter().map(|point| point[axis]);
        let low = values().fold(f64::INFINITY, f64::min);
        let wide = values().fold(f64::NEG_INFINITY, f64::max) - low;
        let share = |x: f64| if wide > 0.0 { (x - low) / wide } else { 0.5 };
        values().map(|x| from + (to - from) * (0.08 + 0.84 * share(x))).collect()
    };
    let across = scaled(0, panel.left, panel.right);
    across.into_iter().zip(scaled(1, panel.bottom, panel.top)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The labels of a map, as areas.
    fn areas(picture: &Picture) -> Vec<Area> {
        let mut areas = Vec::new();
        for shape in picture.shapes() {
            if let Shape::Text { at: (x, y), text, size, .. } = shape
                && *size == LABEL
            {
                let half = (width(text, LABEL).unwrap() / 2.0, LABEL / 2.0);
                let (left, top, right, bottom) = (x - half.0, y - half.1, x + half.0, y + half.1);
                areas.push(Area { left, top, right, bottom });
            }
        }
        areas
    }

    #[test]
    fn no_label_lies_on_another_or_on_a_point() {
        let word = |i: usize| format!("word{}", "x".repeat(i % 9) + &i.to_string());
        for (words, spread) in [(1, 1.0), (2, 0.0), (60, 0.0), (150, 1.0), (300, 1e-3)] {
            let row = |i: usize| {
                let (a, b) = ((i * 7919 % 101) as f64, (i * 104_729 % 97) as f64);
                format!("{} {} {}\n", word(i), a * spread, b * spread + f64::from(i == 0))
            };
            let text: String = (0..words).map(row).collect();
            let vectors = WordVectors::read(text.as_bytes()).unwrap();
            let list: Vec<&str> = vectors.iter().map(|(word, _)| word).collect();
            let picture = word_map(&vectors, &list, &[]).unwrap();
            let areas = areas(&picture);
            assert_eq!(areas.len(), words);
            let (width, height) = picture.size();
            for (i, area) in areas.iter().enumerate() {
                assert!(!areas[..i].iter().any(|other| area.overlaps(other)), "{words}: {i}");
                assert!(area.left > 0.0 && area.right < f64::from(width));
                assert!(area.top > 0.0 && area.bottom < f64::from(height));
                for shape in picture.shapes() {
                    if let Shape::Dot { at, .. } = shape {
                        assert!(!area.contains(*at));
                    }
                }
            }
        }
    }
}
