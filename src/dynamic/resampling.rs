//! Values along an axis, made of those that are near: how images are stretched and shrunk.

use dfdx::tensor::Cpu;

use super::{
    flow::{Rows, as_rows},
    op::Pass,
};
use crate::{
    backend::{Backend, IntoShape, Resampling, memory::reserved},
    error::Error,
};

/// How much each value counts, by how near it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interpolation {
    Nearest,
    Bilinear,
    Bicubic,
    Lanczos3,
    Lanczos5,
}

impl Interpolation {
    pub(super) const NAMES: [&str; 5] = ["bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"];

    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "nearest" => Self::Nearest,
            "bilinear" => Self::Bilinear,
            "bicubic" => Self::Bicubic,
            "lanczos3" => Self::Lanczos3,
            "lanczos5" => Self::Lanczos5,
            _ => return None,
        })
    }

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
pub(super) struct Stretch {
    /// How many values of the axis are left out in front of the window, or how many more it has, if negative.
    pub(super) from: i64,
    pub(super) window: usize,
    pub(super) to: usize,
    pub(super) how: Interpolation,
    /// Whether what is shrunk is the mean of more values.
    pub(super) antialias: bool,
    /// What stands in the window outside of the axis.
    pub(super) fill: f32,
}

impl Stretch {
    /// The values of the window that a new one is made of, and their weights.
    fn taps(&self, place: usize) -> Vec<(usize, f64)> {
        let last = self.window - 1;
        if self.how == Interpolation::Nearest {
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

    /// Applies it to an axis of some values.
    pub(super) fn apply<T: Pass>(
        &self,
        x: Rows<T>,
        sizes: &[usize],
        axis: usize,
    ) -> Result<(Rows<T>, Vec<usize>), Error> {
        let (size, mut new) = (sizes[axis], sizes.to_vec());
        new[axis] = self.to;
        if (self.from, self.window, self.to) == (0, size, size) {
            return Ok((x, new));
        }
        let outer: usize = sizes[..axis].iter().product();
        let inner: usize = sizes[axis + 1..].iter().product();
        let each: Vec<Vec<(usize, f64)>> = (0..self.to).map(|place| self.taps(place)).collect();
        let taps = each.iter().map(Vec::len).max().unwrap_or(1).max(1);
        let count = outer.saturating_mul(self.to);
        let (mut pixels, mut weights) =
            (reserved(count.saturating_mul(taps))?, reserved(count.saturating_mul(taps))?);
        let mut added: Vec<f64> = reserved(count)?;
        for near in (0..outer).flat_map(|_| &each) {
            let mut sum = 0.0;
            for &(i, weight) in near {
                let at = usize::try_from(i as i64 + self.from).ok().filter(|&at| at < size);
                pixels.push(at.unwrap_or(Resampling::OUTSIDE));
                weights.push(weight);
                sum += if at.is_none() { weight * f64::from(self.fill) } else { 0.0 };
            }
            let rest = taps - near.len();
            pixels.extend(std::iter::repeat_n(Resampling::OUTSIDE, rest));
            weights.extend(std::iter::repeat_n(0.0, rest));
            added.push(sum);
        }
        // Each row of the axis is an image of one column, whose channels are what stands behind the axis.
        let to = Resampling { size: [self.to, 1], taps, pixels, weights, added };
        let y = Cpu::resampled(x.into_shape(&(outer, size, 1, inner))?, &to)?;
        Ok((y.into_shape(&as_rows(&new)?)?, new))
    }
}
