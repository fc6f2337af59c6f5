//! One reduction for losses and metrics: the mean over positions under a mask and sample weights.
//!
//! A *position* is what has one loss: a sample, a time step, a pixel. With `l` the losses of the
//! positions, `w` their weights and `m` the mask (0 or 1), a loss is
//!
//! ```text
//! sum(l * w * m) / sum(m)
//! ```
//!
//! and a metric is `sum(v * w * m) / sum(w * m)`. Weights never stand in the denominator of a loss, so a
//! weight of 2 counts twice. Where no position is left, both are 0.

mod mean;
mod per_step;
mod product;
mod weights;

pub use mean::Mean;
pub use per_step::PerStep;
pub use product::{MultiplyWeights, Product};
pub use weights::Weights;

use crate::{
    error::Error,
    memory::{collected, filled},
    signal::{Mask, Signal},
    tuples::several,
};

/// Every sample counts once: no weights.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unweighted;

/// One weight a sample. On a sequence it holds for each step of the sample.
///
/// Keras wants the shape `(Batch, 1)` there, and takes `(Batch,)` for weights of the *steps* if the two
/// sizes happen to agree. A weight below 0 turns the loss of its sample around, as in Keras: so an advantage weights an action.
#[derive(Debug, Clone, PartialEq)]
pub struct PerSample(pub Vec<f32>);

/// Weights of samples, as a dataset holds them: [`Unweighted`], [`PerSample`] (or a `Vec` of numbers) or [`PerStep`].
///
/// ```
/// use kerata::reduce::{PerSample, PerStep, SampleWeights};
///
/// // Two samples of three steps.
/// let weights = PerSample(vec![1.0, 0.5]).expand(&[2, 3])?;
/// assert_eq!(weights, Some(vec![1.0, 1.0, 1.0, 0.5, 0.5, 0.5]));
/// let weights = PerStep::from(vec![[1.0, 2.0, 0.0], [1.0, 1.0, 1.0]]);
/// assert_eq!(weights.select(&[0])?.expand(&[1, 3])?, Some(vec![1.0, 2.0, 0.0]));
/// # Ok::<(), kerata::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` holds no weights of samples",
    label = "no weights of samples",
    note = "one weight a sample: `vec![1.0, 0.5]`, numbers with a point; one a time step: `PerStep`"
)]
pub trait SampleWeights: Clone {
    /// For how many samples there are weights; `None` if for any number.
    fn samples(&self) -> Option<usize>;

    /// The weights of some of the samples. The rows are inside.
    ///
    /// # Errors
    /// [`Error::Device`] if there is no memory for them.
    fn select(&self, rows: &[usize]) -> Result<Self, Error>;

    /// The weight of each position, where `sizes` are the sizes of the positions: the batch, then the
    /// steps, then whatever else. `None` if all are 1.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if there are weights for other samples or steps.
    fn expand(&self, sizes: &[usize]) -> Result<Option<Vec<f64>>, Error>;

    /// Checks that there are weights for so many samples.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if there are more or fewer; [`Error::NonFinite`] for a weight of a sample that is no number.
    fn check(&self, samples: usize) -> Result<(), Error> {
        check_count(self.samples(), samples)
    }

    /// The weight of each position of one output of several. By default all outputs have the same weights; a tuple has
    /// weights for each.
    ///
    /// # Errors
    /// Those of [`expand`](SampleWeights::expand).
    fn expand_for(&self, _output: usize, sizes: &[usize]) -> Result<Option<Vec<f64>>, Error> {
        self.expand(sizes)
    }
}

fn check_count(found: Option<usize>, samples: usize) -> Result<(), Error> {
    match found {
        Some(found) if found != samples => {
            Err(Error::mismatch("the number of sample weights", samples, found))
        }
        _ => Ok(()),
    }
}

#[diagnostic::do_not_recommend]
impl SampleWeights for Unweighted {
    fn samples(&self) -> Option<usize> {
        None
    }

    fn select(&self, _: &[usize]) -> Result<Self, Error> {
        Ok(Self)
    }

    fn expand(&self, _: &[usize]) -> Result<Option<Vec<f64>>, Error> {
        Ok(None)
    }
}

#[diagnostic::do_not_recommend]
impl SampleWeights for PerSample {
    fn samples(&self) -> Option<usize> {
        self.0.samples()
    }

    fn select(&self, rows: &[usize]) -> Result<Self, Error> {
        self.0.select(rows).map(Self)
    }

    fn expand(&self, sizes: &[usize]) -> Result<Option<Vec<f64>>, Error> {
        self.0.expand(sizes)
    }

    fn check(&self, samples: usize) -> Result<(), Error> {
        self.0.check(samples)
    }
}

macro_rules! plain {
    ($($number:ty)*) => {$(
        /// One weight a sample, as [`PerSample`].
        #[diagnostic::do_not_recommend]
        impl SampleWeights for Vec<$number> {
            fn samples(&self) -> Option<usize> {
                Some(self.len())
            }

            fn select(&self, rows: &[usize]) -> Result<Self, Error> {
                collected(&[rows.len()], rows.iter().map(|&row| self[row]))
            }

            fn expand(&self, sizes: &[usize]) -> Result<Option<Vec<f64>>, Error> {
                let what = "the number of sample weights";
                let Some((outer, inner)) = sizes.split_at_checked(1) else {
                    return Err(Error::mismatch(what, 0, self.len()));
                };
                repeat(what, self, outer, inner)
            }

            fn check(&self, samples: usize) -> Result<(), Error> {
                check_count(self.samples(), samples)?;
                Error::check_finite("sample weight", self)
            }
        }

        #[diagnostic::do_not_recommend]
        impl<P: Signal> Weights<P> for Vec<$number> {}
    )*};
}
plain!(f32 f64);

fn repeat<W: Copy + Into<f64>>(
    what: &'static str,
    weights: &[W],
    outer: &[usize],
    inner: &[usize],
) -> Result<Option<Vec<f64>>, Error> {
    let expected: usize = outer.iter().product();
    if weights.len() != expected {
        return Err(Error::mismatch(what, expected, weights.len()));
    }
    let times = inner.iter().product();
    Ok(Some(weights.iter().flat_map(|&w| std::iter::repeat_n(w.into(), times)).collect()))
}

macro_rules! of_outputs {
    ($($S:ident $at:tt)*) => {
        /// Weights for each of several outputs; where there are none, [`Unweighted`].
        #[diagnostic::do_not_recommend]
        impl<$($S: SampleWeights),*> SampleWeights for ($($S,)*) {
            fn samples(&self) -> Option<usize> {
                [$(self.$at.samples()),*].into_iter().flatten().next()
            }

            fn select(&self, rows: &[usize]) -> Result<Self, Error> {
                Ok(($(self.$at.select(rows)?,)*))
            }

            fn expand(&self, _: &[usize]) -> Result<Option<Vec<f64>>, Error> {
                let outputs = [$($at),*].len();
                Err(Error::mismatch("the outputs that there are sample weights for", 1, outputs))
            }

            fn check(&self, samples: usize) -> Result<(), Error> {
                $(self.$at.check(samples)?;)*
                Ok(())
            }

            fn expand_for(
                &self,
                output: usize,
                sizes: &[usize],
            ) -> Result<Option<Vec<f64>>, Error> {
                match output {
                    $($at => self.$at.expand(sizes),)*
                    _ => self.expand(sizes),
                }
            }
        }
    };
}
several!(of_outputs);

/// The weights of one output of several.
#[derive(Debug)]
pub(crate) struct OfOutput<'a, W> {
    pub(crate) weights: &'a W,
    pub(crate) output: usize,
}

impl<W> Clone for OfOutput<'_, W> {
    fn clone(&self) -> Self {
        Self { ..*self }
    }
}

#[diagnostic::do_not_recommend]
impl<W: SampleWeights> SampleWeights for OfOutput<'_, W> {
    fn samples(&self) -> Option<usize> {
        self.weights.samples()
    }

    // Those of a batch are taken whole.
    fn select(&self, _: &[usize]) -> Result<Self, Error> {
        Ok(self.clone())
    }

    fn expand(&self, sizes: &[usize]) -> Result<Option<Vec<f64>>, Error> {
        self.weights.expand_for(self.output, sizes)
    }
}

/// What a weight of a step is called in errors.
const POSITION: &str = "the weight of position";

/// `w * m` of each position.
///
/// # Errors
/// Those of [`SampleWeights::expand`]; [`Error::NonFinite`] for a weight that is no number, but at masked positions.
pub(crate) fn position_weights(
    sizes: &[usize],
    mask: Option<&Mask>,
    weights: &impl SampleWeights,
) -> Result<PositionWeights, Error> {
    let positions: usize = sizes.iter().product();
    let mut each = weights.expand(sizes)?.map_or_else(|| filled(&[positions], 1.0), Ok)?;
    let keep = mask.map(|mask| {
        let inner: usize = sizes[2..].iter().product();
        let keep = mask.as_slice().iter();
        collected(
            &[mask.as_slice().len(), inner],
            keep.flat_map(|&keep| std::iter::repeat_n(keep, inner)),
        )
    });
    let keep = keep.transpose()?;
    let count = match &keep {
        Some(keep) => {
            each.iter_mut().zip(keep).filter(|(_, keep)| !**keep).for_each(|(w, _)| *w = 0.0);
            keep.iter().filter(|&&keep| keep).count()
        }
        None => positions,
    };
    Error::check_finite(if sizes.len() == 1 { "sample weight" } else { POSITION }, &each)?;
    Ok(PositionWeights { each, keep, count })
}

/// What [`position_weights`] gives.
#[derive(Debug)]
pub(crate) struct PositionWeights {
    /// `w * m`.
    pub(crate) each: Vec<f64>,
    /// `m`, if there is a mask.
    pub(crate) keep: Option<Vec<bool>>,
    /// `sum(m)`.
    pub(crate) count: usize,
}

impl PositionWeights {
    /// Leaves out all positions but these.
    pub(crate) fn leave_out(&mut self, counted: &[bool]) -> Result<(), Error> {
        let positions = self.each.len();
        if counted.len() != positions {
            return Err(Error::mismatch("the number of labels", positions, counted.len()));
        }
        let keep = self.keep.get_or_insert_with(|| vec![true; positions]);
        for ((keep, weight), &counted) in keep.iter_mut().zip(&mut self.each).zip(counted) {
            if !counted {
                (*keep, *weight) = (false, 0.0);
            }
        }
        self.count = keep.iter().filter(|&&keep| keep).count();
        Ok(())
    }
}
