use dfdx::tensor::NoneTape;
use rand::{SeedableRng, rngs::StdRng};

use crate::{
    backend::{Backend, Element},
    data::mixed,
    error::Error,
    model::Model,
    signal::Signal,
};

/// Input and target of a batch, as tensors.
pub(super) type Pair<X, Y, E, D> =
    (<X as Signal>::Data<E, D, NoneTape>, <Y as Signal>::Data<E, D, NoneTape>);

/// A function that changes each batch of a training.
pub(super) type Augment<X, Y, E, D> = Box<
    dyn FnMut(
            <X as Signal>::Data<E, D, NoneTape>,
            <Y as Signal>::Data<E, D, NoneTape>,
            &mut StdRng,
        ) -> Result<Pair<X, Y, E, D>, Error>
        + Send,
>;

/// The functions of a trainer of the model `M`, which may be none. As its metrics, they ask nothing of `M` in the type of a trainer.
pub(super) trait Augments<M, Y: Signal, E: Element, D: Backend<E>>: Send {
    fn list(&mut self) -> &mut Vec<Augment<M::Input, Y, E, D>>
    where
        M: Model<E, D>;
}

impl<M, Y, E, D> Augments<M, Y, E, D> for Vec<Augment<M::Input, Y, E, D>>
where
    M: Model<E, D>,
    Y: Signal,
    E: Element,
    D: Backend<E>,
{
    fn list(&mut self) -> &mut Self {
        self
    }
}

/// All functions, one behind the other. What they draw follows from the seed, the epoch and the batch alone, so a checkpoint
/// need not hold it.
pub(super) fn augmented<X: Signal, Y: Signal, E: Element, D: Backend<E>>(
    functions: &mut [Augment<X, Y, E, D>],
    pair: Pair<X, Y, E, D>,
    seed: u64,
    (epoch, batch): (usize, usize),
) -> Result<Pair<X, Y, E, D>, Error> {
    let seed = mixed(mixed(seed, epoch as u64), batch as u64);
    functions.iter_mut().zip(0..).try_fold(pair, |(input, target), (function, i)| {
        function(input, target, &mut StdRng::seed_from_u64(mixed(seed, i)))
    })
}
