//! Images with other values at the same places.

use dfdx::{
    shapes::{Axes2, Axes3, Axis, HasShape},
    tensor::{PutTape, SplitTape, Tape, Tensor},
    tensor_ops::{BroadcastTo, TryAdd, TryMul, TrySub},
};

use super::{ValueRange, random::drawn};
use crate::{
    backend::{Backend, Element, ImageShape, IntoShape, OfSamples},
    error::{Error, OrDevice},
    memory::elements_of,
};

type Image<E, D, T> = Tensor<ImageShape, E, D, T>;

/// Adds to each image a number from between these shares of the range.
pub(super) fn brighter<E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Image<E, D, T>,
    ends: [f64; 2],
    range: ValueRange,
) -> Result<Image<E, D, T>, Error> {
    if elements_of(&x)? == 0 {
        return Ok(x);
    }
    let shape = *x.shape();
    let added = numbers(&x, |share| share * range.width(), ends)?;
    let added = added.try_broadcast_like::<_, Axes3<1, 2, 3>>(&shape).or_device()?;
    range.within(x.try_add(added).or_device()?)
}

/// Multiplies the distance of each pixel from the mean of its channel, by a number from `1 - lower` to `1 + upper`.
pub(super) fn more_contrast<E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Image<E, D, T>,
    [lower, upper]: [f64; 2],
    range: ValueRange,
) -> Result<Image<E, D, T>, Error> {
    if elements_of(&x)? == 0 {
        return Ok(x);
    }
    let shape = *x.shape();
    let (batch, rows, columns, channels) = shape;
    let flat = (batch, rows * columns, channels);
    let factors = numbers(&x, |share| 1.0 + share, [-lower, upper])?;
    let factors = factors.try_broadcast_like::<_, Axes2<1, 2>>(&flat).or_device()?;
    let (x, tape) = x.into_shape(&flat)?.split_tape();
    let means = D::mean_over_steps(x.clone().put_tape(tape), None)?;
    let (means, tape) = means.try_broadcast_like::<_, Axis<1>>(&flat).or_device()?.split_tape();
    let away = x.put_tape(tape).try_sub(means.clone()).or_device()?;
    let y = away.try_mul(factors).or_device()?.try_add(means).or_device()?;
    range.within(y.into_shape(&shape)?)
}

/// A number for each image.
fn numbers<E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: &Image<E, D, T>,
    of: impl Fn(f64) -> f64,
    ends: [f64; 2],
) -> Result<Tensor<(usize,), E, D>, Error> {
    let batch = x.shape().0;
    let random = OfSamples::new(x.device(), batch)?;
    let numbers = (0..batch).map(|i| E::of(of(drawn(ends, &mut random.row(i)))));
    x.device().try_tensor_from_vec(numbers.collect(), (batch,)).or_device()
}

#[cfg(test)]
mod tests {
    use dfdx::{
        prelude::{Backward, SumTo, TensorFromVec, Trace},
        tensor::{Cpu, NoneTape, OwnedTape},
    };
    use serde_json::Value;

    use super::*;

    fn flat(value: &Value) -> Vec<f64> {
        match value {
            Value::Array(list) => list.iter().flat_map(flat).collect(),
            number => vec![number.as_f64().unwrap()],
        }
    }

    fn contrast<T: Tape<f64, Cpu>>(x: Image<f64, Cpu, T>, factor: f64) -> Image<f64, Cpu, T> {
        more_contrast(x, [1.0 - factor, factor - 1.0], ValueRange::UNIT).unwrap()
    }

    fn image(values: &[f64]) -> Image<f64, Cpu, NoneTape> {
        Cpu::default().tensor_from_vec(values.to_vec(), (1, 5, 4, 2))
    }

    #[test]
    fn contrast_is_that_of_keras() {
        let case = include_str!("../../../tests/cases/keras-3.15.1-preprocessing/colors.json");
        let case: Value = serde_json::from_str(case).unwrap();
        let [input, expected, factors] =
            ["input", "contrast", "factors"].map(|key| flat(&case[key]));
        let mut kept = 0;
        for ((x, expected), factor) in input.chunks(40).zip(expected.chunks(40)).zip(factors) {
            let tensor = image(x);
            let y: Image<f64, Cpu, OwnedTape<f64, Cpu>> = contrast(tensor.leaky_trace(), factor);
            for (y, expected) in y.as_vec().iter().zip(expected) {
                assert!((y - expected).abs() < 1e-6, "{factor}: {y} {expected}");
            }
            let gradients = y.square().sum::<(), _>().backward();
            let gradient = gradients.get(&tensor).as_vec();
            let sum = |x: &[f64]| contrast(image(x), factor).square().sum::<(), _>().as_vec()[0];
            for i in 0..x.len() {
                let moved = |by: f64| {
                    let mut x = x.to_vec();
                    x[i] += by;
                    sum(&x)
                };
                let slope = (moved(1e-6) - moved(-1e-6)) / 2e-6;
                assert!((gradient[i] - slope).abs() < 1e-6, "{factor}: {} {slope}", gradient[i]);
            }
            kept += gradient.iter().filter(|slope| **slope != 0.0).count();
        }
        assert!(kept > 100, "{kept}");
    }
}
