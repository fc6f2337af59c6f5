use super::{
    Bounds, Initial, IntoRate, Moment, Optimizer, Slot, Update, bounds, check_moments, exactly,
    options::{optimizer, settings},
    rounded_moments,
};
use crate::{
    backend::{Element, vectorized_loops},
    error::Error,
};

optimizer! {
    /// Nadam: Adam with a momentum that looks ahead, as Nesterov's
    /// ([Dozat 2015](https://cs229.stanford.edu/proj2015/054_report.pdf)).
    ///
    /// Keras: [`Nadam`](https://keras.io/api/optimizers/Nadam/).
    pub struct Nadam {
        learning_rate: 1e-3,
        /// How much of the first moment stays in a step. Default 0.9.
        beta_1: f64 = 0.9,
        /// How much of the second moment stays in a step. Default 0.999.
        beta_2: f64 = 0.999,
        /// Default 1e-7.
        epsilon: f64 = 1e-7,
    }

    pub fn new(learning_rate: impl IntoRate); // the others are fields
}

impl Nadam {
    /// How much of the first moment stays in a step, which rises to `beta_1`.
    fn momentum(&self, step: i32) -> f64 {
        self.beta_1 * (1.0 - 0.5 * 0.96_f64.powi(step))
    }
}

#[diagnostic::do_not_recommend]
impl Optimizer for Nadam {
    settings!("nadam", Nadam, 2, [beta_1 beta_2 epsilon]);

    fn check(&self) -> Result<(), Error> {
        self.check_common()?;
        check_moments([self.beta_1, self.beta_2, self.epsilon])
    }

    fn slots(&self, shape: &[usize]) -> Vec<Slot> {
        let mut slots = Slot::all(&["momentum", "velocity"], shape);
        // The product of the momenta of all steps: one value.
        slots.push(Slot { name: "u_product", len: 1, initial: Initial::Value(1.0) });
        slots
    }

    fn update<E: Element>(&self, update: Update<'_, E>) -> Result<(), Error> {
        let [beta_1, beta_2, epsilon] =
            rounded_moments::<E>([self.beta_1, self.beta_2, self.epsilon])?;
        let Update { moment, weights, gradient, slots, .. } = update;
        let Moment { step, learning_rate, .. } = moment;
        let rate = E::of(learning_rate);
        let [first, second, product] = exactly(slots)?;
        let (now, next) = (self.momentum(step), self.momentum(step.saturating_add(1)));
        product.iter_mut().for_each(|product| *product *= E::of(now));
        let product = product.first().map_or(0.0, |product| product.as_f64());
        let ahead = E::of(next / (1.0 - product * next));
        let own = E::of((1.0 - now) / (1.0 - product));
        let correction = E::one() - beta_2.powi(step);
        vectorized_loops(move || {
            for (((w, g), m), v) in weights.iter_mut().zip(gradient).zip(first).zip(second) {
                let mean = *m + (*g - *m) * (E::one() - beta_1);
                let square = *v + (*g * *g - *v) * (E::one() - beta_2);
                (*m, *v) = (mean, square);
                *w -= (ahead * mean + own * *g) * rate / ((square / correction).sqrt() + epsilon);
            }
        });
        Ok(())
    }

    fn bounds<E: Element>(&self, moment: &Moment, gradient: f64) -> Option<Bounds> {
        let [beta_1, beta_2] = [self.beta_1, self.beta_2].map(bounds::rounded::<E>);
        let slots = bounds::moments(moment, gradient, beta_1.max(beta_2)).max(1.0);
        let corrected = slots / (1.0 - beta_1).min(1.0 - beta_2.powi(moment.step));
        let epsilon = bounds::rounded::<E>(self.epsilon);
        // Twice: the mean and the gradient, or their difference.
        let change = 2.0 * moment.learning_rate.max(1.0) * corrected / epsilon.min(1.0);
        Some(Bounds { slots, change })
    }
}
