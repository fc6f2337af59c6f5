use dfdx::{
    shapes::HasShape,
    tensor::{Cpu, PutTape, SplitTape, Tensor},
};

use super::{batch_norm, batch_norm::Normalisation, pointwise::then_apply, share};
use crate::{
    backend::{
        ConvWeights, Epilogue, FixedNorm, IntoShape,
        memory::{NoMemory, elements_of, zeros},
        tape::{
            Failure, Grads, Origin, Recorder, RequiresGrad, Values, Weights, borrow, copy,
            from_vec, record,
        },
        window::{ActivationKind, ImageShape, Window},
        zeros_after,
    },
    error::Error,
};
use kerata_kernels::{
    buffer::{Buffer, Part, Unwritten},
    conv::{Convolution, ROWS, convolution},
    pointwise::add_to_rows,
    sums::add_rows,
    threads::{fixed_chunk, parallel, threads},
};

/// How many values of images are worked on at a time: they stay in a cache from one pass over them to the next.
const GROUP: usize = 64 << 10;

pub(crate) fn conv2d(
    x: Tensor<ImageShape, f32, Cpu, Recorder>,
    weights: ConvWeights<'_, f32, Cpu>,
    window: &Window,
    then: Epilogue<f32, Cpu>,
) -> Result<Tensor<ImageShape, f32, Cpu, Recorder>, Error> {
    let (x, mut tape) = x.split_tape();
    if tape.is_on()
        && let Some(FixedNorm { weights: norm, mean, variance }) = &then.norm
    {
        let y = conv2d(x.put_tape(tape), weights, window, ActivationKind::Nothing.into())?;
        let (shape, filters) = (*y.shape(), y.shape().3);
        let rows = elements_of(&shape)?.checked_div(filters).unwrap_or(0);
        let (y, nothing) = (y.into_shape(&(rows, filters))?, ActivationKind::Nothing);
        let y = batch_norm(y, norm.clone(), mean, variance, nothing)?;
        return then_apply(y, then.activation)?.into_shape(&shape);
    }
    let ConvWeights { kernel, bias, groups, cache } = weights;
    weights.check(x.shape(), window)?;
    let (batch, height, width, channels) = *x.shape();
    let (reach, filters) = *kernel.shape();
    let shape = (batch, window.places[0], window.places[1], filters);
    let (pixels, results) = (elements_of(&x)?, elements_of(&shape)?);
    if pixels == 0 || results == 0 {
        return zeros_after(x.put_tape(tape), &shape);
    }
    let (image, out) = (height * width * channels, window.outputs() * filters);
    let share = share(results.saturating_mul(reach), batch);
    let group = (GROUP / image.max(out)).max(1);
    // The backward pass has sums over the images of each job.
    let backward_share = fixed_chunk(results.saturating_mul(reach), batch);
    let sizes = Sizes { filters, image, out, share: backward_share, group };
    let cache = cache.get(
        !tape.is_on(),
        |kept: &WeightCache| {
            kept.window == *window && kept.groups == groups && kept.origin.is(kernel)
        },
        || {
            let (origin, weights) = Weights::read(kernel)?.take();
            let convolution = convolution(window, channels, filters, groups, weights)?;
            Ok(WeightCache { origin, window: *window, groups, convolution })
        },
    )?;
    let norm = then.norm.as_ref().map(|norm| Normalisation::of(norm, filters)).transpose()?;
    let (then, offsets) = (then.activation, bias.map(copy).transpose()?);
    let curve = then.is_fused().then_some(then);
    let finish = |y: &mut [f32]| {
        if let Some(offsets) = &offsets {
            add_to_rows(y, offsets);
        }
        if let Some(norm) = &norm {
            norm.apply(y);
        }
        if let Some(curve) = curve {
            curve.apply(y);
        }
    };
    let (values, mut y) = (borrow(&x)?, Unwritten::new(results)?);
    let bands = match batch {
        1 => threads(results.saturating_mul(reach), window.places[0].div_ceil(ROWS)),
        _ => 1,
    };
    if bands > 1 {
        // One image is cut, into rows of places.
        let (height, width) = (window.places[0], window.places[1] * filters);
        let band = height.div_ceil(bands).next_multiple_of(ROWS);
        let some = (GROUP / width / ROWS * ROWS).max(ROWS);
        let jobs = y.parts(band * width).enumerate().collect();
        let done = parallel(jobs, |(i, mut y): (usize, Part<'_, f32>)| {
            let end = height.min((i + 1) * band);
            for first in (i * band..end).step_by(some) {
                let rows = first..end.min(first + some);
                let y = y.cleared(rows.len() * width);
                cache.convolution.forward_rows(&values, rows, y)?;
                finish(y);
            }
            Ok(())
        });
        done.into_iter().collect::<Result<(), NoMemory>>()?;
    } else {
        let jobs = y.parts(out * share).zip(values.chunks(image * share)).collect();
        let done = parallel(jobs, |(mut y, x): (Part<'_, f32>, &[f32])| {
            for x in x.chunks(image * group) {
                let y = y.cleared(out * group);
                cache.convolution.forward(x, y)?;
                finish(y);
            }
            Ok(())
        });
        done.into_iter().collect::<Result<(), NoMemory>>()?;
    }
    let y = from_vec(x.device(), shape, y.finish())?;
    if tape.is_on() {
        let (result, requires_grad) = (borrow(&y)?, RequiresGrad::of(&x));
        let (kernel, bias, of_y) = (kernel.clone(), bias.cloned(), y.clone());
        record(&mut tape, move |grads| {
            let convolution = &*cache.convolution;
            let kept = Kept { sizes, convolution, curve, values, result, requires_grad };
            backward(grads, &kept, (&x, &kernel, bias.as_ref(), &of_y))
        });
    }
    Ok(y.put_tape(tape))
}

/// A kernel as the convolution wants it, and where it was read from.
struct WeightCache {
    origin: Origin<(usize, usize)>,
    window: Window,
    groups: usize,
    convolution: Box<dyn Convolution>,
}

struct Sizes {
    filters: usize,
    /// Values of an image, in and out.
    image: usize,
    out: usize,
    /// Images of a job of the backward pass, and of those how many at a time.
    share: usize,
    group: usize,
}

/// What the backward pass needs.
struct Kept<'a> {
    sizes: Sizes,
    convolution: &'a dyn Convolution,
    curve: Option<ActivationKind>,
    values: Values,
    result: Values,
    /// Whether anybody asks for the gradients of the images.
    requires_grad: RequiresGrad,
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
) -> Result<(), Failure> {
    let Kept { sizes, convolution, curve, values, result, requires_grad } = kept;
    let (image, out) = (sizes.image * sizes.group, sizes.out * sizes.group);
    let gradient = grads.take(y)?;
    let by_images = |d_x: &mut [f32]| {
        let mut d_x = d_x.chunks_mut(sizes.image * sizes.share);
        let jobs = values
            .chunks(sizes.image * sizes.share)
            .zip(gradient.chunks(sizes.out * sizes.share))
            .zip(result.chunks(sizes.out * sizes.share))
            .map(|each| (d_x.next(), each));
        let parts = parallel(jobs.collect(), |(d_x, ((x, d_y), y))| {
            let (mut d_bias, mut sums) = (zeros::<f64>(sizes.filters)?, convolution.sums()?);
            let mut before_curve = Buffer::uncleared(curve.map_or(0, |_| out.min(y.len())))?;
            let mut d_x = d_x.map(|d_x| d_x.chunks_mut(image));
            for (x, (d_y, y)) in x.chunks(image).zip(d_y.chunks(out).zip(y.chunks(out))) {
                let d_y = match curve {
                    Some(curve) => {
                        let before_curve = &mut before_curve[..y.len()];
                        curve.gradient(y, d_y, before_curve, false);
                        before_curve
                    }
                    None => d_y,
                };
                add_rows(&mut d_bias, d_y)?;
                convolution.backward(d_x.as_mut().and_then(Iterator::next), x, d_y, &mut sums)?;
            }
            Ok((convolution.kernel_gradient(sums)?, d_bias))
        });
        parts.into_iter().collect::<Result<Vec<_>, NoMemory>>()
    };
    let parts = if requires_grad.now() { grads.with(x, by_images)?? } else { by_images(&mut [])? };
    let mut of_bias: Vec<f64> = zeros(sizes.filters)?;
    for (d_kernel, d_bias) in &parts {
        grads.add(kernel, d_kernel)?;
        of_bias.iter_mut().zip(d_bias).for_each(|(total, sum)| *total += sum);
    }
    if let Some(bias) = bias {
        grads.add_sums(bias, &of_bias)?;
    }
    grads.give(y, gradient)
}
