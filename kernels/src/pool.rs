//! The largest number, or the mean, of windows on images.

use crate::{
    memory::{NoMemory, listed},
    simd::vectorized,
    sums::BLOCK,
    window::Window,
};

/// How a pool makes one number of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooling {
    /// The largest. Padding never wins.
    Max,
    /// The mean of what is no padding.
    Average,
}

/// Where the windows lie on an image, and what they take of it.
#[derive(Debug)]
pub struct Pool {
    pooling: Pooling,
    channels: usize,
    taps: usize,
    /// For each place the pixels of its taps.
    pixels: Vec<Option<usize>>,
    /// For each place one over the number of its pixels.
    shares: Vec<f64>,
}

impl Pool {
    /// Of a window on images of some channels.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn new(pooling: Pooling, window: &Window, channels: usize) -> Result<Self, NoMemory> {
        let (pixels, taps) = (listed(window.pixels())?, window.taps());
        let of_each =
            |pixels: &[Option<usize>]| 1.0 / pixels.iter().flatten().count().max(1) as f64;
        let shares = listed(pixels.chunks_exact(taps.max(1)).map(of_each))?;
        Ok(Self { pooling, channels, taps, pixels, shares })
    }

    /// The pixels of each place, and its share.
    fn places(&self) -> impl Iterator<Item = (&[Option<usize>], f64)> {
        self.pixels.chunks_exact(self.taps.max(1)).zip(self.shares.iter().copied())
    }

    /// The channels of each pixel of a place, with the number of its tap.
    fn taps(&self, pixels: &[Option<usize>]) -> impl Iterator<Item = (u32, usize)> {
        let taps = pixels.iter().enumerate();
        taps.filter_map(|(tap, pixel)| Some((tap as u32, (*pixel)? * self.channels)))
    }

    #[inline(always)]
    fn forward(&self, image: &[f32], y: &mut [f32], from: &mut [u32]) {
        let channels = self.channels.max(1);
        let each = y.chunks_exact_mut(channels).zip(from.chunks_exact_mut(channels));
        let mut totals: Vec<f64> = Vec::new();
        for ((y, from), (pixels, share)) in each.zip(self.places()) {
            let mut taps = self.taps(pixels);
            match (self.pooling, taps.next()) {
                (Pooling::Max, None) => {
                    y.fill(f32::NEG_INFINITY);
                    from.fill(u32::MAX);
                }
                (Pooling::Average, None) => y.fill(0.0),
                (Pooling::Max, Some((first, at))) => {
                    y.copy_from_slice(&image[at..at + channels]);
                    from.fill(first);
                    for (tap, at) in taps {
                        let x = &image[at..at + channels];
                        for ((y, from), &x) in y.iter_mut().zip(&mut *from).zip(x) {
                            // NaN is passed on, not passed over.
                            let larger = (x > *y) | (x.is_nan() & !y.is_nan());
                            *y = if larger { x } else { *y };
                            *from = if larger { tap } else { *from };
                        }
                    }
                }
                (Pooling::Average, Some((_, at))) if pixels.len() <= BLOCK => {
                    y.copy_from_slice(&image[at..at + channels]);
                    for (_, at) in taps {
                        let x = &image[at..at + channels];
                        y.iter_mut().zip(x).for_each(|(y, &x)| *y += x);
                    }
                    y.iter_mut().for_each(|y| *y *= share as f32);
                }
                (Pooling::Average, Some(_)) => {
                    totals.clear();
                    totals.resize(channels, 0.0);
                    for pixels in pixels.chunks(BLOCK) {
                        y.fill(0.0);
                        for (_, at) in self.taps(pixels) {
                            let x = &image[at..at + channels];
                            y.iter_mut().zip(x).for_each(|(y, &x)| *y += x);
                        }
                        totals.iter_mut().zip(&*y).for_each(|(sum, &y)| *sum += f64::from(y));
                    }
                    y.iter_mut().zip(&totals).for_each(|(y, sum)| *y = (sum * share) as f32);
                }
            }
        }
    }

    #[inline(always)]
    fn largest(&self, image: &[f32], y: &mut [f32]) {
        /// How many channels stay at hand for all taps.
        const LANES: usize = 16;
        // NaN is passed on, not passed over: no comparison with one that is there is true.
        let larger = |y: f32, x: f32| if (x > y) | x.is_nan() { x } else { y };
        let channels = self.channels.max(1);
        let whole = channels - channels % LANES;
        for (y, (pixels, _)) in y.chunks_exact_mut(channels).zip(self.places()) {
            for from in (0..whole).step_by(LANES) {
                let mut most = [f32::NEG_INFINITY; LANES];
                for (_, at) in self.taps(pixels) {
                    let x = &image[at + from..][..LANES];
                    most.iter_mut().zip(x).for_each(|(most, &x)| *most = larger(*most, x));
                }
                y[from..from + LANES].copy_from_slice(&most);
            }
            let y = &mut y[whole..];
            y.fill(f32::NEG_INFINITY);
            for (_, at) in self.taps(pixels) {
                let x = &image[at + whole..at + channels];
                y.iter_mut().zip(x).for_each(|(y, &x)| *y = larger(*y, x));
            }
        }
    }

    #[inline(always)]
    fn backward(&self, d_image: &mut [f32], d_y: &[f32], from: &[u32]) {
        let channels = self.channels.max(1);
        let mut from = from.chunks_exact(channels);
        for (d_y, (pixels, share)) in d_y.chunks_exact(channels).zip(self.places()) {
            let from = from.next().unwrap_or_default();
            for (tap, at) in self.taps(pixels) {
                let to = d_image[at..at + channels].iter_mut().zip(d_y);
                match self.pooling {
                    Pooling::Max => to.zip(from).for_each(|((to, &g), &from)| {
                        *to += if from == tap { g } else { 0.0 };
                    }),
                    Pooling::Average => to.for_each(|(to, &g)| *to += share as f32 * g),
                }
            }
        }
    }
}

vectorized! {
    /// One image. For a maximum, `from` is the tap that it was at: the first of equals, or the first NaN.
    pub fn forward<'a>(pool: &'a Pool, image: &'a [f32], y: &'a mut [f32], from: &'a mut [u32]) {
        pool.forward(image, y, from);
    }
}

vectorized! {
    /// The largest of each place of one image, and not where it was.
    pub fn largest<'a>(pool: &'a Pool, image: &'a [f32], y: &'a mut [f32]) {
        pool.largest(image, y);
    }
}

vectorized! {
    /// Adds to the gradient of an image.
    pub fn backward<'a>(pool: &'a Pool, d_image: &'a mut [f32], d_y: &'a [f32], from: &'a [u32]) {
        pool.backward(d_image, d_y, from);
    }
}
