use super::{
    Bounds, Fading, IntoRate, Moment, Optimizer, Slot, Update, bounds, check_rounded, check_share,
    exactly,
    options::{optimizer, settings},
};
use crate::{
    backend::{Element, vectorized_loops},
    error::Error,
};

optimizer! {
    /// Gradient descent, with momentum or without.
    ///
    /// Keras: [`SGD`](https://keras.io/api/optimizers/sgd/).
    pub struct Sgd {
        learning_rate: 0.01,
        /// How much of the last change is made again. Default 0.
        momentum: f64 = 0.0,
        /// Whether the momentum looks ahead ([Sutskever et al. 2013](https://proceedings.mlr.press/v28/sutskever13.html)).
        /// Default no.
        nesterov: bool = false,
    }

    pub fn new(learning_rate: impl IntoRate); // the others are fields
}

#[diagnostic::do_not_recommend]
impl Optimizer for Sgd {
    settings!("sgd", SGD, 1, [momentum nesterov], is_elementwise);

    fn check(&self) -> Result<(), Error> {
        self.check_common()?;
        check_share("momentum", self.momentum)
    }

    fn slots(&self, shape: &[usize]) -> Vec<Slot> {
        Slot::all(if self.momentum > 0.0 { &["momentum"] } else { &[] }, shape)
    }

    fn update<E: Element>(&self, update: Update<'_, E>) -> Result<(), Error> {
        check_rounded::<E>(&[("momentum", self.momentum)])?;
        let (rate, momentum) = (E::of(update.moment.learning_rate), E::of(self.momentum));
        let each = update.weights.iter_mut().zip(update.gradient);
        if self.momentum == 0.0 {
            vectorized_loops(move || each.for_each(|(w, g)| *w -= *g * rate));
            return Ok(());
        }
        let [velocity] = exactly(update.slots)?;
        let nesterov = self.nesterov;
        vectorized_loops(move || {
            for ((w, g), v) in each.zip(velocity) {
                let step = *g * rate;
                *v = *v * momentum - step;
                *w -= if nesterov { step - *v * momentum } else { -*v };
            }
        });
        Ok(())
    }

    fn fading<E: Element>(&self) -> Option<Fading> {
        let change = bounds::rounded::<E>(self.momentum);
        let slots = if self.momentum > 0.0 { vec![change] } else { Vec::new() };
        (change < 1.0).then_some(Fading { slots, change })
    }

    fn bounds<E: Element>(&self, moment: &Moment, gradient: f64) -> Option<Bounds> {
        let slots = moment.learning_rate * gradient + self.momentum * moment.largest_slot;
        // Nesterov's looks ahead by the new velocity.
        let change = moment.learning_rate.max(1.0) * gradient + slots;
        Some(Bounds { slots, change })
    }
}
