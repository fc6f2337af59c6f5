use dfdx::{
    shapes::HasShape,
    tensor::{Cpu, CpuError, PutTape, SplitTape, Tape, Tensor},
};

use super::{curve, share};
use crate::{
    backend::{
        ConvWeights,
        cpu::{
            buffer::Buffer,
            conv::{Convolution, convolution},
            pointwise::Curve,
            simd::{add_rows, vectorized},
            threads::parallel,
        },
        tape::{Grads, Origin, Weights, put, read, read_and_zeros, record},
        window::{Finish, ImageShape, Window},
        zeros_after,
    },
    error::Error,
};

/// How many numbers of images are worked on at a time: they stay in a cache from one pass over them to the next.
const GROUP: usize = 64 << 10;

vectorized! {
    /// Adds the bias at each place, and with `relu` makes what is negative 0. (NaN stays.)
    fn finish<'a>(y: &'a mut [f32], bias: Option<&'a [f32]>, relu: bool) {
        let least = if relu { 0.0 } else { f32::NEG_INFINITY };
        if let Some(bias) = bias {
            for place in y.chunks_exact_mut(bias.len().max(1)) {
                for (y, &bias) in place.iter_mut().zip(bias) {
                    let sum = *y + bias;
                    *y = if sum < least { least } else { sum };
                }
            }
        } else if relu {
            for y in y {
                *y = if *y < least { least } else { *y };
            }
        }
    }
}

vectorized! {
    /// The gradient in front of a ReLU.
    fn mask<'a>(to: &'a mut [f32], d_y: &'a [f32], positive: &'a [bool]) {
        for ((to, &g), &positive) in to.iter_mut().zip(d_y).zip(positive) {
            *to = if positive { g } else { 0.0 };
        }
    }
}

pub(crate) fn conv2d<T: Tape<f32, Cpu>>(
    x: Tensor<ImageShape, f32, Cpu, T>,
    weights: ConvWeights<'_, f32, Cpu>,
    window: &Window,
    then: Finish,
) -> Result<Tensor<ImageShape, f32, Cpu, T>, Error> {
    // Of a ReLU a byte a number is remembered, of others the result.
    if let Some(function) = Curve::of(then).filter(|&function| function != Curve::Relu) {
        return curve(conv2d(x, weights, window, Finish::Nothing)?, function);
    }
    let ConvWeights { kernel, bias, prepared } = weights;
    let (x, mut tape) = x.split_tape();
    let (batch, height, width, channels) = *x.shape();
    let (reach, filters) = *kernel.shape();
    let places = window.all_places();
    let share = share(batch * places * reach * filters, batch);
    let (image, out) = (height * width * channels, places * filters);
    if batch * image * out == 0 {
        return zeros_after(
            x.put_tape(tape),
            &(batch, window.places[0], window.places[1], filters),
        );
    }
    let group = (GROUP / image.max(out)).max(1);
    let sizes = Sizes { filters, image, out, share, group };
    let prepared = prepared.get(
        !T::OWNS_TAPE,
        |kept: &Prepared| kept.window == *window && kept.origin.is(kernel),
        || {
            let (origin, weights) = Weights::read(kernel)?.take();
            let convolution = convolution(window, channels, filters, weights);
            Ok(Prepared { origin, window: *window, convolution })
        },
    )?;
    let offsets = bias.map(read).transpose()?;
    let (numbers, mut y) = read_and_zeros(&x, batch * sizes.out)?;
    let remember = T::OWNS_TAPE && then == Finish::AtLeastZero;
    let jobs = y.chunks_mut(out * share).zip(numbers.chunks(image * share)).collect();
    let positive = parallel(jobs, |(y, x): (&mut [f32], &[f32])| {
        let mut positive = Vec::with_capacity(if remember { y.len() } else { 0 });
        for (y, x) in y.chunks_mut(out * group).zip(x.chunks(image * group)) {
            prepared.convolution.forward(x, y);
            finish(y, offsets.as_deref(), then == Finish::AtLeastZero);
            if remember {
                positive.extend(y.iter().map(|&y| y > 0.0));
            }
        }
        positive
    });
    let shape = (batch, window.places[0], window.places[1], filters);
    let y = put(x.device(), shape, y)?;
    if T::OWNS_TAPE {
        let (kernel, bias, of_y) = (kernel.clone(), bias.cloned(), y.clone());
        record(&mut tape, move |grads| {
            let kept = Kept { sizes, convolution: &*prepared.convolution, numbers, positive };
            backward(grads, &kept, (&x, &kernel, bias.as_ref(), &of_y))
        });
    }
    Ok(y.put_tape(tape))
}

/// A kernel as the convolution wants it, and where it was read from.
struct Prepared {
    origin: Origin<(usize, usize)>,
    window: Window,
    convolution: Box<dyn Convolution>,
}

struct Sizes {
    filters: usize,
    /// Numbers of an image, in and out.
    image: usize,
    out: usize,
    /// Images of a job, and of those how many at a time.
    share: usize,
    group: usize,
}

/// What the backward pass needs.
struct Kept<'a> {
    sizes: Sizes,
    convolution: &'a dyn Convolution,
    numbers: Buffer,
    /// With a ReLU: which outputs of each job are positive.
    positive: Vec<Vec<bool>>,
}

type Tensors<'a> = (
    &'a Tensor<ImageShape, f32, Cpu>,
    &'a Tensor<(usize, usize), f32, Cpu>,
    Option<&'a Tensor<(usize,), f32, Cpu>>,
    &'a Tensor<ImageShape, f32, Cpu>,
);

fn backward(
    grads: &mut Grads<'_>,
    kept: &Kept<'_>,
    (x, kernel, bias, y): Tensors<'_>,
) -> Result<(), CpuError> {
    let Kept { sizes, convolution, numbers, positive } = kept;
    let gradient = grads.take(y)?;
    let parts = grads.with(x, |d_x| {
        let jobs = d_x
            .chunks_mut(sizes.image * sizes.share)
            .zip(numbers.chunks(sizes.image * sizes.share))
            .zip(gradient.chunks(sizes.out * sizes.share))
            .zip(positive);
        parallel(jobs.collect(), |(((d_x, x), d_y), positive)| {
            let (out, image) = (sizes.out * sizes.group, sizes.image * sizes.group);
            let mut masked = Buffer::uncleared(positive.len().min(out));
            let (mut d_bias, mut sums) = (Buffer::zeros(sizes.filters), convolution.sums());
            let mut positive = positive.chunks(out);
            let each = d_x.chunks_mut(image).zip(x.chunks(image)).zip(d_y.chunks(out));
            for ((d_x, x), d_y) in each {
                let d_y = match positive.next() {
                    Some(positive) => {
                        mask(&mut masked, d_y, positive);
                        &masked[..d_y.len()]
                    }
                    None => d_y,
                };
                add_rows(&mut d_bias, d_y);
                convolution.backward(d_x, x, d_y, &mut sums);
            }
            (convolution.kernel_gradient(sums), d_bias)
        })
    })?;
    for (d_kernel, d_bias) in &parts {
        grads.add(kernel, d_kernel)?;
        if let Some(bias) = bias {
            grads.add(bias, d_bias)?;
        }
    }
    grads.give(y, gradient)
}
