//! Values along an axis, made of those that are near: how images are stretched and shrunk.

use dfdx::{
    shapes::HasShape,
    tensor::{Tape, Tensor},
};

use crate::{
    backend::{
        Backend, Element, ImageShape, IntoShape, Resampling,
        memory::{elements, look_for_values, reserved},
    },
    error::Error,
    fields::option_words,
    shape::{Dim, Shape},
};

option_words! {
    /// How what stands between values is made of them, where their number changes.
    ResizeInterpolation, "one of [\"nearest\",\"bilinear\",\"bicubic\",\"lanczos3\",\"lanczos5\"] is needed":
    /// It is the nearest one.
    #[default]
    Nearest "nearest",
    /// Of the two next to it along each axis, by how near they are.
    Bilinear "bilinear",
    /// Of four along each axis, by a cubic function.
    Bicubic "bicubic",
    /// Of six along each axis.
    Lanczos3 "lanczos3",
    /// Of ten along each axis.
    Lanczos5 "lanczos5",
}

use ResizeInterpolation as Interpolation;

impl Interpolation {
    /// From how far on nothing counts.
    fn radius(self) -> f64 {
        match self {
            Self::Nearest => 0.5,
            Self::Bilinear => 1.0,
            Self::Bicubic => 2.0,
            Self::Lanczos3 => 3.0,
            Self::Lanczos5 => 5.0,
        }
    }

    fn weight(self, distance: f64) -> f64 {
        let x = distance;
        match self {
            _ if x >= self.radius() => 0.0,
            Self::Nearest => 1.0,
            Self::Bilinear => 1.0 - x,
            // Keys's cubic with a = -0.5.
            Self::Bicubic if x < 1.0 => (1.5 * x - 2.5) * x * x + 1.0,
            Self::Bicubic => ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0,
            Self::Lanczos3 | Self::Lanczos5 => {
                let (radius, angle) = (self.radius(), std::f64::consts::PI * x);
                let sines = angle.sin() * (angle / radius).sin();
                if x > 1e-3 { radius * sines / (angle * angle) } else { 1.0 }
            }
        }
    }
}

/// What becomes of one axis: a window of it, which may be larger than the axis, is brought to another size.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stretch {
    /// How many values of the axis are left out in front of the window, or how many more it has, if negative.
    pub(crate) from: i64,
    pub(crate) window: usize,
    pub(crate) to: usize,
    pub(crate) how: Interpolation,
    /// Whether what is shrunk is the mean of more values.
    pub(crate) antialias: bool,
    /// What stands in the window outside of the axis.
    pub(crate) fill: f32,
}

impl Stretch {
    fn new(from: i64, window: usize, to: usize, how: Interpolation) -> Self {
        Self { from, window, to, how, antialias: false, fill: 0.0 }
    }

    /// So many zeros in front of an axis and behind it.
    ///
    /// # Errors
    /// [`Error::Device`] if they are too many.
    pub(crate) fn padded(size: usize, [before, after]: [usize; 2]) -> Result<Self, Error> {
        let window = size.saturating_add(before).saturating_add(after);
        elements(&[window])?;
        Ok(Self::new(-(before as i64), window, window, Interpolation::Nearest))
    }

    /// An axis without so many values in front and behind.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if nothing is left.
    pub(crate) fn cut(size: usize, [before, after]: [usize; 2]) -> Result<Self, Error> {
        let least = before.saturating_add(after).saturating_add(1);
        if size < least {
            return Err(Error::mismatch("the size that is cropped (at least)", least, size));
        }
        let left = size - before - after;
        Ok(Self::new(before as i64, left, left, Interpolation::Nearest))
    }

    /// An axis of so many times as many values.
    ///
    /// # Errors
    /// [`Error::Device`] if they are too many.
    pub(crate) fn times(size: usize, times: usize, how: Interpolation) -> Result<Self, Error> {
        Ok(Self::new(0, size, elements(&[size, times])?, how))
    }

    /// The values of the window that a new one is made of, and their weights.
    fn taps(&self, place: usize) -> Vec<(usize, f64)> {
        let last = self.window - 1;
        if self.how == Interpolation::Nearest {
            if self.to.is_multiple_of(self.window) {
                return vec![(place / (self.to / self.window), 1.0)];
            }
            // In the numbers of Keras, so that the same of two that are equally near is taken.
            let at = (place as f32 + 0.5) * self.window as f32 / self.to as f32;
            return vec![(((at.floor()) as usize).min(last), 1.0)];
        }
        let inverse = self.window as f64 / self.to as f64;
        let scale = if self.antialias { inverse.max(1.0) } else { 1.0 };
        let at = (place as f64 + 0.5) * inverse - 0.5;
        let reach = self.how.radius() * scale;
        let first = (at - reach).ceil().max(0.0) as usize;
        let end = ((at + reach).floor().max(0.0) as usize).min(last);
        let near = (first..=end).map(|i| (i, self.how.weight((at - i as f64).abs() / scale)));
        let near: Vec<(usize, f64)> = near.filter(|(_, weight)| *weight != 0.0).collect();
        let sum: f64 = near.iter().map(|(_, weight)| weight).sum();
        near.into_iter().map(|(i, weight)| (i, weight / sum)).collect()
    }

    /// Applies it to an axis of values of these sizes. What is left has the axis as its rows, and what stands behind it as its
    /// channels.
    pub(crate) fn apply<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
        &self,
        x: Tensor<S, E, D, T>,
        sizes: &[usize],
        axis: usize,
    ) -> Result<Tensor<ImageShape, E, D, T>, Error> {
        let size = sizes[axis];
        if (self.from, self.window, self.to) == (0, size, size) {
            return along_axis(x, sizes, axis, size, None);
        }
        let mut sizes_after = sizes.to_vec();
        sizes_after[axis] = self.to;
        let len = elements(&sizes_after)?;
        if len == 0 {
            return along_axis(x, sizes, axis, self.to, Some((1, &|_| Vec::new(), 0.0)));
        }
        // What there is no memory for is not gone through.
        look_for_values::<E>(len)?;
        let each = |place| self.taps(place).len();
        let count = match self.how {
            Interpolation::Nearest => 1,
            _ => (0..self.to).map(each).max().unwrap_or(1).max(1),
        };
        let taps = |place| {
            self.taps(place)
                .into_iter()
                .map(|(i, weight)| {
                    (usize::try_from(i as i64 + self.from).ok().filter(|&at| at < size), weight)
                })
                .collect()
        };
        along_axis(x, sizes, axis, self.to, Some((count, &taps, self.fill)))
    }
}

/// Values along an axis: from which place each new one is, or `None` for a 0.
///
/// # Errors
/// [`Error::Device`].
pub(crate) fn picked<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<S, E, D, T>,
    sizes: &[usize],
    axis: usize,
    to: usize,
    from: impl Fn(usize) -> Option<usize>,
) -> Result<Tensor<ImageShape, E, D, T>, Error> {
    let taps = |place| vec![(from(place), 1.0)];
    along_axis(x, sizes, axis, to, Some((1, &taps, 0.0)))
}

/// Some values, each with its weight; `None` is one outside.
type Taps<'a> = &'a dyn Fn(usize) -> Vec<(Option<usize>, f64)>;

/// New values along an axis, each of at most so many old ones, and of what stands outside. Without these, all stay.
fn along_axis<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<S, E, D, T>,
    sizes: &[usize],
    axis: usize,
    to: usize,
    taps: Option<(usize, Taps<'_>, f32)>,
) -> Result<Tensor<ImageShape, E, D, T>, Error> {
    // Each row of the axis is an image of one column, whose channels are what stands behind the axis.
    let (outer, inner) = (elements(&sizes[..axis])?, elements(&sizes[axis + 1..])?);
    let x = x.into_shape(&(outer, sizes[axis], 1, inner))?;
    let Some((most, taps, fill)) = taps else { return Ok(x) };
    let count = elements(&[outer, to, inner.max(1), most])?.checked_div(inner.max(1)).unwrap_or(0);
    let (mut pixels, mut weights) = (reserved(count)?, reserved(count)?);
    let mut added: Vec<f64> = reserved(outer.saturating_mul(to))?;
    // The others are as the first.
    for place in 0..if outer > 0 { to } else { 0 } {
        let (mut sum, near) = (0.0, taps(place));
        for &(at, weight) in &near {
            pixels.push(at.unwrap_or(Resampling::OUTSIDE));
            weights.push(weight);
            sum += if at.is_none() { weight * f64::from(fill) } else { 0.0 };
        }
        pixels.extend(std::iter::repeat_n(Resampling::OUTSIDE, most - near.len()));
        weights.extend(std::iter::repeat_n(0.0, most - near.len()));
        added.push(sum);
    }
    for _ in 1..outer {
        pixels.extend_from_within(..to * most);
        weights.extend_from_within(..to * most);
        added.extend_from_within(..to);
    }
    D::resampled(x, &Resampling { size: [to, 1], taps: most, pixels, weights, added })
}

/// Images of which both axes change, with the sizes that they then have.
pub(super) fn stretched<H: Dim, W: Dim, E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<ImageShape, E, D, T>,
    along: impl Fn(usize, usize) -> Result<Stretch, Error>,
) -> Result<(Tensor<ImageShape, E, D, T>, H, W), Error> {
    let (batch, rows, columns, channels) = *x.shape();
    let (high, wide) = (along(0, rows)?, along(1, columns)?);
    let x = high.apply(x, &[batch, rows, columns, channels], 1)?;
    let x = wide.apply(x, &[batch, high.to, columns, channels], 2)?;
    let misfit = |size| Error::mismatch("the size of changed images", "that of the type", size);
    let height = H::from_size(high.to).ok_or_else(|| misfit(high.to))?;
    let width = W::from_size(wide.to).ok_or_else(|| misfit(wide.to))?;
    Ok((x.into_shape(&(batch, height.size(), width.size(), channels))?, height, width))
}
