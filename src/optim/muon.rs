use super::{
    Adam, IntoRate, Moment, Optimizer, Slot, Update, check, check_not_negative, check_positive,
    check_rounded, check_share, exactly,
    options::{optimizer, settings},
    squares,
};
use crate::{
    backend::{Element, Matrix, memory::filled, parallel, product_into, vectorized_loops},
    error::Error,
};

optimizer! {
    /// Muon ([Jordan et al. 2024](https://kellerjordan.github.io/posts/muon/), [Liu et al. 2025](https://arxiv.org/abs/2502.16982)):
    /// the change of a matrix is its momentum with all singular values near 1.
    ///
    /// What is no matrix, embeddings, and layers that are excluded move by [`AdamW`](super::AdamW). Name the output layer there.
    ///
    /// Keras: [`Muon`](https://keras.io/api/optimizers/muon/).
    ///
    /// ```
    /// use kerata::optim::Muon;
    ///
    /// let muon = Muon { exclude_layers: vec!["head".into()], ..Muon::new(0.02) };
    /// assert_eq!(muon.momentum, 0.95);
    /// ```
    pub struct Muon {
        learning_rate: 1e-3; weight_decay: 0.004,
        /// For what moves by AdamW: how much of the first moment stays in a step. Default 0.9.
        adam_beta_1: f64 = 0.9,
        /// How much of the second moment stays in a step. Default 0.999.
        adam_beta_2: f64 = 0.999,
        /// Its weight decay. Default 0.004.
        adam_weight_decay: Option<f64> = Some(0.004),
        /// Default 1e-7.
        epsilon: f64 = 1e-7,
        /// What the learning rate is multiplied by. Default 1.
        adam_lr_ratio: f64 = 1.0,
        /// Parameters in whose names one of these stands, `head` in `head.kernel`, move by AdamW. The names begin with those of the fields; layers of a
        /// [`Sequential`](crate::model::Sequential) are counted, `1.kernel`, and those of a dynamic one likewise. Default none.
        exclude_layers: Vec<String> = Vec::new(),
        /// Whether those do in whose names `embedding` stands. Default yes.
        exclude_embeddings: bool = true,
        /// How much of the momentum stays in a step. Default 0.95.
        momentum: f64 = 0.95,
        /// Whether the gradient is added to the momentum once more. Default yes.
        nesterov: bool = true,
        /// How often the singular values are brought nearer to 1. Default 5.
        ns_steps: usize = 5,
        /// A singular value `s` becomes `a s + b s^3 + c s^5`. Default 3.4445.
        muon_a: f64 = 3.4445,
        /// Default -4.7750.
        muon_b: f64 = -4.7750,
        /// Default 2.0315.
        muon_c: f64 = 2.0315,
        /// The root of the mean square of a change, which then fits the learning rate and the decay of Adam; with `None` it depends on
        /// the sizes of the matrix. Default 0.2.
        rms_rate: Option<f64> = Some(0.2),
    }

    pub fn new(learning_rate: impl IntoRate); // the others are fields
}

/// So many rows of a product are a job. It does not depend on the number of threads, so that the numbers do not.
const ROWS: usize = 256;

impl Muon {
    /// Whether a parameter moves by AdamW.
    fn is_by_adam(&self, name: &str, shape: &[usize]) -> bool {
        let is_table = || self.exclude_embeddings && name.to_lowercase().contains("embedding");
        let is_excluded = || self.exclude_layers.iter().any(|word| name.contains(word.as_str()));
        shape.len() != 2 || is_table() || is_excluded()
    }

    fn move_by_adam<E: Element>(&self, update: Update<'_, E>) -> Result<(), Error> {
        check_rounded::<E>(&[
            ("adam_beta_1", self.adam_beta_1),
            ("adam_beta_2", self.adam_beta_2),
            ("epsilon", self.epsilon),
        ])?;
        let (beta_1, beta_2) = (self.adam_beta_1, self.adam_beta_2);
        let adam = Adam { beta_1, beta_2, epsilon: self.epsilon, ..Adam::default() };
        let learning_rate = update.moment.learning_rate * self.adam_lr_ratio;
        adam.update(Update { moment: Moment { learning_rate, ..update.moment }, ..update })
    }

    fn move_matrix<E: Element>(&self, update: Update<'_, E>) -> Result<(), Error> {
        let Update { moment, shape, weights, gradient, slots, .. } = update;
        let (rows, columns) = (shape[0], shape[1]);
        let (few, many) = (rows.min(columns), rows.max(columns));
        let [momentum] = exactly(slots)?;
        let (kept, nesterov) = (E::of(self.momentum), self.nesterov);
        let each = gradient.iter_mut().zip(momentum);
        vectorized_loops(move || {
            for (g, m) in each {
                *m += *g + *m * (kept - E::one());
                *g = if nesterov { *g + kept * *m } else { *m };
            }
        });
        let scale = E::of(squares(gradient).sqrt() + 1e-7).recip();
        gradient.iter_mut().for_each(|g| *g *= scale);
        let is_tall = rows > columns;
        let mut direction = filled(&[few, many], E::zero())?;
        match is_tall {
            true => transpose(gradient, columns, &mut direction),
            false => direction.copy_from_slice(gradient),
        }
        self.flatten(&mut direction, few, many)?;
        let scale = self.rms_rate.map_or(1.0, |rate| rate * (many as f64).sqrt());
        let rate = E::of(moment.learning_rate * scale);
        if is_tall {
            transpose(&direction, many, gradient);
        } else {
            gradient.copy_from_slice(&direction);
        }
        let each = weights.iter_mut().zip(gradient);
        vectorized_loops(move || each.for_each(|(w, g)| *w -= rate * *g));
        Ok(())
    }

    /// Brings the singular values of a matrix of `few` rows, at most 1, near to 1.
    fn flatten<E: Element>(&self, x: &mut [E], few: usize, many: usize) -> Result<(), Error> {
        let [a, b, c] = [self.muon_a, self.muon_b, self.muon_c].map(E::of);
        let mut angles = filled(&[few, few], E::zero())?;
        let mut sums = filled(&[few, few], E::zero())?;
        let mut next = filled(&[few, many], E::zero())?;
        for _ in 0..self.ns_steps {
            let rows = Matrix::new(&*x, few, many);
            product(&mut angles, few, rows, rows.transposed())?;
            let square = Matrix::new(&angles, few, few);
            product(&mut sums, few, square, square)?;
            sums.iter_mut().zip(&angles).for_each(|(sum, angle)| *sum = b * *angle + c * *sum);
            product(&mut next, many, Matrix::new(&sums, few, few), rows)?;
            x.iter_mut().zip(&next).for_each(|(x, more)| *x = a * *x + *more);
        }
        Ok(())
    }
}

#[diagnostic::do_not_recommend]
impl Optimizer for Muon {
    settings!("muon", Muon, 2, [
        adam_beta_1 adam_beta_2 adam_weight_decay epsilon adam_lr_ratio exclude_layers exclude_embeddings momentum nesterov ns_steps
        muon_a muon_b muon_c rms_rate
    ]);

    fn check(&self) -> Result<(), Error> {
        self.check_common()?;
        check_positive("epsilon", self.epsilon)?;
        check_share("adam_beta_1", self.adam_beta_1)?;
        check_share("adam_beta_2", self.adam_beta_2)?;
        check_share("momentum", self.momentum)?;
        check_not_negative("adam_weight_decay", self.adam_weight_decay.unwrap_or(0.0))?;
        check_not_negative("adam_lr_ratio", self.adam_lr_ratio)?;
        check_not_negative("rms_rate", self.rms_rate.unwrap_or(0.0))?;
        let all = [("muon_a", self.muon_a), ("muon_b", self.muon_b), ("muon_c", self.muon_c)];
        all.into_iter().try_for_each(|(name, value)| {
            check(name, value, value.is_finite(), "it must be finite")
        })
    }

    fn slots(&self, shape: &[usize]) -> Vec<Slot> {
        Slot::all(&["momentum", "velocity"], shape)
    }

    fn slots_of(&self, name: &str, shape: &[usize]) -> Vec<Slot> {
        let mut slots = self.slots(shape);
        slots.truncate(if self.is_by_adam(name, shape) { 2 } else { 1 });
        slots
    }

    fn weight_decay_of(&self, name: &str, shape: &[usize]) -> Option<f64> {
        if self.is_by_adam(name, shape) { self.adam_weight_decay } else { self.weight_decay }
    }

    fn update<E: Element>(&self, update: Update<'_, E>) -> Result<(), Error> {
        match self.is_by_adam(update.name, update.shape) {
            true => self.move_by_adam(update),
            false => self.move_matrix(update),
        }
    }
}

/// `c = a b` of this many columns, on all threads.
fn product<E: Element>(
    c: &mut [E],
    columns: usize,
    a: Matrix<'_, E>,
    b: Matrix<'_, E>,
) -> Result<(), Error> {
    let jobs = c.chunks_mut((ROWS * columns).max(1)).enumerate().collect();
    let done = parallel(jobs, |(i, c): (usize, &mut [E])| {
        let rows = a.rows(i * ROWS, c.len() / columns);
        product_into(c, columns, rows, b, false)
    });
    done.into_iter().collect::<Result<(), _>>()?;
    Ok(())
}

/// Writes the columns of a matrix as rows.
fn transpose<E: Element>(from: &[E], columns: usize, to: &mut [E]) {
    let rows = from.len() / columns.max(1);
    for (column, to) in to.chunks_exact_mut(rows.max(1)).enumerate() {
        to.iter_mut().zip(from[column..].iter().step_by(columns)).for_each(|(to, x)| *to = *x);
    }
}
