use std::borrow::Cow;

use dfdx::{
    prelude::ChooseFrom,
    shapes::HasShape,
    tensor::{NoneTape, Tape, Tensor},
};

use super::{Backend, Element, apart, memory::collected, to_values};
use crate::{
    error::{Error, OrDevice},
    shape::Shape,
};

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
        let nans = [nans_of(&a)?, nans_of(&b)?];
        let b = apart(&a, b)?;
        let inputs = [a.retaped::<T>(), b.retaped::<T>()];
        let y = match self {
            Self::Largest => a.try_maximum(b),
            Self::Smallest => a.try_minimum(b),
        };
        nans.into_iter().zip(inputs).try_fold(y.or_device()?, |y, (nans, input)| match nans {
            Some(nans) => nans.try_choose(input, y).or_device(),
            None => Ok(y),
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

/// Where the values are NaN, if one is.
fn nans_of<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: &Tensor<S, E, D, T>,
) -> Result<Option<Tensor<S, bool, D>>, Error> {
    let x = x.retaped::<NoneTape>();
    let values = match D::values(&x) {
        Some(values) => Cow::Borrowed(values),
        None => Cow::Owned(to_values(&x)?),
    };
    if !values.iter().any(|x| x.is_nan()) {
        return Ok(None);
    }
    let nans = collected(x.shape().concrete().as_ref(), values.iter().map(|x| x.is_nan()))?;
    x.device().try_tensor_from_vec(nans, *x.shape()).or_device().map(Some)
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
