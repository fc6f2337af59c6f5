use dfdx::{
    prelude::AdamConfig,
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

/// Adam ([Kingma and Ba 2014](https://arxiv.org/abs/1412.6980)), in Keras's form: epsilon is added to the
/// root of the second moment before the correction of its bias.
///
/// Keras: [`Adam`](https://keras.io/api/optimizers/adam/).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adam {
    /// Default 0.001.
    pub learning_rate: f64,
    /// How much of the first moment stays in a step. Default 0.9.
    pub beta_1: f64,
    /// How much of the second moment stays in a step. Default 0.999.
    pub beta_2: f64,
    /// Default 1e-7.
    pub epsilon: f64,
    /// The share, times the learning rate, that every parameter loses in a step. Default none.
    pub weight_decay: Option<f64>,
}

impl Default for Adam {
    fn default() -> Self {
        Self { learning_rate: 1e-3, beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7, weight_decay: None }
    }
}

impl Adam {
    /// Keras's defaults with another learning rate.
    pub fn new(learning_rate: f64) -> Self {
        Self { learning_rate, ..Self::default() }
    }
}

#[diagnostic::do_not_recommend]
impl Optimizer for Adam {
    fn check(&self) -> Result<(), Error> {
        check_positive("learning_rate", self.learning_rate)?;
        check_positive("epsilon", self.epsilon)?;
        check_share("beta_1", self.beta_1)?;
        check_share("beta_2", self.beta_2)?;
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
            ("beta_1", self.beta_1),
            ("beta_2", self.beta_2),
            ("weight_decay", self.weight_decay.unwrap_or(0.0)),
        ])?;
        let step = state.now();
        let [first, second] = state.slots();
        let config = AdamConfig {
            lr: self.learning_rate,
            betas: [self.beta_1, self.beta_2],
            // dfdx adds epsilon after the correction of the bias.
            eps: self.epsilon / (1.0 - self.beta_2.powi(step)).sqrt(),
            weight_decay: decay(self.weight_decay),
        };
        let first = first.get_or_alloc_mut(parameter).or_device()?;
        let second = second.get_or_alloc_mut(parameter).or_device()?;
        config.try_update(step, parameter, first, second, gradient).or_device()
    }

    fn bounds<E: Element, D: Backend<E>>(
        &self,
        state: &State<E, D>,
        gradient: f64,
    ) -> Option<Bounds> {
        let [beta_1, beta_2] = [self.beta_1, self.beta_2].map(bounds::rounded::<E>);
        // The moments are means of the slots and of the gradient or its square.
        let (more, kept) = (gradient.max(gradient * gradient), beta_1.max(beta_2));
        let slots = more.max(kept * state.largest_slot + (1.0 - kept) * more);
        let corrected = slots / (1.0 - beta_1.powi(state.now()).max(beta_2.powi(state.now())));
        let epsilon = bounds::rounded::<E>(self.epsilon);
        let change = self.learning_rate.max(1.0) * corrected / epsilon.min(1.0);
        Bounds { slots, change }.with_decay(self.learning_rate, self.weight_decay)
    }
}

/// Adam with decoupled weight decay ([Loshchilov and Hutter 2017](https://arxiv.org/abs/1711.05101)): the
/// decay is 0.004 by default and falls on every parameter, biases and embeddings too.
///
/// Keras: [`AdamW`](https://keras.io/api/optimizers/adamw/).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamW(pub Adam);

impl Default for AdamW {
    fn default() -> Self {
        Self(Adam { weight_decay: Some(0.004), ..Adam::default() })
    }
}

impl AdamW {
    /// Keras's defaults with another learning rate and decay.
    pub fn new(learning_rate: f64, weight_decay: f64) -> Self {
        Self(Adam { weight_decay: Some(weight_decay), ..Adam::new(learning_rate) })
    }
}

#[diagnostic::do_not_recommend]
impl Optimizer for AdamW {
    fn check(&self) -> Result<(), Error> {
        self.0.check()
    }

    fn update<S: Shape, E: Element, D: Backend<E>>(
        &self,
        state: &mut State<E, D>,
        parameter: &mut Tensor<S, E, D>,
        gradient: &<D as Storage<E>>::Vec,
    ) -> Result<(), Error> {
        self.0.update(state, parameter, gradient)
    }

    fn bounds<E: Element, D: Backend<E>>(
        &self,
        state: &State<E, D>,
        gradient: f64,
    ) -> Option<Bounds> {
        self.0.bounds(state, gradient)
    }
}
