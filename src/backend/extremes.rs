use dfdx::{
    prelude::ChooseFrom,
    shapes::{HasShape, Shape},
    tensor::{Tape, Tensor},
};

use super::{Backend, Element, apart, memory::collected, to_values};
use crate::error::{Error, OrDevice};

/// The larger of each two values, or the smaller. NaN is both, as in Keras; dfdx would take the other value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extreme {
    Largest,
    Smallest,
}

impl Extreme {
    /// That of each two values. Two that are equal share the gradient.
    ///
    /// # Errors
    /// [`Error::Device`].
    pub(crate) fn apply<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
        self,
        a: Tensor<S, E, D, T>,
        b: Tensor<S, E, D, T>,
    ) -> Result<Tensor<S, E, D, T>, Error> {
        let values = [to_values(&a)?, to_values(&b)?];
        let nans: Vec<_> = values
            .iter()
            .zip([&a, &b])
            .filter(|(values, _)| values.iter().any(|x| x.is_nan()))
            .map(|(values, x)| (values, x.retaped::<T>()))
            .collect();
        let b = apart(&a, b)?;
        let y = match self {
            Self::Largest => a.try_maximum(b),
            Self::Smallest => a.try_minimum(b),
        };
        nans.into_iter().try_fold(y.or_device()?, |y, (values, nans)| {
            let shape = *y.shape();
            let is_nan = values.iter().map(|x| x.is_nan());
            let is_nan = collected(shape.concrete().as_ref(), is_nan)?;
            let is_nan = y.device().try_tensor_from_vec(is_nan, shape).or_device()?;
            is_nan.try_choose(nans, y).or_device()
        })
    }

    /// The same of two values.
    pub(crate) fn of<E: Element>(self, a: E, b: E) -> E {
        let first = match self {
            Self::Largest => a >= b,
            Self::Smallest => a <= b,
        };
        if first || a.is_nan() { a } else { b }
    }
}

#[cfg(test)]
mod tests {
    use dfdx::tensor::{AsArray, Cpu, TensorFrom};

    use super::*;

    /// As `keras.ops.maximum` and `minimum` of Keras 3.15.1.
    #[test]
    fn nan_is_the_largest_and_the_smallest() {
        let inf = f64::INFINITY;
        let a = [f64::NAN, 1.0, f64::NAN, inf, 2.0, -1.0, 0.0];
        let b = [1.0, f64::NAN, f64::NAN, f64::NAN, 3.0, -inf, 0.0];
        let nan = f64::NAN;
        let show = |values: [f64; 7]| format!("{values:?}");
        for (extreme, y) in [
            (Extreme::Largest, [nan, nan, nan, nan, 3.0, -1.0, 0.0]),
            (Extreme::Smallest, [nan, nan, nan, nan, 2.0, -inf, 0.0]),
        ] {
            let dev = Cpu::default();
            let found = extreme.apply(dev.tensor(a), dev.tensor(b)).unwrap().array();
            assert_eq!(show(found), show(y));
            assert_eq!(show(std::array::from_fn(|i| extreme.of(a[i], b[i]))), show(y));
        }
    }
}
