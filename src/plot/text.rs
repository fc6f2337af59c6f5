use std::sync::OnceLock;

use plotters::style::{FontStyle, IntoFont, register_font};

use crate::error::Error;

/// The name of the font, and for an SVG those that may stand in for it.
pub(super) const FAMILY: &str = "Ubuntu, Roboto, Arial, sans-serif";

/// The longest label, in letters; longer ones are cut.
const LETTERS: usize = 28;
/// The longest text that has a line of the picture for itself.
const OF_LINE: usize = 80;

/// Registers the font that comes along, once.
fn ready() -> Result<(), Error> {
    static READY: OnceLock<bool> = OnceLock::new();
    let register =
        || register_font(FAMILY, FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT).is_ok();
    match READY.get_or_init(register) {
        true => Ok(()),
        false => Err(Error::Device("the font cannot be read".to_owned())),
    }
}

/// Draws the text of all PNGs from now on with another font, the bytes of a `.ttf` or `.otf`.
///
/// # Errors
/// [`Error::Invalid`] if these are no font.
///
/// ```
/// use kerata::plot::use_font;
///
/// assert!(use_font(b"no font").is_err());
/// ```
pub fn use_font(bytes: &'static [u8]) -> Result<(), Error> {
    ready()?;
    register_font(FAMILY, FontStyle::Normal, bytes).map_err(|_| {
        let (name, value) = ("the font", format!("{} bytes", bytes.len()));
        Error::Invalid { name, value, expected: "it must be that of a .ttf or .otf file" }
    })
}

/// How wide a text is, in pixels.
pub(super) fn width(text: &str, size: f64) -> Result<f64, Error> {
    ready()?;
    let measured = (FAMILY, size).into_font().box_size(text);
    let measured = measured.map_err(|e| Error::Device(e.to_string()))?.0;
    // Letters that the font does not have, such as Chinese ones, are as wide as they are high.
    let wide = text.chars().filter(|&c| c >= '\u{1100}').count();
    Ok((f64::from(measured) + 1.0).max(wide as f64 * size))
}

/// How wide the widest of texts is, with some room for other fonts than that which is measured.
pub(super) fn widest(texts: &[String], size: f64) -> Result<f64, Error> {
    let mut widths = texts.iter().map(|text| width(text, size));
    let widest =
        widths.try_fold(0.0, |widest, width| width.map(|width| f64::max(widest, width)))?;
    Ok(widest * 1.05)
}

/// What shows a space: the font has no other sign for it.
const SPACE: &str = "·";

/// A token as a label: like a [`caption`], but spaces are shown, because they are part of the token.
pub(super) fn label(word: &str) -> String {
    caption(word).replace(' ', SPACE)
}

/// A text without characters that an SVG cannot hold, cut if it is long.
pub(super) fn caption(word: &str) -> String {
    cut(word, LETTERS)
}

/// A title, or the name of a curve: a line of the picture, which is cut only if it is very long.
pub(super) fn line(text: &str) -> String {
    cut(text, OF_LINE)
}

/// A text without characters that an SVG cannot hold, and with so many letters at most: of a longer one the beginning and the end,
/// by which long names differ.
pub(super) fn cut(word: &str, letters: usize) -> String {
    let shown = |c: char| match c {
        '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    let count = word.chars().count();
    if count <= letters {
        return word.chars().map(shown).collect();
    }
    let end = letters / 3;
    let start = word.chars().map(shown).take(letters - end);
    start.chain(['…']).chain(word.chars().map(shown).skip(count - end)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pixels of a text that are not empty.
    fn drawn(text: &str) -> Vec<(i32, i32)> {
        ready().unwrap();
        let mut pixels = Vec::new();
        let font = (FAMILY, 24.0).into_font();
        font.draw(text, (0, 0), |x, y, ink| -> Result<(), ()> {
            if ink > 0.0 {
                pixels.push((x, y));
            }
            Ok(())
        })
        .unwrap()
        .unwrap();
        pixels
    }

    #[test]
    fn long_names_that_differ_at_their_ends_are_not_alike() {
        let name = |end: &str| format!("a_metric_of_a_model_with_a_long_name_{end}");
        assert_ne!(caption(&name("per_class")), caption(&name("of_all")));
        assert_eq!(caption(&name("per_class")).chars().count(), LETTERS + 1);
        assert_eq!(line(&name("per_class")), name("per_class"));
        assert_eq!(cut("abcdefghij", 9), "abcdef…hij");
        assert_eq!(cut("abcdefghi", 9), "abcdefghi");
    }

    #[test]
    fn the_font_has_the_signs_that_labels_get() {
        let missing = drawn("\u{2423}");
        assert_eq!(label("a b"), format!("a{SPACE}b"));
        for sign in [SPACE, "…"] {
            assert!(!drawn(sign).is_empty() && drawn(sign) != missing, "{sign}");
        }
    }
}
