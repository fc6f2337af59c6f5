use super::{
    Bounds, IntoRate, Moment, Optimizer, Slot, Update, bounds, check_moments, exactly,
    options::{optimizer, settings},
    rounded_moments,
};
use crate::{
    backend::{Element, vectorized_loops},
    error::Error,
};

optimizer! {
    /// Adamax: Adam with the largest gradient of late instead of the second moment
    /// ([Kingma and Ba 2014](https://arxiv.org/abs/1412.6980), section 7).
    ///
    /// Keras: [`Adamax`](https://keras.io/api/optimizers/adamax/).
    pub struct Adamax {
        learning_rate: 1e-3,
        /// How much of the first moment stays in a step. Default 0.9.
        beta_1: f64 = 0.9,
        /// How much of the largest gradient stays in a step. Default 0.999.
        beta_2: f64 = 0.999,
        /// Default 1e-7.
        epsilon: f64 = 1e-7,
    }

    pub fn new(learning_rate: impl IntoRate); // the others are fields
}

#[diagnostic::do_not_recommend]
impl Optimizer for Adamax {
    settings!("adamax", Adamax, 2, [beta_1 beta_2 epsilon], is_elementwise);

    fn check(&self) -> Result<(), Error> {
        self.check_common()?;
        check_moments([self.beta_1, self.beta_2, self.epsilon])
    }

    fn slots(&self, shape: &[usize]) -> Vec<Slot> {
        Slot::all(&["momentum", "norm"], shape)
    }

    fn update<E: Element>(&self, update: Update<'_, E>) -> Result<(), Error> {
        let [beta_1, beta_2, epsilon] =
            rounded_moments::<E>([self.beta_1, self.beta_2, self.epsilon])?;
        let rate = E::of(update.moment.learning_rate);
        let correction = E::one() - beta_1.powi(update.moment.step);
        let [first, norm] = exactly(update.slots)?;
        let each = update.weights.iter_mut().zip(update.gradient).zip(first).zip(norm);
        vectorized_loops(move || {
            for (((w, g), m), u) in each {
                let mean = *m + (*g - *m) * (E::one() - beta_1);
                let (kept, size) = (*u * beta_2, g.abs());
                let largest = if kept > size { kept } else { size };
                (*m, *u) = (mean, largest);
                *w -= rate * mean / (correction * (largest + epsilon));
            }
        });
        Ok(())
    }

    fn bounds<E: Element>(&self, moment: &Moment, gradient: f64) -> Option<Bounds> {
        let beta_1 = bounds::rounded::<E>(self.beta_1);
        let slots = gradient.max(moment.largest_slot);
        let least = (1.0 - beta_1.powi(moment.step)) * bounds::rounded::<E>(self.epsilon);
        // The difference to the first moment can be twice as large.
        let change = (2.0 * slots).max(moment.learning_rate.max(1.0) * slots / least.min(1.0));
        Some(Bounds { slots, change })
    }
}
