//! What streams of many layers do with the rows of a step.

use crate::{
    backend::{Element, largest_padding},
    error::Error,
    memory::filled,
};

/// Room for a step.
pub(crate) fn room<E: Element>(rows: usize, width: usize) -> Result<Vec<E>, Error> {
    filled(&[rows, width], E::zero())
}

/// Copies the values of a step; what is NaN, infinite or huge in a masked row counts as 0, as in a padded batch.
pub(crate) fn copy_bounded<E: Element>(values: &[E], keep: Option<&[bool]>, to: &mut [E]) {
    to.copy_from_slice(values);
    let Some(keep) = keep else { return };
    let (most, width) = (largest_padding::<E>(), to.len().checked_div(keep.len()).unwrap_or(0));
    for (row, _) in to.chunks_exact_mut(width.max(1)).zip(keep).filter(|(_, keep)| !**keep) {
        let wild = |x: E| x.is_nan() || num_traits::Float::abs(x) > most;
        row.iter_mut().filter(|x| wild(**x)).for_each(|x| *x = E::zero());
    }
}
