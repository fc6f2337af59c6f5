use super::{
    Bounds, Fading, IntoRate, Moment, Optimizer, Slot, Update, bounds, check_positive,
    check_rounded, check_share,
    options::{optimizer, settings},
};
use crate::{
    backend::{Element, vectorized_loops},
    error::Error,
};

optimizer! {
    /// RMSprop: the gradient is divided by the root of a running mean of its squares, epsilon inside the root.
    ///
    /// Keras: [`RMSprop`](https://keras.io/api/optimizers/rmsprop/).
    pub struct RMSprop {
        learning_rate: 1e-3,
        /// How much of the running mean stays in a step. Default 0.9.
        rho: f64 = 0.9,
        /// How much of the last change is made again. Default 0.
        momentum: f64 = 0.0,
        /// Default 1e-7.
        epsilon: f64 = 1e-7,
        /// Whether the square of the mean gradient is subtracted. Default no.
        centered: bool = false,
    }

    pub fn new(learning_rate: impl IntoRate); // the others are fields
}

#[diagnostic::do_not_recommend]
impl Optimizer for RMSprop {
    settings!("rmsprop", RMSprop, 1, [rho momentum epsilon centered], is_elementwise);

    fn check(&self) -> Result<(), Error> {
        self.check_common()?;
        check_positive("epsilon", self.epsilon)?;
        check_share("rho", self.rho)?;
        check_share("momentum", self.momentum)
    }

    fn slots(&self, shape: &[usize]) -> Vec<Slot> {
        let mut names = vec!["velocity"];
        names.extend((self.momentum > 0.0).then_some("momentum"));
        names.extend(self.centered.then_some("average_gradient"));
        Slot::all(&names, shape)
    }

    fn update<E: Element>(&self, update: Update<'_, E>) -> Result<(), Error> {
        check_rounded::<E>(&[
            ("epsilon", self.epsilon),
            ("rho", self.rho),
            ("momentum", self.momentum),
        ])?;
        let [rate, rho, momentum, epsilon] =
            [update.moment.learning_rate, self.rho, self.momentum, self.epsilon].map(E::of);
        let (weights, gradient) = (update.weights, update.gradient);
        let mut slots = update.slots.into_iter();
        let Some(velocity) = slots.next() else { return Ok(()) };
        let changes = if self.momentum > 0.0 { slots.next() } else { None };
        // The variants that remember more are rare: what they need is made in loops of their own, and of the gradient.
        if let Some(means) = slots.next() {
            let each = gradient.iter_mut().zip(velocity).zip(means);
            vectorized_loops(move || {
                for ((g, v), mean) in each {
                    let square = *v * rho + (E::one() - rho) * (*g * *g);
                    let of_late = *mean * rho + (E::one() - rho) * *g;
                    (*v, *mean) = (square, of_late);
                    *g = *g / (square - of_late * of_late + epsilon).sqrt() * rate;
                }
            });
        } else if changes.is_none() {
            let each = weights.iter_mut().zip(gradient).zip(velocity);
            vectorized_loops(move || {
                for ((w, g), v) in each {
                    *v = *v * rho + (E::one() - rho) * (*g * *g);
                    *w -= *g / (*v + epsilon).sqrt() * rate;
                }
            });
            return Ok(());
        } else {
            let each = gradient.iter_mut().zip(velocity);
            vectorized_loops(move || {
                for (g, v) in each {
                    *v = *v * rho + (E::one() - rho) * (*g * *g);
                    *g = *g / (*v + epsilon).sqrt() * rate;
                }
            });
        }
        let each = weights.iter_mut().zip(gradient);
        match changes {
            Some(changes) => vectorized_loops(move || {
                for ((w, g), change) in each.zip(changes) {
                    *change = *change * momentum + *g;
                    *w -= *change;
                }
            }),
            None => vectorized_loops(move || each.for_each(|(w, g)| *w -= *g)),
        }
        Ok(())
    }

    fn fading<E: Element>(&self) -> Option<Fading> {
        let [rho, momentum] = [self.rho, self.momentum].map(bounds::rounded::<E>);
        let slots = if self.momentum > 0.0 { vec![rho, momentum] } else { vec![rho] };
        // The difference under the root can be below 0.
        (!self.centered && momentum < 1.0).then_some(Fading { slots, change: momentum })
    }

    fn bounds<E: Element>(&self, moment: &Moment, gradient: f64) -> Option<Bounds> {
        if self.centered {
            // The difference under the root can be below 0.
            return None;
        }
        let mean = bounds::moments(moment, gradient, self.rho);
        let step = moment.learning_rate.max(1.0) * gradient
            / bounds::rounded::<E>(self.epsilon).sqrt().min(1.0);
        let slots = mean.max(self.momentum * moment.largest_slot + step);
        Some(Bounds { slots, change: slots })
    }
}
