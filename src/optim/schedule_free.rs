use super::{
    Initial, IntoRate, Moment, Optimizer, Slot, Update, check, check_moments, exactly,
    options::{optimizer, settings},
    rounded_moments,
};
use crate::{
    backend::{Element, vectorized_loops},
    error::Error,
};

optimizer! {
    /// AdamW that needs no schedule of its learning rate ([Defazio et al. 2024](https://arxiv.org/abs/2405.15682)): the weights are
    /// between a point that moves, which is remembered, and the mean of all points so far.
    ///
    /// As in Keras, `predict` uses the weights that are trained, not the mean.
    ///
    /// Keras: [`ScheduleFreeAdamW`](https://keras.io/api/optimizers/).
    pub struct ScheduleFreeAdamW {
        learning_rate: 0.0025,
        /// How near the weights are to the mean, 1 for there. Default 0.9.
        beta_1: f64 = 0.9,
        /// How much of the second moment stays in a step. Default 0.999.
        beta_2: f64 = 0.999,
        /// Default 1e-8.
        epsilon: f64 = 1e-8,
        /// Over how many updates the learning rate rises to what it is. Default 0.
        warmup_steps: usize = 0,
    }

    pub fn new(learning_rate: impl IntoRate); // the others are fields
}

#[diagnostic::do_not_recommend]
impl Optimizer for ScheduleFreeAdamW {
    settings!("schedule_free_adam_w", ScheduleFreeAdamW, 2, [
        beta_1 beta_2 epsilon warmup_steps
    ], is_elementwise);

    fn check(&self) -> Result<(), Error> {
        self.check_common()?;
        check_moments([self.beta_1, self.beta_2, self.epsilon])?;
        check("beta_1", self.beta_1, self.beta_1 > 0.0, "it must be greater than 0")
    }

    fn slots(&self, shape: &[usize]) -> Vec<Slot> {
        let point = Slot { initial: Initial::OfWeights, ..Slot::zeros("momentum", shape) };
        vec![point, Slot::zeros("velocity", shape)]
    }

    fn update<E: Element>(&self, update: Update<'_, E>) -> Result<(), Error> {
        let [beta_1, beta_2, epsilon] =
            rounded_moments::<E>([self.beta_1, self.beta_2, self.epsilon])?;
        let Update { moment, weights, gradient, slots, .. } = update;
        let Moment { step, learning_rate, .. } = moment;
        let warm = (f64::from(step) / self.warmup_steps.max(1) as f64).min(1.0);
        let rate = E::of(learning_rate * warm);
        let correction = E::one() - beta_2.powi(step);
        let share = E::of(1.0 / f64::from(step));
        let [points, second] = exactly(slots)?;
        let each = weights.iter_mut().zip(gradient).zip(points).zip(second);
        vectorized_loops(move || {
            for (((w, g), point), v) in each {
                *v += (*g * *g - *v) * (E::one() - beta_2);
                let mean = (*w - (E::one() - beta_1) * *point) / beta_1;
                *point -= rate * *g / ((*v / correction).sqrt() + epsilon);
                let mean = (E::one() - share) * mean + share * *point;
                *w = (E::one() - beta_1) * *point + beta_1 * mean;
            }
        });
        Ok(())
    }
}
