use super::{Parameter, Parameters, Visitor, list, values};
use crate::{
    backend::{Backend, Element},
    error::Error,
};

/// Moves the parameters of a model, statistics among them, a share of the way to those of another one, as target networks follow the one that is
/// trained: `target = (1 - share) * target + share * online`.
///
/// # Errors
/// [`Error::Invalid`] for a share that is not in `0..=1`; [`Error::Mismatch`] if the parameters of dynamic models have other shapes;
/// [`Error::Device`]. The target is then as it was.
///
/// ```
/// use kerata::{Cpu, Dense, Error, parameters::soft_update, prelude::*};
///
/// let [mut target, online] = [1, 2].map(|seed| Dense::<3, 2>::build(&Cpu::seed_from_u64(seed)).unwrap());
/// let (before, towards) = (target.kernel.array()[0][0], online.kernel.array()[0][0]);
/// soft_update(&mut target, &online, 0.01)?;
/// assert!((target.kernel.array()[0][0] - (0.99 * before + 0.01 * towards)).abs() < 1e-6);
/// # Ok::<(), Error>(())
/// ```
pub fn soft_update<M: Parameters<E, D>, E: Element, D: Backend<E>>(
    target: &mut M,
    online: &M,
    share: f64,
) -> Result<(), Error> {
    if !(0.0..=1.0).contains(&share) {
        return Err(Error::invalid("the share of a soft update", share, "it must be in 0..=1"));
    }
    let (own, theirs) = (list(target), list(online));
    if own.len() != theirs.len() {
        let what = "the number of parameters of a target";
        return Err(Error::mismatch(what, theirs.len(), own.len()));
    }
    if let Some((own, theirs)) =
        own.iter().zip(&theirs).find(|(own, theirs)| own.shape != theirs.shape)
    {
        return Err(Error::mismatch(
            "the shape of a parameter of a target",
            &theirs.shape,
            &own.shape,
        ));
    }
    let towards = values(online)?;
    let mut moved = target.clone();
    moved.visit(&mut Move { towards: &towards, kept: E::of(1.0 - share), share: E::of(share) })?;
    *target = moved;
    Ok(())
}

struct Move<'a, E> {
    /// The values of the parameters that are left.
    towards: &'a [E],
    kept: E,
    share: E,
}

impl<E: Element, D: Backend<E>> Visitor<E, D> for Move<'_, E> {
    #[inline(never)]
    fn visit(&mut self, parameter: Parameter<'_, E, D>) -> Result<(), Error> {
        let mut values = parameter.tensor.to_vec()?;
        let (towards, rest) = self.towards.split_at(values.len());
        self.towards = rest;
        let each = values.iter_mut().zip(towards);
        each.for_each(|(value, &to)| *value = self.kept * *value + self.share * to);
        parameter.tensor.assign(&values)
    }
}
