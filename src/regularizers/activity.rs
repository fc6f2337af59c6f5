//! Penalties on what leaves a layer: they are collected while a pass runs, and added to its loss.

use std::{any::Any, cell::RefCell};

use dfdx::{
    prelude::TryAdd,
    shapes::{HasShape, Rank0},
    tensor::{OwnedTape, PutTape, Tensor},
};

use super::Regularizer;
use crate::{
    backend::{
        Backend, Element, IntoShape,
        memory::{filled, listed},
        near, row_sums, to_values,
    },
    distributed,
    error::{Error, OrDevice},
    mask::Mask,
    shape::Shape,
};

/// A penalty as a function of what left the layer. It is made when the pass has ended, so that its gradient is there before that of the
/// layer is asked for.
type Term<E, D> = Box<dyn FnOnce() -> Result<Tensor<Rank0, E, D, OwnedTape<E, D>>, Error>>;

/// The penalties of a pass.
#[derive(Default)]
pub(crate) struct Penalties {
    /// Whether a layer has one, be it over nothing.
    any: bool,
    sum: f64,
    /// A [`Term`] each.
    terms: Vec<Box<dyn Any>>,
}

thread_local! {
    /// Those of the pass that this thread is in, if it is one whose loss is wanted.
    static PASS: RefCell<Option<Penalties>> = const { RefCell::new(None) };
}

/// Runs a pass, and gives the penalties that its layers said.
///
/// # Errors
/// Those of the pass.
pub(crate) fn collected<R>(
    pass: impl FnOnce() -> Result<R, Error>,
) -> Result<(R, Penalties), Error> {
    struct Before(Option<Penalties>);

    // After an error or a panic too, a pass around this one has its own.
    impl Drop for Before {
        fn drop(&mut self) {
            PASS.set(self.0.take());
        }
    }

    let before = Before(PASS.replace(Some(Penalties::default())));
    let result = pass()?;
    let penalties = PASS.take().unwrap_or_default();
    drop(before);
    Ok((result, penalties))
}

/// Whether a layer of the pass that this thread is in has said a penalty so far; on all ranks or on none.
pub(crate) fn is_penalized() -> bool {
    PASS.with_borrow(|pass| pass.as_ref().is_some_and(|penalties| penalties.any))
}

impl Penalties {
    /// Their sum.
    pub(crate) fn sum(&self) -> f64 {
        self.sum
    }

    /// A loss with the penalties, as a function of the activities too.
    ///
    /// # Errors
    /// [`Error::Device`].
    pub(crate) fn add_to<E: Element, D: Backend<E>>(
        self,
        mut loss: Tensor<Rank0, E, D, OwnedTape<E, D>>,
    ) -> Result<Tensor<Rank0, E, D, OwnedTape<E, D>>, Error> {
        for term in self.terms {
            let Ok(term) = term.downcast::<Term<E, D>>() else {
                return Err(Error::Device("an activity of another number type or device".into()));
            };
            loss = TryAdd::try_add(loss, term()?).or_device()?;
        }
        Ok(loss)
    }
}

/// Adds the penalty of what leaves a layer to those of the pass: of the whole batch, divided by the number of samples. What a mask leaves
/// out counts as 0. The gradient is there if the pass is recorded. Outside of [`collected`] it does nothing.
///
/// # Errors
/// Those of the regularizer; [`Error::Device`].
pub(crate) fn penalize<S: Shape, E: Element, D: Backend<E>>(
    activity: Tensor<S, E, D>,
    sizes: &[usize],
    mask: Option<&Mask>,
    regularizer: &dyn Regularizer,
    recorded: bool,
) -> Result<(), Error> {
    let batch = sizes.first().copied().unwrap_or(1);
    let count = activity.shape().num_elements();
    let wanted = PASS.with_borrow_mut(|pass| pass.as_mut().map(|penalties| penalties.any = true));
    if count * batch == 0 || wanted.is_none() {
        return Ok(());
    }
    let values = to_values(&activity)?;
    let mut wide = listed(values.iter().map(|value| value.as_f64()))?;
    let keep = mask.map(Mask::as_slice).filter(|keep| !keep.is_empty());
    let leave_out = |wide: &mut [f64]| {
        let Some(keep) = keep else { return };
        let each = wide.len() / keep.len();
        let padding = wide.chunks_exact_mut(each).zip(keep).filter(|(_, keep)| !**keep);
        padding.for_each(|(step, _)| step.fill(0.0));
    };
    leave_out(&mut wide);
    let pass = distributed::current();
    let all = pass.as_ref().map_or(Ok(batch as f64), |pass| pass.rows_of_all(batch))?;
    // Where the values depend on each other, each rank looks at those of all.
    let (mut first, mut sizes) = (0, sizes.to_vec());
    if let Some(pass) = pass.as_ref().filter(|_| !regularizer.is_sum()) {
        (first, wide) = pass.gather_rows(batch, &wide)?;
        first *= count / batch;
        if let Some(rows) = sizes.first_mut() {
            *rows = all as usize;
        }
    }
    if pass.is_some_and(|pass| !pass.share.counts) {
        return Ok(());
    }
    let share = 1.0 / all;
    // Their penalty counts once.
    let part = count as f64 / wide.len() as f64;
    let penalty = regularizer.penalty(&wide, &sizes)? * share * part;
    let mut term: Option<Box<dyn Any>> = None;
    if recorded {
        let mut slopes = filled(&[wide.len()], 0.0)?;
        regularizer.add_gradient(&wide, &sizes, &mut slopes)?;
        let slopes = &mut slopes[first..first + count];
        leave_out(slopes);
        let slopes = listed(slopes.iter().map(|slope| E::of(slope * share)))?;
        let made: Term<E, D> = Box::new(move || {
            let activity = activity.put_tape(OwnedTape::default());
            let moved = near(activity, values, slopes)?.into_shape(&(1, count))?;
            let moved = row_sums(moved)?.into_shape(&())?;
            TryAdd::try_add(moved, E::of(penalty)).or_device()
        });
        term = Some(Box::new(made));
    }
    PASS.with_borrow_mut(|pass| {
        if let Some(penalties) = pass {
            penalties.sum += penalty;
            penalties.terms.extend(term);
        }
    });
    Ok(())
}
