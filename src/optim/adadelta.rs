use super::{
    Bounds, Fading, IntoRate, Moment, Optimizer, Slot, Update, bounds, check_positive,
    check_rounded, check_share, exactly,
    options::{optimizer, settings},
};
use crate::{
    backend::{Element, vectorized_loops},
    error::Error,
};

optimizer! {
    /// Adadelta ([Zeiler 2012](https://arxiv.org/abs/1212.5701)): the gradient in units of its own size, times the size
    /// of the last changes.
    ///
    /// Keras: [`Adadelta`](https://keras.io/api/optimizers/adadelta/).
    pub struct Adadelta {
        learning_rate: 1e-3,
        /// How much of the running means stays in a step. Default 0.95.
        rho: f64 = 0.95,
        /// Default 1e-7.
        epsilon: f64 = 1e-7,
    }

    pub fn new(learning_rate: impl IntoRate); // the others are fields
}

#[diagnostic::do_not_recommend]
impl Optimizer for Adadelta {
    settings!("adadelta", Adadelta, 2, [rho epsilon], is_elementwise);

    fn check(&self) -> Result<(), Error> {
        self.check_common()?;
        check_positive("epsilon", self.epsilon)?;
        check_share("rho", self.rho)
    }

    fn slots(&self, shape: &[usize]) -> Vec<Slot> {
        Slot::all(&["accumulated_grad", "accumulated_delta_var"], shape)
    }

    fn update<E: Element>(&self, update: Update<'_, E>) -> Result<(), Error> {
        check_rounded::<E>(&[("epsilon", self.epsilon), ("rho", self.rho)])?;
        let [rate, rho, epsilon] = [update.moment.learning_rate, self.rho, self.epsilon].map(E::of);
        let [squares, changes] = exactly(update.slots)?;
        let each = update.weights.iter_mut().zip(update.gradient).zip(squares).zip(changes);
        vectorized_loops(move || {
            for (((w, g), square), change) in each {
                *square = rho * *square + (E::one() - rho) * (*g * *g);
                let delta = (*change + epsilon).sqrt() * *g / (*square + epsilon).sqrt();
                *change = rho * *change + (E::one() - rho) * (delta * delta);
                *w -= rate * delta;
            }
        });
        Ok(())
    }

    fn fading<E: Element>(&self) -> Option<Fading> {
        Some(Fading { slots: vec![bounds::rounded::<E>(self.rho); 2], change: 0.0 })
    }

    fn bounds<E: Element>(&self, moment: &Moment, gradient: f64) -> Option<Bounds> {
        let epsilon = bounds::rounded::<E>(self.epsilon);
        let root = (moment.largest_slot + epsilon).sqrt();
        let delta = root.max(1.0) * gradient / epsilon.sqrt().min(1.0);
        let slots = bounds::moments(moment, gradient, self.rho).max(delta * delta);
        Some(Bounds { slots, change: moment.learning_rate.max(1.0) * delta })
    }
}
