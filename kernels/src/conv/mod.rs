//! Convolutions of images, on slices: channels last, the kernel as a matrix `(taps * channels / groups, filters)`.

mod depthwise;
mod direct;
mod grouped;
mod winograd;

use std::ops::Range;

use super::{buffer::Buffer, sums::ProductSums};
use crate::{memory::NoMemory, window::Window};
use depthwise::Depthwise;
use direct::Direct;
use grouped::Grouped;
use winograd::Winograd;

/// How many rows of places are calculated at once at least.
pub const ROWS: usize = 4;

/// A convolution with its weights, ready for images.
pub trait Convolution: Send + Sync {
    /// Convolves some images.
    fn forward(&self, images: &[f32], y: &mut [f32]) -> Result<(), NoMemory>;

    /// Convolves one image at some rows of places, of which the first is a multiple of [`ROWS`]. `y` is theirs.
    fn forward_rows(
        &self,
        image: &[f32],
        rows: Range<usize>,
        y: &mut [f32],
    ) -> Result<(), NoMemory>;

    /// Zeros for the backward passes of images to add to, for each group of channels.
    fn sums(&self) -> Result<Vec<ProductSums>, NoMemory>;

    /// The backward pass of some images: adds to the gradients of their pixels, if there are any, and to the sums.
    fn backward(
        &self,
        d_images: Option<&mut [f32]>,
        images: &[f32],
        d_y: &[f32],
        sums: &mut [ProductSums],
    ) -> Result<(), NoMemory>;

    /// The gradient of the kernel, out of the sums.
    fn kernel_gradient(&self, sums: Vec<ProductSums>) -> Result<Buffer, NoMemory>;
}

/// The convolution of a window in the way that is quickest.
pub fn convolution(
    window: &Window,
    channels: usize,
    filters: usize,
    groups: usize,
    weights: Buffer,
) -> Result<Box<dyn Convolution>, NoMemory> {
    Ok(if groups > 1 && groups == channels {
        Box::new(Depthwise::new(window, channels, filters, weights))
    } else if groups > 1 {
        Box::new(Grouped::new(window, [channels, filters], groups, &weights)?)
    } else if winograd::pays(window, channels, filters) {
        Box::new(Winograd::new(window, channels, filters, weights)?)
    } else {
        Box::new(Direct::new(window, channels, filters, weights)?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(n: usize, from: usize) -> Vec<f32> {
        (from..from + n).map(|i| ((i * 7919 + 13) % 2003) as f32 / 2003.0 - 0.5).collect()
    }

    fn window(size: [usize; 2], before: usize) -> Window {
        let places = size.map(|n| n + 2 * before - 2);
        let one = [1; 2];
        Window { size, kernel: [3; 2], stride: one, dilation: one, before: [before; 2], places }
    }

    /// Both ways, with the same weights.
    fn ways(
        window: &Window,
        channels: usize,
        filters: usize,
        weights: &[f32],
    ) -> [Box<dyn Convolution>; 2] {
        let weights = || {
            let mut buffer = Buffer::uncleared(weights.len()).unwrap();
            buffer.copy_from_slice(weights);
            buffer
        };
        [
            Box::new(Direct::new(window, channels, filters, weights()).unwrap()),
            Box::new(Winograd::new(window, channels, filters, weights()).unwrap()),
        ]
    }

    /// The result, and the gradients of pixels, where they are added, and of taps.
    fn passes(way: &dyn Convolution, x: &[f32], d_y: &[f32]) -> [Vec<f32>; 3] {
        let (mut y, mut d_x) = (vec![9.0; d_y.len()], vec![1.0; x.len()]);
        way.forward(x, &mut y).unwrap();
        let mut sums = way.sums().unwrap();
        way.backward(Some(&mut d_x), x, d_y, &mut sums).unwrap();
        let mut alone = way.sums().unwrap();
        way.backward(None, x, d_y, &mut alone).unwrap();
        let [alone, sums] = [alone, sums].map(|sums| way.kernel_gradient(sums).unwrap().to_vec());
        assert_eq!(alone, sums);
        [y, d_x, sums]
    }

    /// Both ways on all kinds of sizes, against each other: forward, and both gradients.
    #[test]
    fn both_ways_agree() {
        for (images, size, before, channels, filters) in [
            (3, [8, 8], 0, 16, 32),
            (1, [3, 3], 0, 17, 5),
            (2, [5, 8], 1, 3, 33),
            (2, [9, 4], 1, 40, 16),
            (1, [1, 2], 1, 4, 1),
            (2, [4, 7], 3, 5, 9),
            (0, [6, 6], 0, 16, 16),
        ] {
            let window = window(size, before);
            let x = values(images * size[0] * size[1] * channels, 100);
            let d_y = values(images * window.outputs() * filters, 1000);
            let results = ways(&window, channels, filters, &values(9 * channels * filters, 5))
                .map(|way| passes(&*way, &x, &d_y));
            let [direct, winograd] = results;
            for (name, (a, b)) in ["y", "d_x", "d_kernel"].iter().zip(direct.iter().zip(&winograd))
            {
                for (i, (a, b)) in a.iter().zip(b).enumerate() {
                    assert!((a - b).abs() < 2e-5, "{name} of {size:?} at {i}: {a} {b}");
                }
            }
        }
    }

    /// A kernel in groups is one of all channels with zeros between the groups.
    #[test]
    fn groups_are_blocks() {
        for (groups, channels, filters) in [(3, 6, 9), (5, 5, 5), (4, 4, 12), (2, 6, 4)] {
            groups_are_a_block(groups, channels, filters);
        }
    }

    fn groups_are_a_block(groups: usize, channels: usize, filters: usize) {
        let window = window([8, 7], 1);
        let own = values(9 * channels / groups * filters, 5);
        let mut all = vec![0.0; 9 * channels * filters];
        let place = |i: usize| {
            let (row, filter) = (i / filters, i % filters);
            let (tap, channel) = (row / (channels / groups), row % (channels / groups));
            let group = filter / (filters / groups);
            (tap * channels + group * (channels / groups) + channel) * filters + filter
        };
        (0..own.len()).for_each(|i| all[place(i)] = own[i]);
        let x = values(2 * 56 * channels, 100);
        let d_y = values(2 * window.outputs() * filters, 1000);
        let [direct, _] = ways(&window, channels, filters, &all);
        let [y, d_x, d_all] = passes(&*direct, &x, &d_y);
        let mut weights = Buffer::uncleared(own.len()).unwrap();
        weights.copy_from_slice(&own);
        let grouped = convolution(&window, channels, filters, groups, weights).unwrap();
        let [found, d_found, d_own] = passes(&*grouped, &x, &d_y);
        let near = |a: &[f32], b: &[f32]| {
            assert_eq!(a.len(), b.len());
            assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 2e-5));
        };
        near(&found, &y);
        near(&d_found, &d_x);
        near(&d_own, &(0..own.len()).map(|i| d_all[place(i)]).collect::<Vec<_>>());
        let (width, mut cut) = (window.places[1] * filters, vec![9.0; y.len() / 2]);
        for (i, y) in cut.chunks_mut(ROWS * width).enumerate() {
            grouped.forward_rows(&x[..x.len() / 2], ROWS * i..8.min(ROWS * (i + 1)), y).unwrap();
        }
        assert!(cut == found[..found.len() / 2]);
    }

    /// However an image is cut, each number of the result is the same.
    #[test]
    fn rows_can_be_cut() {
        for (size, before, channels, filters) in
            [([8, 8], 0, 16, 32), ([13, 5], 1, 17, 5), ([3, 3], 0, 3, 33), ([10, 6], 3, 20, 16)]
        {
            let window = window(size, before);
            let (height, width) = (window.places[0], window.places[1] * filters);
            let x = values(size[0] * size[1] * channels, 100);
            for way in ways(&window, channels, filters, &values(9 * channels * filters, 5)) {
                let [mut whole, mut cut] = [(); 2].map(|()| vec![9.0; window.outputs() * filters]);
                way.forward(&x, &mut whole).unwrap();
                for (i, y) in cut.chunks_mut(ROWS * width).enumerate() {
                    way.forward_rows(&x, ROWS * i..height.min(ROWS * (i + 1)), y).unwrap();
                }
                assert!(whole == cut, "{size:?} {before} {channels} {filters}");
            }
        }
    }

    /// Against sums in `f64`, relative to the largest. (One by one they are right to 1e-6.)
    #[test]
    fn minimal_filtering_is_right_to_4e_6() {
        let (channels, filters, window) = (32, 64, window([26, 26], 0));
        let weights = values(9 * channels * filters, 5);
        let x = values(window.size[0] * window.size[1] * channels, 100);
        let d_y = values(window.outputs() * filters, 1000);
        let mut exact = [vec![0.0; d_y.len()], vec![1.0; x.len()], vec![0.0; weights.len()]];
        for place in 0..window.outputs() {
            for tap in 0..window.taps() {
                let pixel = window.pixel(place, tap).unwrap();
                for channel in 0..channels {
                    for filter in 0..filters {
                        let at = [
                            place * filters + filter,
                            pixel * channels + channel,
                            (tap * channels + channel) * filters + filter,
                        ];
                        let [d, x, w] = [d_y[at[0]], x[at[1]], weights[at[2]]].map(f64::from);
                        exact[0][at[0]] += x * w;
                        exact[1][at[1]] += d * w;
                        exact[2][at[2]] += d * x;
                    }
                }
            }
        }
        let errors = ways(&window, channels, filters, &weights).map(|way| {
            let found = passes(&*way, &x, &d_y);
            [0, 1, 2].map(|pass| {
                let largest = exact[pass].iter().fold(0.0, |a: f64, b| a.max(b.abs()));
                let each = exact[pass].iter().zip(&found[pass]);
                each.fold(0.0, |error: f64, (a, &b)| error.max((a - f64::from(b)).abs())) / largest
            })
        });
        assert!(errors[1].iter().all(|&error| error < 4e-6), "{errors:?}");
    }
}
