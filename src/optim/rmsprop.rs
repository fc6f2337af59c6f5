use dfdx::{
    prelude::RMSpropConfig,
    shapes::Shape,
    tensor::{Storage, Tensor},
};

use super::{
    Bounds, Optimizer, State, bounds, check_decay, check_positive, check_rounded, check_share,
    decay,
};
use crate::{
    backend::{Backend, Element},
    error::{Error, OrDevice},
};

/// RMSprop: the gradient is divided by the root of a running mean of its squares, epsilon inside the root.
///
/// Keras: [`RMSprop`](https://keras.io/api/optimizers/rmsprop/).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RMSprop {
    /// Default 0.001.
    pub learning_rate: f64,
    /// How much of the running mean stays in a step. Default 0.9.
    pub rho: f64,
    /// How much of the last change is made again. Default 0.
    pub momentum: f64,
    /// Default 1e-7.
    pub epsilon: f64,
    /// Whether the square of the mean gradient is subtracted. Default no.
    pub centered: bool,
    /// The share, times the learning rate, that every parameter loses in a step. Default none.
    pub weight_decay: Option<f64>,
}

impl Default for RMSprop {
    fn default() -> Self {
        Self {
            learning_rate: 1e-3,
            rho: 0.9,
            momentum: 0.0,
            epsilon: 1e-7,
            centered: false,
            weight_decay: None,
        }
    }
}

impl RMSprop {
    /// Keras's defaults with another learning rate.
    pub fn new(learning_rate: f64) -> Self {
        Self { learning_rate, ..Self::default() }
    }
}

#[diagnostic::do_not_recommend]
impl Optimizer for RMSprop {
    fn check(&self) -> Result<(), Error> {
        check_positive("learning_rate", self.learning_rate)?;
        check_positive("epsilon", self.epsilon)?;
        check_share("rho", self.rho)?;
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
            ("epsilon", self.epsilon),
            ("rho", self.rho),
            ("momentum", self.momentum),
            ("weight_decay", self.weight_decay.unwrap_or(0.0)),
        ])?;
        let [momentum, square, mean] = state.slots();
        let config = RMSpropConfig {
            lr: self.learning_rate,
            alpha: self.rho,
            eps: self.epsilon,
            momentum: (self.momentum > 0.0).then_some(self.momentum),
            centered: self.centered,
            weight_decay: decay(self.weight_decay),
        };
        let momentum = momentum.get_or_alloc_mut(parameter).or_device()?;
        let square = square.get_or_alloc_mut(parameter).or_device()?;
        let mean = mean.get_or_alloc_mut(parameter).or_device()?;
        config.try_update(parameter, momentum, square, mean, gradient).or_device()
    }

    fn bounds<E: Element, D: Backend<E>>(
        &self,
        state: &State<E, D>,
        gradient: f64,
    ) -> Option<Bounds> {
        if self.centered {
            // The difference under the root can be below 0.
            return None;
        }
        let more = gradient.max(gradient * gradient);
        let mean = more.max(self.rho * state.largest_slot + (1.0 - self.rho) * more);
        let normalised = gradient / bounds::rounded::<E>(self.epsilon).sqrt();
        let slots = mean.max(self.momentum * state.largest_slot + normalised);
        let change = self.learning_rate.max(1.0) * slots;
        Bounds { slots, change }.with_decay(self.learning_rate, self.weight_decay)
    }
}
