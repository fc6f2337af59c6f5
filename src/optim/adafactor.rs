use super::{
    Initial, IntoRate, Optimizer, Slot, Update, check, check_not_negative, check_positive,
    options::{optimizer, settings},
    squares,
};
use crate::{backend::Element, error::Error};

optimizer! {
    /// Adafactor ([Shazeer and Stern 2018](https://arxiv.org/abs/1804.04235)): the mean squares of a matrix are kept as
    /// those of its rows and of its columns, which takes little memory.
    ///
    /// Keras: [`Adafactor`](https://keras.io/api/optimizers/adafactor/). Where a matrix is factored, Keras keeps a
    /// third, full slot all the same; it can be computed from the two, and is not kept here.
    pub struct Adafactor {
        learning_rate: 1e-3,
        /// How the part of the running means that stays grows with the steps. Default -0.8.
        beta_2_decay: f64 = -0.8,
        /// Added to the squares of gradients. Default 1e-30.
        epsilon_1: f64 = 1e-30,
        /// The least size that a parameter counts as. Default 0.001.
        epsilon_2: f64 = 1e-3,
        /// The most that the root of the mean square of a change can be. Default 1.
        clip_threshold: f64 = 1.0,
        /// Whether the rate falls with the root of the steps, if it is a number. Default yes.
        relative_step: bool = true,
    }

    pub fn new(learning_rate: impl IntoRate); // the others are fields
}

/// The sizes of the last two axes of a parameter that is factored, rows and columns.
fn matrix(shape: &[usize]) -> Option<(usize, usize)> {
    shape.last_chunk().map(|[rows, columns]| (*rows, *columns))
}

/// The root of the mean square.
fn rms<E: Element>(values: &[E]) -> f64 {
    (squares(values) / values.len().max(1) as f64).sqrt()
}

#[diagnostic::do_not_recommend]
impl Optimizer for Adafactor {
    settings!("adafactor", Adafactor, 3, [
        beta_2_decay epsilon_1 epsilon_2 clip_threshold relative_step
    ]);

    fn check(&self) -> Result<(), Error> {
        self.check_common()?;
        let decay = self.beta_2_decay;
        check("beta_2_decay", decay, decay <= 0.0 && decay.is_finite(), "it must be at most 0")?;
        check_not_negative("epsilon_1", self.epsilon_1)?;
        check_not_negative("epsilon_2", self.epsilon_2)?;
        check_positive("clip_threshold", self.clip_threshold)
    }

    fn slots(&self, shape: &[usize]) -> Vec<Slot> {
        match matrix(shape) {
            None => vec![Slot::zeros("velocity", shape)],
            Some((rows, columns)) => {
                let matrices: usize = shape[..shape.len() - 2].iter().product();
                let slot = |name, len| Slot { name, len, initial: Initial::Value(0.0) };
                vec![slot("row", matrices * rows), slot("column", matrices * columns)]
            }
        }
    }

    fn slots_in_keras<E: Element>(
        &self,
        shape: &[usize],
        slots: &[(&str, &[E])],
    ) -> Vec<(&'static str, Vec<usize>, Vec<E>)> {
        let (Some((rows, columns)), &[(_, r), (_, c)]) = (matrix(shape), slots) else {
            // Keras has two placeholders in front of what is not factored.
            let none = ["row", "column"].map(|name| (name, Vec::new(), vec![E::zero()]));
            let values =
                slots.iter().map(|(_, values)| ("velocity", shape.to_vec(), values.to_vec()));
            return none.into_iter().chain(values).collect();
        };
        // The full one is what the last step has made of the two.
        let means = r.chunks(rows.max(1)).zip(c.chunks(columns.max(1)));
        let full = means.flat_map(|(r, c)| {
            let mean = r.iter().map(|r| r.as_f64()).sum::<f64>() / rows as f64;
            r.iter().flat_map(move |r| c.iter().map(move |c| r.as_f64() / mean * c.as_f64()))
        });
        let outer = &shape[..shape.len() - 2];
        vec![
            ("row", [outer, &[rows]].concat(), r.to_vec()),
            ("column", [outer, &[columns]].concat(), c.to_vec()),
            ("velocity", shape.to_vec(), full.map(E::of).collect()),
        ]
    }

    fn update<E: Element>(&self, update: Update<'_, E>) -> Result<(), Error> {
        let step = f64::from(update.moment.step);
        let mut rate = update.moment.learning_rate;
        if self.relative_step && !self.learning_rate.is_schedule() {
            rate = rate.min(1.0 / step.sqrt());
        }
        let size = rms(update.weights).max(self.epsilon_2);
        let alpha = size * rate.min(1.0 / step.sqrt());
        let beta = 1.0 - step.powf(self.beta_2_decay);
        let square = move |g: E| g.as_f64() * g.as_f64() + self.epsilon_1;
        let follow = |mean: &mut E, new: f64| {
            *mean = E::of(beta * mean.as_f64() + (1.0 - beta) * new);
            mean.as_f64()
        };
        let Update { shape, weights, gradient, mut slots, .. } = update;
        match (matrix(shape), &mut *slots) {
            (Some((rows, columns)), [row_means, column_means]) if rows * columns > 0 => {
                let means = row_means.chunks_mut(rows).zip(column_means.chunks_mut(columns));
                for (values, (r, c)) in gradient.chunks_mut(rows * columns).zip(means) {
                    let (mut of_rows, mut of_columns) = (vec![0.0; rows], vec![0.0; columns]);
                    for (row, sum) in values.chunks(columns).zip(&mut of_rows) {
                        for (&g, column) in row.iter().zip(&mut of_columns) {
                            let square = square(g);
                            *sum += square / columns as f64;
                            *column += square / rows as f64;
                        }
                    }
                    let follow = |means: &mut [E], new: Vec<f64>| -> Vec<f64> {
                        means.iter_mut().zip(new).map(|(mean, new)| follow(mean, new)).collect()
                    };
                    let (r, c) = (follow(r, of_rows), follow(c, of_columns));
                    let mean = r.iter().sum::<f64>() / rows as f64;
                    for (row, r) in values.chunks_mut(columns).zip(r) {
                        for (g, c) in row.iter_mut().zip(&c) {
                            *g = E::of(g.as_f64() / (r / mean * c).sqrt());
                        }
                    }
                }
            }
            (_, slots) => {
                let squares = slots.iter_mut().flat_map(|slot| slot.iter_mut());
                for (g, v) in gradient.iter_mut().zip(squares) {
                    *g = E::of(g.as_f64() / follow(v, square(*g)).sqrt());
                }
            }
        }
        let scale = E::of(alpha / (rms(gradient) / self.clip_threshold).max(1.0));
        weights.iter_mut().zip(gradient).for_each(|(w, g)| *w -= *g * scale);
        Ok(())
    }
}
