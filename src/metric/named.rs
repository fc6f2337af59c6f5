use dfdx::tensor::{NoneTape, Tensor};

use super::{Direction, Metric};
use crate::{
    backend::{Backend, Element},
    error::Error,
    loss::Prediction,
    signal::Signal,
};

/// A metric under another name: Keras's `name=`.
///
/// ```
/// use kerata::metric::{Metric, Named, SparseCategoricalAccuracy};
/// use kerata::{Batch, Const, Ids};
///
/// let accuracy = Named("accuracy", SparseCategoricalAccuracy);
/// assert_eq!(Metric::<(Batch, Const<3>), Ids<(Batch,)>>::name(&accuracy), "accuracy");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named<M>(pub &'static str, pub M);

#[diagnostic::do_not_recommend]
impl<M, P, Y, E, D> Metric<P, Y, E, D> for Named<M>
where
    M: Metric<P, Y, E, D>,
    P: Prediction,
    Y: Signal,
    E: Element,
    D: Backend<E>,
{
    type State = M::State;

    fn name(&self) -> String {
        self.0.into()
    }

    fn direction(&self) -> Option<Direction> {
        self.1.direction()
    }

    fn update(
        &self,
        state: &mut M::State,
        prediction: &Tensor<(usize, usize), E, D>,
        target: &Y::Data<E, D, NoneTape>,
        weights: &[f64],
    ) -> Result<(), Error> {
        self.1.update(state, prediction, target, weights)
    }

    fn result(&self, state: &M::State) -> f64 {
        self.1.result(state)
    }
}
