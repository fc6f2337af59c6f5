use kerata_kernels::adam;

use super::{
    Bounds, Fading, InKeras, IntoRate, LearningRate, Moment, Optimizer, Options, Slot, Update,
    bounds, check_moments, exactly,
    options::{optimizer, settings},
    rounded_moments,
};
use crate::{backend::Element, error::Error};

optimizer! {
    /// Adam ([Kingma and Ba 2014](https://arxiv.org/abs/1412.6980)), in Keras's form: epsilon is added to the
    /// root of the second moment before the correction of its bias.
    ///
    /// Keras: [`Adam`](https://keras.io/api/optimizers/adam/).
    pub struct Adam {
        learning_rate: 1e-3,
        /// How much of the first moment stays in a step. Default 0.9.
        beta_1: f64 = 0.9,
        /// How much of the second moment stays in a step. Default 0.999.
        beta_2: f64 = 0.999,
        /// Default 1e-7.
        epsilon: f64 = 1e-7,
        /// Whether the largest second moment so far is taken
        /// ([Reddi et al. 2018](https://openreview.net/forum?id=ryQu7f-RZ)). Default no.
        amsgrad: bool = false,
    }

    pub fn new(learning_rate: impl IntoRate); // the others are fields
}

#[diagnostic::do_not_recommend]
impl Optimizer for Adam {
    settings!("adam", Adam, 2, [beta_1 beta_2 epsilon amsgrad], is_elementwise);

    fn check(&self) -> Result<(), Error> {
        self.check_common()?;
        check_moments([self.beta_1, self.beta_2, self.epsilon])
    }

    fn slots(&self, shape: &[usize]) -> Vec<Slot> {
        let names = ["momentum", "velocity", "velocity_hat"];
        Slot::all(&names[..if self.amsgrad { 3 } else { 2 }], shape)
    }

    fn update<E: Element>(&self, update: Update<'_, E>) -> Result<(), Error> {
        let [beta_1, beta_2, _] = rounded_moments::<E>([self.beta_1, self.beta_2, self.epsilon])?;
        let Update { moment, weights, gradient, slots, .. } = update;
        let Moment { step, learning_rate, .. } = moment;
        let correction = |beta: E| (E::one() - beta.powi(step)).recip();
        let step = adam::Step {
            betas: [beta_1, beta_2],
            corrections: [beta_1, beta_2].map(correction),
            rate: E::of(learning_rate),
            // Epsilon is added behind the correction of the bias here.
            epsilon: E::of(self.epsilon / (1.0 - self.beta_2.powi(step)).sqrt()),
        };
        if self.amsgrad {
            let [first, second, largest] = exactly(slots)?;
            E::step(step, weights, gradient, [first, second], Some(largest));
        } else {
            let [first, second] = exactly(slots)?;
            E::step(step, weights, gradient, [first, second], None);
        }
        Ok(())
    }

    fn fading<E: Element>(&self) -> Option<Fading> {
        let [beta_1, beta_2] = [self.beta_1, self.beta_2].map(bounds::rounded::<E>);
        let share = beta_1 / beta_2.sqrt();
        // The corrections of the bias fade too, at most as fast as to leave the root of that.
        (share <= 0.98).then(|| Fading {
            slots: [beta_1, beta_2, 1.0][..if self.amsgrad { 3 } else { 2 }].to_vec(),
            change: share.sqrt(),
        })
    }

    fn bounds<E: Element>(&self, moment: &Moment, gradient: f64) -> Option<Bounds> {
        let [beta_1, beta_2] = [self.beta_1, self.beta_2].map(bounds::rounded::<E>);
        let slots = bounds::moments(moment, gradient, beta_1.max(beta_2));
        let corrected = slots / (1.0 - beta_1.powi(moment.step).max(beta_2.powi(moment.step)));
        let epsilon = bounds::rounded::<E>(self.epsilon);
        let change = moment.learning_rate.max(1.0) * corrected / epsilon.min(1.0);
        Some(Bounds { slots, change })
    }
}

/// Adam with decoupled weight decay ([Loshchilov and Hutter 2017](https://arxiv.org/abs/1711.05101)): the
/// decay is 0.004 by default and falls on every parameter, biases and embeddings too, but those that are excluded.
///
/// Keras: [`AdamW`](https://keras.io/api/optimizers/adamw/).
#[derive(Debug, Clone, PartialEq)]
pub struct AdamW(pub Adam);

impl Default for AdamW {
    fn default() -> Self {
        Self(Adam { weight_decay: Some(0.004), ..Adam::default() })
    }
}

impl AdamW {
    /// Keras's defaults with another learning rate and decay.
    pub fn new(learning_rate: impl IntoRate, weight_decay: f64) -> Self {
        Self(Adam { weight_decay: Some(weight_decay), ..Adam::new(learning_rate) })
    }
}

#[diagnostic::do_not_recommend]
impl Optimizer for AdamW {
    fn name(&self) -> &'static str {
        "adamw"
    }

    fn in_keras(&self) -> Option<InKeras> {
        self.0.in_keras().map(|adam| InKeras { class_name: "AdamW", ..adam })
    }

    fn learning_rate(&self) -> &LearningRate {
        self.0.learning_rate()
    }

    fn learning_rate_mut(&mut self) -> &mut LearningRate {
        self.0.learning_rate_mut()
    }

    fn options(&self) -> Options<'_> {
        self.0.options()
    }

    fn check(&self) -> Result<(), Error> {
        self.0.check()
    }

    fn slots(&self, shape: &[usize]) -> Vec<Slot> {
        self.0.slots(shape)
    }

    fn is_elementwise(&self) -> bool {
        true
    }

    fn update<E: Element>(&self, update: Update<'_, E>) -> Result<(), Error> {
        self.0.update(update)
    }

    fn fading<E: Element>(&self) -> Option<Fading> {
        self.0.fading::<E>()
    }

    fn bounds<E: Element>(&self, moment: &Moment, gradient: f64) -> Option<Bounds> {
        self.0.bounds::<E>(moment, gradient)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_fade_as_fast_as_said() {
        let mut none = 0;
        for (beta_1, beta_2) in [0.0, 0.1, 0.5, 0.8, 0.9, 0.95, 0.97, 0.99]
            .into_iter()
            .flat_map(|beta_1| [0.5, 0.9, 0.99, 0.999, 0.99999].map(|beta_2| (beta_1, beta_2)))
        {
            let adam = Adam { beta_1, beta_2, ..Adam::default() };
            let Some(Fading { change, .. }) = adam.fading::<f32>() else {
                none += 1;
                continue;
            };
            // The change of a value whose first moment was 1, by its size.
            let (mut m, mut v, mut last) = (1.0, 1e-3, f64::INFINITY);
            for step in 1..2000 {
                let corrections = [beta_1, beta_2].map(|beta: f64| 1.0 / (1.0 - beta.powi(step)));
                let epsilon = 1e-7 / (1.0 - beta_2.powi(step)).sqrt();
                let now = m * corrections[0] / (f64::sqrt(v * corrections[1]) + epsilon);
                let fades = step == 1 || now <= last * change * (1.0 + 1e-12);
                assert!(fades, "{beta_1} {beta_2} {step}: {last} {now}");
                last = now;
                (m, v) = (m * beta_1, v * beta_2);
            }
        }
        assert!((1..20).contains(&none), "{none}");
    }
}
