use dfdx::{
    prelude::{Momentum, SgdConfig},
    shapes::Shape,
    tensor::{Storage, Tensor},
};

use super::{
    Bounds, Optimizer, State, check_decay, check_positive, check_rounded, check_share, decay,
};
use crate::{
    backend::{Backend, Element},
    error::{Error, OrDevice},
};

/// Gradient descent, with momentum or without.
///
/// Keras: [`SGD`](https://keras.io/api/optimizers/sgd/).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sgd {
    /// Default 0.01.
    pub learning_rate: f64,
    /// How much of the last change is made again. Default 0.
    pub momentum: f64,
    /// Whether the momentum looks ahead ([Sutskever et al. 2013](https://proceedings.mlr.press/v28/sutskever13.html)).
    pub nesterov: bool,
    /// The share, times the learning rate, that every parameter loses in a step. Default none.
    pub weight_decay: Option<f64>,
}

impl Default for Sgd {
    fn default() -> Self {
        Self { learning_rate: 0.01, momentum: 0.0, nesterov: false, weight_decay: None }
    }
}

impl Sgd {
    /// Keras's defaults with another learning rate.
    pub fn new(learning_rate: f64) -> Self {
        Self { learning_rate, ..Self::default() }
    }
}

#[diagnostic::do_not_recommend]
impl Optimizer for Sgd {
    fn check(&self) -> Result<(), Error> {
        check_positive("learning_rate", self.learning_rate)?;
        check_share("momentum", self.momentum)?;
        check_decay(self.weight_decay)
    }

    fn update<S: Shape, E: Element, D: Backend<E>>(
        &self,
        state: &mut State<E, D>,
        parameter: &mut Tensor<S, E, D>,
        gradient: &<D as Storage<E>>::Vec,
    ) -> Result<(), Error> {
        check_rounded::<E>(&[
            ("learning_rate", self.learning_rate),
            ("momentum", self.momentum),
            ("weight_decay", self.weight_decay.unwrap_or(0.0)),
        ])?;
        let momentum = match (self.momentum > 0.0, self.nesterov) {
            (false, _) => None,
            (true, false) => Some(Momentum::Classic(self.momentum)),
            (true, true) => Some(Momentum::Nesterov(self.momentum)),
        };
        let weight_decay = decay(self.weight_decay);
        let config = SgdConfig { lr: self.learning_rate, momentum, weight_decay };
        let [velocity] = state.slots();
        let velocity = velocity.get_or_alloc_mut(parameter).or_device()?;
        config.try_update(parameter, velocity, gradient).or_device()
    }

    fn bounds<E: Element, D: Backend<E>>(
        &self,
        state: &State<E, D>,
        gradient: f64,
    ) -> Option<Bounds> {
        let slots = gradient + self.momentum * state.largest_slot;
        // Nesterov's looks ahead by the new velocity.
        let change = self.learning_rate.max(1.0) * (gradient + slots);
        Bounds { slots, change }.with_decay(self.learning_rate, self.weight_decay)
    }
}
