use super::{
    Bounds, IntoRate, Moment, Optimizer, Slot, Update, check, check_rounded, check_share, exactly,
    options::{optimizer, settings},
};
use crate::{
    backend::{Element, vectorized_loops},
    error::Error,
};

optimizer! {
    /// Lion ([Chen et al. 2023](https://arxiv.org/abs/2302.06675)): every weight moves by the learning rate, along the
    /// sign of a mean of the last gradients. The rate should be a third to a tenth of Adam's.
    ///
    /// Keras: [`Lion`](https://keras.io/api/optimizers/lion/).
    pub struct Lion {
        learning_rate: 1e-3,
        /// How much of the mean counts against the gradient of the step. Default 0.9.
        beta_1: f64 = 0.9,
        /// How much of the mean stays in a step. Default 0.99.
        beta_2: f64 = 0.99,
    }

    pub fn new(learning_rate: impl IntoRate); // the others are fields
}

/// -1, 0 or 1.
#[inline(always)]
fn sign<E: Element>(x: E) -> E {
    if x > E::zero() {
        E::one()
    } else if x < E::zero() {
        -E::one()
    } else {
        x
    }
}

#[diagnostic::do_not_recommend]
impl Optimizer for Lion {
    settings!("lion", Lion, 1, [beta_1 beta_2], is_elementwise);

    fn check(&self) -> Result<(), Error> {
        self.check_common()?;
        let fits = self.beta_1 > 0.0 && self.beta_1 <= 1.0;
        check("beta_1", self.beta_1, fits, "it must be above 0 and at most 1")?;
        check_share("beta_2", self.beta_2)
    }

    fn slots(&self, shape: &[usize]) -> Vec<Slot> {
        Slot::all(&["momentum"], shape)
    }

    fn update<E: Element>(&self, update: Update<'_, E>) -> Result<(), Error> {
        check_rounded::<E>(&[("beta_1", self.beta_1), ("beta_2", self.beta_2)])?;
        let [rate, beta_1, beta_2] =
            [update.moment.learning_rate, self.beta_1, self.beta_2].map(E::of);
        let [mean] = exactly(update.slots)?;
        let each = update.weights.iter_mut().zip(update.gradient).zip(mean);
        vectorized_loops(move || {
            for ((w, g), m) in each {
                let direction = *m * beta_1 + *g * (E::one() - beta_1);
                *m = *m * beta_2 + *g * (E::one() - beta_2);
                *w -= rate * sign(direction);
            }
        });
        Ok(())
    }

    fn bounds<E: Element>(&self, moment: &Moment, gradient: f64) -> Option<Bounds> {
        let slots = gradient.max(moment.largest_slot);
        Some(Bounds { slots, change: slots.max(moment.learning_rate) })
    }
}
