//! Convolutions of images, on slices: channels last, the kernel as a matrix `(cells * channels, filters)`.

mod direct;
mod winograd;

use super::buffer::Buffer;
use crate::backend::Window;
use direct::Direct;
use winograd::Winograd;

/// A convolution with its weights, ready for images.
pub(crate) trait Convolution: Send + Sync {
    /// Convolves some images.
    fn forward(&self, images: &[f32], y: &mut [f32]);

    /// Zeros for the backward passes of images to add to.
    fn sums(&self) -> Buffer;

    /// The backward pass of some images: adds to the gradients of their pixels, and to the sums.
    fn backward(&self, d_images: &mut [f32], images: &[f32], d_y: &[f32], sums: &mut [f32]);

    /// The gradient of the kernel, out of the sums.
    fn kernel_gradient(&self, sums: Buffer) -> Buffer;
}

/// The convolution of a window in the way that is quickest.
pub(crate) fn convolution(
    window: &Window,
    channels: usize,
    filters: usize,
    weights: Buffer,
) -> Box<dyn Convolution> {
    if winograd::pays(window, channels, filters) {
        Box::new(Winograd::new(window, channels, filters, weights))
    } else {
        Box::new(Direct::new(window, channels, filters, weights))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both ways on all kinds of sizes, against each other: forward, and both gradients.
    #[test]
    fn both_ways_agree() {
        let number = |i: usize| ((i * 7919 + 13) % 2003) as f32 / 2003.0 - 0.5;
        let list = |n: usize, from: usize| -> Vec<f32> { (from..from + n).map(number).collect() };
        for (images, size, before, channels, filters) in [
            (3, [8, 8], 0, 16, 32),
            (1, [3, 3], 0, 17, 5),
            (2, [5, 8], 1, 3, 33),
            (2, [9, 4], 1, 40, 16),
            (1, [1, 2], 1, 4, 1),
            (0, [6, 6], 0, 16, 16),
        ] {
            let places = size.map(|n: usize| n + 2 * before - 2);
            let window = Window {
                size,
                kernel: [3; 2],
                stride: [1; 2],
                dilation: [1; 2],
                before: [before; 2],
                places,
            };
            let weights = || {
                let mut weights = Buffer::zeros(9 * channels * filters);
                weights.copy_from_slice(&list(9 * channels * filters, 5));
                weights
            };
            let x = list(images * size[0] * size[1] * channels, 100);
            let d_y = list(images * places[0] * places[1] * filters, 1000);
            let ways: [Box<dyn Convolution>; 2] = [
                Box::new(Direct::new(&window, channels, filters, weights())),
                Box::new(Winograd::new(&window, channels, filters, weights())),
            ];
            let results = ways.map(|way| {
                let (mut y, mut d_x) = (vec![9.0; d_y.len()], vec![1.0; x.len()]);
                way.forward(&x, &mut y);
                let mut sums = way.sums();
                way.backward(&mut d_x, &x, &d_y, &mut sums);
                [y, d_x, way.kernel_gradient(sums).to_vec()]
            });
            let [direct, winograd] = results;
            for (name, (a, b)) in ["y", "d_x", "d_kernel"].iter().zip(direct.iter().zip(&winograd))
            {
                for (i, (a, b)) in a.iter().zip(b).enumerate() {
                    assert!((a - b).abs() < 2e-5, "{name} of {size:?} at {i}: {a} {b}");
                }
            }
        }
    }
}
