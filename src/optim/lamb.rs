use super::{
    IntoRate, Moment, Optimizer, Slot, Update, check_moments, exactly,
    options::{optimizer, settings},
    rounded_moments, squares,
};
use crate::{
    backend::{Element, vectorized_loops},
    error::Error,
};

optimizer! {
    /// Lamb ([You et al. 2019](https://arxiv.org/abs/1904.00962)): Adam whose change of a parameter has the norm of the
    /// parameter, for large batches.
    ///
    /// Keras: [`Lamb`](https://keras.io/api/optimizers/lamb/).
    pub struct Lamb {
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

#[diagnostic::do_not_recommend]
impl Optimizer for Lamb {
    settings!("lamb", Lamb, 2, [beta_1 beta_2 epsilon]);

    fn check(&self) -> Result<(), Error> {
        self.check_common()?;
        check_moments([self.beta_1, self.beta_2, self.epsilon])
    }

    fn slots(&self, shape: &[usize]) -> Vec<Slot> {
        Slot::all(&["momentum", "velocity"], shape)
    }

    fn update<E: Element>(&self, update: Update<'_, E>) -> Result<(), Error> {
        let [beta_1, beta_2, epsilon] =
            rounded_moments::<E>([self.beta_1, self.beta_2, self.epsilon])?;
        let norm = squares(update.weights).sqrt();
        let Update { moment, weights, gradient, slots, .. } = update;
        let Moment { step, learning_rate, .. } = moment;
        let corrections = [beta_1, beta_2].map(|beta| E::one() - beta.powi(step));
        let [first, second] = exactly(slots)?;
        let each = gradient.iter_mut();
        vectorized_loops(move || {
            for ((g, m), v) in each.zip(first).zip(second) {
                let mean = *m + (*g - *m) * (E::one() - beta_1);
                let square = *v + (*g * *g - *v) * (E::one() - beta_2);
                (*m, *v) = (mean, square);
                *g = mean / corrections[0] / ((square / corrections[1]).sqrt() + epsilon);
            }
        });
        let change = squares(gradient).sqrt();
        let ratio = if norm > 0.0 && change > 0.0 { norm / change } else { 1.0 };
        let rate = E::of(ratio * learning_rate);
        let each = weights.iter_mut().zip(gradient);
        vectorized_loops(move || each.for_each(|(w, g)| *w -= rate * *g));
        Ok(())
    }
}
