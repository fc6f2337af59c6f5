use super::{
    Initial, IntoRate, Optimizer, Slot, Update, check, check_not_negative, exactly,
    options::{optimizer, settings},
};
use crate::{
    backend::{Element, vectorized_loops},
    error::Error,
};

optimizer! {
    /// Follow the regularised leader
    /// ([McMahan et al. 2013](https://research.google.com/pubs/archive/41159.pdf)): with L1, weights become 0 exactly.
    ///
    /// Keras: [`Ftrl`](https://keras.io/api/optimizers/ftrl/).
    pub struct Ftrl {
        learning_rate: 1e-3,
        /// How fast the rate falls, at most 0; at 0 it is fixed. Default -0.5.
        learning_rate_power: f64 = -0.5,
        /// What the sums of the squares begin with. Default 0.1.
        initial_accumulator_value: f64 = 0.1,
        /// L1, by which weights become 0. Default 0.
        l1_regularization_strength: f64 = 0.0,
        /// L2. Default 0.
        l2_regularization_strength: f64 = 0.0,
        /// L2 on the gradient. Default 0.
        l2_shrinkage_regularization_strength: f64 = 0.0,
        /// The beta of the paper. Default 0.
        beta: f64 = 0.0,
    }

    pub fn new(learning_rate: impl IntoRate); // the others are fields
}

#[diagnostic::do_not_recommend]
impl Optimizer for Ftrl {
    settings!("ftrl", Ftrl, 2, [
        learning_rate_power initial_accumulator_value l1_regularization_strength
        l2_regularization_strength l2_shrinkage_regularization_strength beta
    ], is_elementwise);

    fn check(&self) -> Result<(), Error> {
        self.check_common()?;
        let power = self.learning_rate_power;
        let fits = power <= 0.0 && power.is_finite();
        check("learning_rate_power", power, fits, "it must be at most 0")?;
        check_not_negative("initial_accumulator_value", self.initial_accumulator_value)?;
        check_not_negative("l1_regularization_strength", self.l1_regularization_strength)?;
        check_not_negative("l2_regularization_strength", self.l2_regularization_strength)?;
        let shrinkage = self.l2_shrinkage_regularization_strength;
        check_not_negative("l2_shrinkage_regularization_strength", shrinkage)?;
        check_not_negative("beta", self.beta)
    }

    fn slots(&self, shape: &[usize]) -> Vec<Slot> {
        let initial = Initial::Value(self.initial_accumulator_value);
        vec![Slot { initial, ..Slot::zeros("accumulator", shape) }, Slot::zeros("linear", shape)]
    }

    fn update<E: Element>(&self, update: Update<'_, E>) -> Result<(), Error> {
        let rate = update.moment.learning_rate;
        if rate == 0.0 {
            // Nothing can be divided by it, and nothing would move.
            return Ok(());
        }
        let l2 = self.l2_regularization_strength + self.beta / (2.0 * rate);
        let [rate, l2, l1, shrinkage] = [
            rate,
            2.0 * l2,
            self.l1_regularization_strength,
            2.0 * self.l2_shrinkage_regularization_strength,
        ]
        .map(E::of);
        let power = E::of(-self.learning_rate_power);
        let root = self.learning_rate_power == -0.5;
        let raised = move |sum: E| if root { sum.sqrt() } else { sum.powf(power) };
        let [sums, linears] = exactly(update.slots)?;
        let each = update.weights.iter_mut().zip(update.gradient).zip(sums).zip(linears);
        vectorized_loops(move || {
            for (((w, g), sum), linear) in each {
                let more = *sum + *g * *g;
                let (new, old) = (raised(more), raised(*sum));
                *linear += *g + shrinkage * *w - (new - old) / rate * *w;
                let clipped = linear.max(-l1).min(l1);
                // The weight becomes this, whatever it was.
                *w = (clipped - *linear) / (new / rate + l2);
                *sum = more;
            }
        });
        Ok(())
    }
}
