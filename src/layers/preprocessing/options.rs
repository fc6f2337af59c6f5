//! The options of layers that change images at random.

use std::fmt;

use dfdx::tensor::{Tape, Tensor};
use serde_json::{Value, json};

use crate::{
    backend::{Backend, Element, ImageShape},
    error::Error,
    fields::{OptionValue, option_words},
};

option_words! {
    /// In which direction a [`RandomFlip`](super::RandomFlip) turns images around.
    FlipMode, "`horizontal`, `vertical` or `horizontal_and_vertical` is needed":
    /// Left and right.
    Horizontal "horizontal",
    /// Above and below.
    Vertical "vertical",
    /// Each of both.
    #[default]
    HorizontalAndVertical "horizontal_and_vertical",
}

option_words! {
    /// What stands around an image, where a pixel beyond its edge is asked for.
    FillMode, "`reflect`, `wrap`, `constant` or `nearest` is needed":
    /// The image in a mirror at its edge: `d c b a | a b c d | d c b a`.
    #[default]
    Reflect "reflect",
    /// The image again: `a b c d | a b c d | a b c d`.
    Wrap "wrap",
    /// A value, `fill_value`.
    Constant "constant",
    /// The pixel at the edge: `a a a a | a b c d | d d d d`.
    Nearest "nearest",
}

option_words! {
    /// How a pixel between others is made of them.
    Interpolation, "`bilinear` or `nearest` is needed":
    /// Of the four around it, by how near they are.
    #[default]
    Bilinear "bilinear",
    /// It is the nearest one.
    Nearest "nearest",
}

/// A range that a factor is drawn from, Keras's `factor`.
///
/// ```
/// use kerata::Factor;
///
/// assert_eq!(Factor::of(0.2), Factor::between(-0.2, 0.2));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Factor {
    lower: f64,
    upper: f64,
}

impl Factor {
    /// From `-factor` to `factor`.
    pub const fn of(factor: f64) -> Self {
        Self { lower: -factor.abs(), upper: factor.abs() }
    }

    /// From one number to another.
    pub const fn between(lower: f64, upper: f64) -> Self {
        Self { lower, upper }
    }

    /// The lower and the upper end.
    pub fn ends(self) -> [f64; 2] {
        // `f64::min` would hide one that is NaN.
        if self.lower > self.upper { [self.upper, self.lower] } else { [self.lower, self.upper] }
    }

    /// # Errors
    /// [`Error::Invalid`] if it is not within these ends.
    pub(super) fn check(
        self,
        name: &'static str,
        fits: impl Fn(f64) -> bool,
        expected: &'static str,
    ) -> Result<(), Error> {
        match self.ends().into_iter().find(|end| !fits(*end)) {
            Some(_) => Err(Error::invalid(name, self, expected)),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [lower, upper] = self.ends();
        write!(f, "[{lower}, {upper}]")
    }
}

impl From<Factor> for Value {
    fn from(factor: Factor) -> Self {
        json!(factor.ends())
    }
}

#[diagnostic::do_not_recommend]
impl OptionValue for Factor {
    const NEEDED: &'static str = "a number, or a list of two, is needed";

    fn parse(value: &Value) -> Option<Self> {
        match value {
            Value::Array(ends) => match ends.as_slice() {
                [lower, upper] => Some(Self::between(lower.as_f64()?, upper.as_f64()?)),
                _ => None,
            },
            one => Some(Self::of(one.as_f64()?)),
        }
    }
}

/// Between which values images are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ValueRange {
    lower: f64,
    upper: f64,
}

impl ValueRange {
    /// From 0 to 255.
    pub const BYTES: Self = Self::between(0.0, 255.0);
    /// From 0 to 1.
    pub const UNIT: Self = Self::between(0.0, 1.0);

    /// From one number to another.
    pub const fn between(lower: f64, upper: f64) -> Self {
        Self { lower, upper }
    }

    pub(super) fn width(self) -> f64 {
        self.upper - self.lower
    }

    /// # Errors
    /// [`Error::Invalid`] if it is none.
    pub(super) fn check<E: Element>(self) -> Result<(), Error> {
        super::element::<E>("value_range", self.lower)?;
        super::element::<E>("value_range", self.upper)?;
        match self.lower <= self.upper {
            true => Ok(()),
            false => Err(Error::invalid("value_range", self, "the lower end comes first")),
        }
    }

    /// Images whose values beyond it are set to its ends.
    pub(super) fn within<E: Element, D: Backend<E>, T: Tape<E, D>>(
        self,
        x: Tensor<ImageShape, E, D, T>,
    ) -> Result<Tensor<ImageShape, E, D, T>, Error> {
        D::clamp(x, self.lower, self.upper)
    }
}

impl Default for ValueRange {
    fn default() -> Self {
        Self::BYTES
    }
}

impl fmt::Display for ValueRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {}]", self.lower, self.upper)
    }
}

impl From<ValueRange> for Value {
    fn from(range: ValueRange) -> Self {
        json!([range.lower, range.upper])
    }
}

#[diagnostic::do_not_recommend]
impl OptionValue for ValueRange {
    const NEEDED: &'static str = "a list of two numbers is needed";

    fn parse(value: &Value) -> Option<Self> {
        match value.as_array()?.as_slice() {
            [lower, upper] => Some(Self::between(lower.as_f64()?, upper.as_f64()?)),
            _ => None,
        }
    }
}

/// How much a [`RandomZoom`](super::RandomZoom) changes the width of images.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum WidthFactor {
    /// As much as their height.
    #[default]
    LikeHeight,
    /// By a factor for itself.
    Own(Factor),
}

impl fmt::Display for WidthFactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LikeHeight => f.write_str("null"),
            Self::Own(factor) => factor.fmt(f),
        }
    }
}

impl From<WidthFactor> for Value {
    fn from(factor: WidthFactor) -> Self {
        match factor {
            WidthFactor::LikeHeight => Value::Null,
            WidthFactor::Own(factor) => factor.into(),
        }
    }
}

#[diagnostic::do_not_recommend]
impl OptionValue for WidthFactor {
    const NEEDED: &'static str = "a number, a list of two, or null is needed";

    fn parse(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(Self::LikeHeight),
            value => Factor::parse(value).map(Self::Own),
        }
    }
}
