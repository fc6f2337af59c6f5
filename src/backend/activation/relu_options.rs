use crate::backend::Element;

/// A rectifier with the options of Keras's layer `ReLU`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReluOptions {
    /// The largest result; infinite if there is none.
    pub max_value: f64,
    /// The slope below the threshold.
    pub negative_slope: f64,
    /// What the argument has to be more than.
    pub threshold: f64,
}

impl Default for ReluOptions {
    fn default() -> Self {
        Self { max_value: f64::INFINITY, negative_slope: 0.0, threshold: 0.0 }
    }
}

impl ReluOptions {
    /// `x` above the threshold, at most the maximum; below it the slope times what is missing. NaN stays.
    pub(super) fn function<E: Element>(self) -> impl Fn(E) -> E + Copy {
        let [max, slope, threshold] =
            [self.max_value, self.negative_slope, self.threshold].map(E::of);
        let sloped = slope != E::zero();
        move |x| {
            let y = if x <= threshold { E::zero() } else { x };
            let y = if y > max { max } else { y };
            // An infinity times no slope would be NaN.
            if sloped && x < threshold { y - slope * (threshold - x) } else { y }
        }
    }

    /// The slope of the function at an argument.
    pub(super) fn slope<E: Element>(self) -> impl Fn(E, E) -> E + Copy {
        let [max, slope, threshold] =
            [self.max_value, self.negative_slope, self.threshold].map(E::of);
        // At 0 it is that of Keras: 1 with a `negative_slope` alone, and otherwise 0.
        let leaky = slope != E::zero() && threshold == E::zero() && max == E::infinity();
        // Keras takes its `relu6` where it can, which has no slope at 6.
        let relu6 = self.max_value == 6.0 && self.threshold == 0.0;
        move |x, _| {
            if x < threshold {
                slope
            } else if (x == threshold && !leaky) || x > max || (relu6 && x == max) {
                E::zero()
            } else {
                E::one()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use dfdx::{
        tensor::{AsArray, Cpu, TensorFrom, Trace},
        tensor_ops::{Backward, SumTo},
    };

    use super::*;
    use crate::backend::{Backend, Elementwise};

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
            let relu: Elementwise = ReluOptions { max_value, negative_slope, threshold }.into();
            let dev = Cpu::default();
            assert_eq!(Cpu::activation(dev.tensor(x), relu).unwrap().array(), y, "{relu:?}");
            let mut stepped = x;
            assert!(relu.in_place(&mut stepped));
            assert_eq!(stepped, y, "{relu:?}");
            assert!(Cpu::activation(dev.tensor([f32::NAN]), relu).unwrap().array()[0].is_nan());
            let mut nan = [f32::NAN];
            assert!(relu.in_place(&mut nan) && nan[0].is_nan());
        }
    }

    /// On TensorFlow and on JAX.
    #[test]
    fn the_slope_at_six_is_that_of_keras() {
        for negative_slope in [0.0, 0.1] {
            let relu: Elementwise =
                ReluOptions { max_value: 6.0, negative_slope, threshold: 0.0 }.into();
            let x = Cpu::default().tensor([2.0_f32, 6.0, 7.0]);
            let y = Cpu::activation(x.leaky_trace(), relu).unwrap();
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
            let relu: Elementwise = ReluOptions { max_value, negative_slope, threshold }.into();
            let x = Cpu::default().tensor([-1.0_f32, 0.0, -0.0, 1.0]);
            let y = Cpu::activation(x.leaky_trace(), relu).unwrap();
            assert_eq!(y.sum().backward().get(&x).array(), slopes, "{relu:?}");
        }
    }
}
