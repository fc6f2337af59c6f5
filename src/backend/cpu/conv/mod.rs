//! Convolutions of images, on slices: channels last, the kernel as a matrix `(cells * channels, filters)`.

mod direct;
mod winograd;

use super::buffer::Buffer;
use crate::backend::Window;
use direct::Direct;
use winograd::Winograd;

/// A convolution with its weights, ready for images.
#[derive(Debug)]
pub(crate) struct Convolution {
    window: Window,
    way: Way,
}

#[derive(Debug)]
enum Way {
    Direct(Direct),
    Winograd(Winograd),
}

impl Convolution {
    pub(crate) fn new(window: &Window, channels: usize, filters: usize, weights: Buffer) -> Self {
        let way = if winograd::pays(window, channels, filters) {
            Way::Winograd(Winograd::new(window, channels, filters, weights))
        } else {
            Way::Direct(Direct::new(window, channels, filters, weights))
        };
        Self { window: *window, way }
    }

    pub(crate) fn window(&self) -> &Window {
        &self.window
    }

    /// Convolves some images.
    pub(crate) fn forward(&self, images: &[f32], y: &mut [f32]) {
        match &self.way {
            Way::Direct(direct) => direct.forward(images, y),
            Way::Winograd(winograd) => winograd.forward(images, y, false),
        }
    }

    /// Zeros for the backward passes of images to add to; [`kernel_gradient`](Self::kernel_gradient) makes the gradient
    /// of the kernel of them.
    pub(crate) fn sums(&self) -> Buffer {
        match &self.way {
            Way::Direct(direct) => direct.sums(),
            Way::Winograd(winograd) => winograd.sums(),
        }
    }

    /// The backward pass of some images: adds to the gradients of their pixels, and to the sums.
    pub(crate) fn backward(
        &self,
        d_images: &mut [f32],
        images: &[f32],
        d_y: &[f32],
        sums: &mut [f32],
    ) {
        match &self.way {
            Way::Direct(direct) => direct.backward(d_images, images, d_y, sums),
            Way::Winograd(winograd) => winograd.backward(d_images, images, d_y, sums),
        }
    }

    /// The gradient of the kernel.
    pub(crate) fn kernel_gradient(&self, sums: Buffer) -> Buffer {
        match &self.way {
            Way::Direct(_) => sums,
            Way::Winograd(winograd) => winograd.kernel_gradient(&sums),
        }
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
            let results = [
                Way::Direct(Direct::new(&window, channels, filters, weights())),
                Way::Winograd(Winograd::new(&window, channels, filters, weights())),
            ]
            .map(|way| {
                let convolution = Convolution { window, way };
                let (mut y, mut d_x) = (vec![9.0; d_y.len()], vec![1.0; x.len()]);
                convolution.forward(&x, &mut y);
                let mut sums = convolution.sums();
                convolution.backward(&mut d_x, &x, &d_y, &mut sums);
                [y, d_x, convolution.kernel_gradient(sums).to_vec()]
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
