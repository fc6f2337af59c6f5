use super::{PerSample, PerStep, SampleWeights, Unweighted, Weights};
use crate::{error::Error, signal::Signal, tuples::several};

/// Two kinds of weights of the same samples, multiplied: what [`with_weights`](crate::data::InMemory::with_weights) makes
/// of data that has weights already.
///
/// ```
/// use kerata::reduce::{PerSample, PerStep, Product, SampleWeights};
///
/// let steps = PerStep::from(vec![[1.0, 2.0], [1.0, 0.0]]);
/// let weights = Product(PerSample(vec![1.0, 0.5]), steps);
/// assert_eq!(weights.expand(&[2, 2])?, Some(vec![1.0, 2.0, 0.5, 0.0]));
/// # Ok::<(), kerata::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Product<A, B>(pub A, pub B);

/// The weights of both, position by position.
fn times(a: Option<Vec<f64>>, b: Option<Vec<f64>>) -> Result<Option<Vec<f64>>, Error> {
    match (a, b) {
        (Some(a), Some(b)) if a.len() != b.len() => {
            Err(Error::mismatch("the weights of positions", a.len(), b.len()))
        }
        (Some(mut a), Some(b)) => {
            a.iter_mut().zip(b).for_each(|(a, b)| *a *= b);
            Ok(Some(a))
        }
        (a, b) => Ok(a.or(b)),
    }
}

#[diagnostic::do_not_recommend]
impl<A: SampleWeights, B: SampleWeights> SampleWeights for Product<A, B> {
    fn samples(&self) -> Option<usize> {
        self.0.samples().or(self.1.samples())
    }

    fn select(&self, rows: &[usize]) -> Result<Self, Error> {
        Ok(Self(self.0.select(rows)?, self.1.select(rows)?))
    }

    fn expand(&self, sizes: &[usize]) -> Result<Option<Vec<f64>>, Error> {
        times(self.0.expand(sizes)?, self.1.expand(sizes)?)
    }

    fn check(&self, samples: usize) -> Result<(), Error> {
        self.0.check(samples)?;
        self.1.check(samples)
    }

    fn expand_for(&self, output: usize, sizes: &[usize]) -> Result<Option<Vec<f64>>, Error> {
        times(self.0.expand_for(output, sizes)?, self.1.expand_for(output, sizes)?)
    }
}

#[diagnostic::do_not_recommend]
impl<P: Signal, A: Weights<P>, B: Weights<P>> Weights<P> for Product<A, B> {
    fn check_all(&self) -> Result<(), Error> {
        self.0.check_all()?;
        self.1.check_all()
    }
}

/// Weights that others can be multiplied to. Weights of a type of your own have it by two lines:
///
/// ```
/// use kerata::{Error, reduce::{MultiplyWeights, Product, SampleWeights}};
///
/// #[derive(Clone)]
/// struct Halves(usize);
///
/// impl SampleWeights for Halves {
///     fn samples(&self) -> Option<usize> {
///         Some(self.0)
///     }
///
///     fn select(&self, rows: &[usize]) -> Result<Self, Error> {
///         Ok(Self(rows.len()))
///     }
///
///     fn expand(&self, sizes: &[usize]) -> Result<Option<Vec<f64>>, Error> {
///         Ok(Some(vec![0.5; sizes.iter().product()]))
///     }
/// }
///
/// impl<W: SampleWeights> MultiplyWeights<W> for Halves {
///     type Product = Product<Self, W>;
///
///     fn times(self, other: W) -> Self::Product {
///         Product(self, other)
///     }
/// }
///
/// assert_eq!(Halves(2).times(vec![1.0, 3.0]).expand(&[2])?, Some(vec![0.5, 1.5]));
/// # Ok::<(), Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "no other weights can be multiplied to `{Self}`",
    label = "weights that the data has already",
    note = "implement `MultiplyWeights` for it, or give the weights only once"
)]
pub trait MultiplyWeights<W: SampleWeights>: SampleWeights {
    /// What both are together.
    type Product: SampleWeights;

    /// Both together.
    fn times(self, other: W) -> Self::Product;
}

#[diagnostic::do_not_recommend]
impl<W: SampleWeights> MultiplyWeights<W> for Unweighted {
    type Product = W;

    fn times(self, other: W) -> W {
        other
    }
}

macro_rules! multiply {
    ($([$($of:tt)*] $weights:ty),* $(,)?) => {$(
        #[diagnostic::do_not_recommend]
        impl<W: SampleWeights, $($of)*> MultiplyWeights<W> for $weights {
            type Product = Product<Self, W>;

            fn times(self, other: W) -> Self::Product {
                Product(self, other)
            }
        }
    )*};
}
multiply! {
    [] PerSample,
    [] PerStep,
    [] Vec<f32>,
    [] Vec<f64>,
    [A: SampleWeights, B: SampleWeights] Product<A, B>,
}

macro_rules! of_outputs {
    ($($S:ident $at:tt)*) => {
        multiply! { [$($S: SampleWeights),*] ($($S,)*) }
    };
}
several!(of_outputs);
