//! A convolution in which each channel has windows of its own.

use dfdx::{
    shapes::HasShape,
    tensor::{Cpu, PutTape, SplitTape, Tape, Tensor},
};

use crate::{
    backend::{
        ImageShape, Window,
        memory::{elements, filled},
        tape::{borrow, from_vec, record},
    },
    error::Error,
};

/// Slides windows over images, channel by channel: `(B, H, W, C)` and a kernel `(taps, C * M)` give `(B, .., .., C * M)`.
///
/// # Errors
/// [`Error::Mismatch`] for images or a kernel of another size; [`Error::Device`].
pub(crate) fn depthwise_conv2d<T: Tape<f32, Cpu>>(
    x: Tensor<ImageShape, f32, Cpu, T>,
    kernel: &Tensor<(usize, usize), f32, Cpu>,
    window: &Window,
) -> Result<Tensor<ImageShape, f32, Cpu, T>, Error> {
    window.check(x.shape())?;
    let (x, mut tape) = x.split_tape();
    let &(batch, height, width, channels) = x.shape();
    let (taps, filters) = *kernel.shape();
    let multiplier = filters.checked_div(channels).unwrap_or(0);
    if taps != window.taps() || multiplier * channels != filters {
        let expected = (window.taps(), "a multiple of", channels);
        return Err(Error::mismatch("the shape of a depthwise kernel", expected, kernel.shape()));
    }
    let (values, weights) = (borrow(&x)?, borrow(kernel)?);
    let (outputs, pixels) = (window.outputs(), height * width);
    elements(&[batch, outputs, filters])?;
    let mut y = filled(&[batch, outputs, filters], 0.0)?;
    let each = Each { window: *window, taps, outputs, pixels, channels, multiplier };
    for row in 0..batch {
        each.pair(row, |at, pixel, tap| {
            let (x, w) = (&values[pixel..][..channels], &weights[tap..][..filters]);
            for (channel, y) in y[at..][..filters].chunks_exact_mut(multiplier).enumerate() {
                let w = &w[channel * multiplier..][..multiplier];
                y.iter_mut().zip(w).for_each(|(y, w)| *y += x[channel] * w);
            }
        });
    }
    let shape = (batch, window.places[0], window.places[1], filters);
    let y = from_vec(x.device(), shape, y)?;
    if T::OWNS_TAPE {
        let (of_y, kernel) = (y.clone(), kernel.clone());
        record(&mut tape, move |grads| {
            let gradient = grads.take(&of_y)?;
            grads.with(&x, |sums| {
                for row in 0..batch {
                    each.pair(row, |at, pixel, tap| {
                        let (d_y, w) = (&gradient[at..][..filters], &weights[tap..][..filters]);
                        let products = d_y.iter().zip(w).map(|(d_y, w)| d_y * w);
                        for (i, product) in products.enumerate() {
                            sums[pixel + i / multiplier] += product;
                        }
                    });
                }
            })?;
            grads.with(&kernel, |sums| {
                for row in 0..batch {
                    each.pair(row, |at, pixel, tap| {
                        for (i, d_y) in gradient[at..][..filters].iter().enumerate() {
                            sums[tap + i] += d_y * values[pixel + i / multiplier];
                        }
                    });
                }
            })?;
            grads.give(&of_y, gradient)
        });
    }
    Ok(y.put_tape(tape))
}

/// Where the windows are.
struct Each {
    window: Window,
    taps: usize,
    outputs: usize,
    pixels: usize,
    channels: usize,
    multiplier: usize,
}

impl Each {
    /// Shows where the values of each place, of the pixel that a tap lies on, and of the tap begin.
    fn pair(&self, row: usize, mut show: impl FnMut(usize, usize, usize)) {
        let filters = self.channels * self.multiplier;
        if filters == 0 {
            return;
        }
        for place in 0..self.outputs {
            let at = (row * self.outputs + place) * filters;
            for tap in 0..self.taps {
                if let Some(pixel) = self.window.pixel(place, tap) {
                    show(at, (row * self.pixels + pixel) * self.channels, tap * filters);
                }
            }
        }
    }
}
