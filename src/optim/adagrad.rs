use super::{
    Bounds, Fading, Initial, IntoRate, Moment, Optimizer, Slot, Update, bounds, check_not_negative,
    check_positive, check_rounded, exactly,
    options::{optimizer, settings},
};
use crate::{
    backend::{Element, vectorized_loops},
    error::Error,
};

optimizer! {
    /// Adagrad ([Duchi et al. 2011](https://jmlr.org/papers/v12/duchi11a.html)): the gradient is divided by the root
    /// of the sum of all its squares.
    ///
    /// Keras: [`Adagrad`](https://keras.io/api/optimizers/adagrad/).
    pub struct Adagrad {
        learning_rate: 1e-3,
        /// What the sums begin with. Default 0.1.
        initial_accumulator_value: f64 = 0.1,
        /// Default 1e-7.
        epsilon: f64 = 1e-7,
    }

    pub fn new(learning_rate: impl IntoRate); // the others are fields
}

#[diagnostic::do_not_recommend]
impl Optimizer for Adagrad {
    settings!("adagrad", Adagrad, 1, [initial_accumulator_value epsilon], is_elementwise);

    fn check(&self) -> Result<(), Error> {
        self.check_common()?;
        check_positive("epsilon", self.epsilon)?;
        check_not_negative("initial_accumulator_value", self.initial_accumulator_value)
    }

    fn slots(&self, shape: &[usize]) -> Vec<Slot> {
        let initial = Initial::Value(self.initial_accumulator_value);
        vec![Slot { initial, ..Slot::zeros("accumulator", shape) }]
    }

    fn update<E: Element>(&self, update: Update<'_, E>) -> Result<(), Error> {
        check_rounded::<E>(&[("epsilon", self.epsilon)])?;
        let [rate, epsilon] = [update.moment.learning_rate, self.epsilon].map(E::of);
        let [sums] = exactly(update.slots)?;
        let each = update.weights.iter_mut().zip(update.gradient).zip(sums);
        vectorized_loops(move || {
            for ((w, g), sum) in each {
                *sum += *g * *g;
                *w -= rate * *g / (*sum + epsilon).sqrt();
            }
        });
        Ok(())
    }

    fn fading<E: Element>(&self) -> Option<Fading> {
        Some(Fading { slots: vec![1.0], change: 0.0 })
    }

    fn bounds<E: Element>(&self, moment: &Moment, gradient: f64) -> Option<Bounds> {
        let slots = moment.largest_slot.max(self.initial_accumulator_value) + gradient * gradient;
        let root = bounds::rounded::<E>(self.epsilon).sqrt().min(1.0);
        Some(Bounds { slots, change: moment.learning_rate.max(1.0) * gradient / root })
    }
}
