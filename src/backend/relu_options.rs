use dfdx::{
    prelude::{ChooseFrom, HasShape, TryAdd, TryGe, TryGt, TryLe, TryLt, TryMul},
    tensor::{Tape, Tensor},
};

use super::{
    Backend, Element,
    memory::{elements_of, look_for_copy},
};
use crate::{
    error::{Error, OrDevice},
    shape::Shape,
};

/// A rectifier with the options of Keras's layer `ReLU`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ReluOptions {
    /// The largest result; infinite if there is none.
    pub(crate) max_value: f64,
    pub(crate) negative_slope: f64,
    pub(crate) threshold: f64,
}

impl Default for ReluOptions {
    fn default() -> Self {
        Self { max_value: f64::INFINITY, negative_slope: 0.0, threshold: 0.0 }
    }
}

impl ReluOptions {
    /// `x` above the threshold, at most the maximum; below it the slope times what is missing. NaN stays.
    pub(crate) fn apply<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
        &self,
        x: Tensor<S, E, D, T>,
    ) -> Result<Tensor<S, E, D, T>, Error> {
        if elements_of(&x)? == 0 {
            return Ok(x);
        }
        let [max, slope, threshold] =
            [self.max_value, self.negative_slope, self.threshold].map(E::of);
        let (shape, dev) = (*x.shape(), x.device().clone());
        let zeros = dev.try_zeros_like(&shape).or_device()?;
        let (below, at_most) = (x.try_lt(threshold), x.try_le(threshold));
        let below = below.or_device()?;
        look_for_copy(&x)?;
        let missing = x.retaped::<T>().try_negate().or_device()?.try_add(threshold).or_device()?;
        // The slope at 0 itself is that of Keras: 1 with a `negative_slope` alone, and otherwise 0.
        let leaky = slope != E::zero() && threshold == E::zero() && max == E::infinity();
        let cut = if leaky { below.clone() } else { at_most.or_device()? };
        let mut y = cut.try_choose(zeros.retaped::<T>(), x).or_device()?;
        if max < E::infinity() {
            let most = zeros.try_add(max).or_device()?;
            // Keras takes its `relu6` where it can, which has no slope at 6.
            let relu6 = self.max_value == 6.0 && self.threshold == 0.0;
            let above = if relu6 { y.try_ge(max) } else { y.try_gt(max) };
            y = above.or_device()?.try_choose(most.retaped::<T>(), y).or_device()?;
        }
        // An infinity times no slope would be NaN.
        if slope == E::zero() {
            return Ok(y);
        }
        let sloped = missing.try_mul(-slope).or_device()?;
        let sloped = y.retaped::<T>().try_add(sloped).or_device()?;
        below.try_choose(sloped, y).or_device()
    }

    /// The same of one value.
    pub(crate) fn of<E: Element>(&self, x: E) -> E {
        let [max, slope, threshold] =
            [self.max_value, self.negative_slope, self.threshold].map(E::of);
        let y = if x <= threshold { E::zero() } else { x };
        let y = if y > max { max } else { y };
        let sloped = x < threshold && slope != E::zero();
        if sloped { y - slope * (threshold - x) } else { y }
    }
}

#[cfg(test)]
mod tests {
    use dfdx::{
        tensor::{AsArray, Cpu, TensorFrom, Trace},
        tensor_ops::{Backward, SumTo},
    };

    use super::*;

    /// What `keras.layers.ReLU` of Keras 3.15.1 gives for -2, 0, 0.5, 1, 2, 7 and the infinities.
    #[test]
    fn relu_has_the_options_of_keras() {
        let x = [-2.0, 0.0, 0.5, 1.0, 2.0, 7.0, f32::INFINITY, f32::NEG_INFINITY];
        let inf = f32::INFINITY;
        for (max_value, negative_slope, threshold, y) in [
            (6.0, 0.0, 0.0, [0.0, 0.0, 0.5, 1.0, 2.0, 6.0, 6.0, 0.0]),
            (f64::INFINITY, 0.5, 0.0, [-1.0, 0.0, 0.5, 1.0, 2.0, 7.0, inf, -inf]),
            (f64::INFINITY, 0.0, 1.0, [0.0, 0.0, 0.0, 0.0, 2.0, 7.0, inf, 0.0]),
            (1.5, 0.5, 1.0, [-1.5, -0.5, -0.25, 0.0, 1.5, 1.5, 1.5, -inf]),
            (0.5, 0.0, 1.0, [0.0, 0.0, 0.0, 0.0, 0.5, 0.5, 0.5, 0.0]),
            (0.0, 0.25, 0.0, [-0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -inf]),
        ] {
            let relu = ReluOptions { max_value, negative_slope, threshold };
            let dev = Cpu::default();
            assert_eq!(relu.apply(dev.tensor(x)).unwrap().array(), y, "{relu:?}");
            assert_eq!(x.map(|x| relu.of(x)), y, "{relu:?}");
            assert!(relu.apply(dev.tensor([f32::NAN])).unwrap().array()[0].is_nan());
            assert!(relu.of(f32::NAN).is_nan());
        }
    }

    /// On TensorFlow and on JAX.
    #[test]
    fn the_slope_at_six_is_that_of_keras() {
        for negative_slope in [0.0, 0.1] {
            let relu = ReluOptions { max_value: 6.0, negative_slope, threshold: 0.0 };
            let x = Cpu::default().tensor([2.0_f32, 6.0, 7.0]);
            let y = relu.apply(x.leaky_trace()).unwrap();
            assert_eq!(y.array(), [2.0, 6.0, 6.0]);
            assert_eq!(y.sum().backward().get(&x).array(), [1.0, 0.0, 0.0], "{relu:?}");
        }
    }

    /// The slopes at -1, 0, -0 and 1 that Keras 3.15.1 gives.
    #[test]
    fn the_slope_at_zero_is_that_of_keras() {
        let inf = f64::INFINITY;
        for (max_value, negative_slope, threshold, slopes) in [
            (inf, 0.0, 0.0, [0.0, 0.0, 0.0, 1.0]),
            (inf, 0.5, 0.0, [0.5, 1.0, 1.0, 1.0]),
            (2.0, 0.5, 0.0, [0.5, 0.0, 0.0, 1.0]),
            (inf, 0.5, 0.25, [0.5, 0.5, 0.5, 1.0]),
        ] {
            let relu = ReluOptions { max_value, negative_slope, threshold };
            let x = Cpu::default().tensor([-1.0_f32, 0.0, -0.0, 1.0]);
            let y = relu.apply(x.leaky_trace()).unwrap();
            assert_eq!(y.sum().backward().get(&x).array(), slopes, "{relu:?}");
        }
    }
}
