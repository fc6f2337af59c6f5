use dfdx::{
    prelude::{ChooseFrom, HasShape, TryAdd, TryGt, TryLe, TryLt, TryMul},
    shapes::Shape,
    tensor::{Tape, Tensor},
};

use super::{Backend, Element, memory::elements_of};
use crate::error::{Error, OrDevice};

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
        let missing = x.retaped::<T>().try_negate().or_device()?.try_add(threshold).or_device()?;
        let mut y = at_most.or_device()?.try_choose(zeros.retaped::<T>(), x).or_device()?;
        if max < E::infinity() {
            let most = zeros.try_add(max).or_device()?;
            y = y.try_gt(max).or_device()?.try_choose(most.retaped::<T>(), y).or_device()?;
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
    use dfdx::tensor::{AsArray, Cpu, TensorFrom};

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
}
