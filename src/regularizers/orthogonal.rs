use serde_json::{Value, json};

use super::{EPSILON, Regularizer, norms::object};
use crate::{
    error::Error,
    memory::{collected, listed},
};

/// What is to be orthogonal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OrthogonalMode {
    /// The rows.
    #[default]
    Rows,
    /// The columns.
    Columns,
}

/// `factor * sum(|cos|) / 2` over all pairs of different rows, divided by the number of pairs: the rows of a weight of two
/// dimensions are kept orthogonal.
///
/// # Errors
/// [`Error::Invalid`] for a factor that is negative or not finite; [`Error::Mismatch`] for a weight that has not two
/// dimensions.
///
/// Keras: [`OrthogonalRegularizer`](https://keras.io/api/layers/regularizers/#orthogonalregularizer-class).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OrthogonalRegularizer {
    /// Default 0.01.
    pub factor: f64,
    /// Default rows.
    pub mode: OrthogonalMode,
}

impl Default for OrthogonalRegularizer {
    fn default() -> Self {
        Self { factor: 0.01, mode: OrthogonalMode::Rows }
    }
}

/// The vectors that are to be orthogonal.
struct Vectors {
    count: usize,
    length: usize,
    /// From one vector to the next, and from one value to the next.
    strides: [usize; 2],
    /// The squares that the norms are the roots of, at least [`EPSILON`] squared.
    unit: Vec<f64>,
    norms: Vec<f64>,
}

impl OrthogonalRegularizer {
    fn vectors(&self, weight: &[f64], sizes: &[usize]) -> Result<Vectors, Error> {
        if !(self.factor >= 0.0 && self.factor.is_finite()) {
            let expected = "it must be finite, and not negative";
            return Err(Error::invalid("factor", self.factor, expected));
        }
        let &[rows, columns] = sizes else {
            let what = "the dimensions of a weight with an orthogonal regularizer";
            return Err(Error::mismatch(what, 2, sizes.len()));
        };
        let (count, length, strides) = match self.mode {
            OrthogonalMode::Rows => (rows, columns, [columns, 1]),
            OrthogonalMode::Columns => (columns, rows, [1, columns]),
        };
        let at = |vector: usize, i: usize| weight[vector * strides[0] + i * strides[1]];
        let squares = |vector| (0..length).map(|i| at(vector, i).powi(2)).sum::<f64>();
        let norm = |vector| squares(vector).max(EPSILON * EPSILON).sqrt();
        let norms = listed((0..count).map(norm))?;
        let places = (0..count).flat_map(|vector| (0..length).map(move |i| (vector, i)));
        let unit = places.map(|(vector, i)| at(vector, i) / norms[vector]);
        let unit = collected(&[count, length], unit)?;
        Ok(Vectors { count, length, strides, unit, norms })
    }

    fn share(&self, count: usize) -> f64 {
        // The cosine of each pair comes twice, and Keras halves the sum.
        let pairs = (count * count.saturating_sub(1)) as f64 / 2.0;
        if pairs == 0.0 { 0.0 } else { self.factor * 0.5 / pairs }
    }
}

impl Vectors {
    fn unit(&self, vector: usize) -> &[f64] {
        &self.unit[vector * self.length..][..self.length]
    }

    fn cosine(&self, a: usize, b: usize) -> f64 {
        self.unit(a).iter().zip(self.unit(b)).map(|(a, b)| a * b).sum()
    }
}

impl Regularizer for OrthogonalRegularizer {
    fn penalty(&self, weight: &[f64], sizes: &[usize]) -> Result<f64, Error> {
        let vectors = self.vectors(weight, sizes)?;
        let all = 0..vectors.count;
        let pairs = all.clone().flat_map(|a| all.clone().map(move |b| (a, b)));
        let sum: f64 = pairs.filter(|(a, b)| a != b).map(|(a, b)| vectors.cosine(a, b).abs()).sum();
        Ok(self.share(vectors.count) * sum)
    }

    fn add_gradient(
        &self,
        weight: &[f64],
        sizes: &[usize],
        gradient: &mut [f64],
    ) -> Result<(), Error> {
        let vectors = self.vectors(weight, sizes)?;
        let share = 2.0 * self.share(vectors.count);
        for a in 0..vectors.count {
            for b in (0..vectors.count).filter(|b| *b != a) {
                let cosine = vectors.cosine(a, b);
                let sign = if cosine == 0.0 { 0.0 } else { cosine.signum() };
                for i in 0..vectors.length {
                    let slope =
                        (vectors.unit(b)[i] - cosine * vectors.unit(a)[i]) / vectors.norms[a];
                    gradient[a * vectors.strides[0] + i * vectors.strides[1]] +=
                        share * sign * slope;
                }
            }
        }
        Ok(())
    }

    fn config(&self) -> Option<Value> {
        let mode = match self.mode {
            OrthogonalMode::Rows => "rows",
            OrthogonalMode::Columns => "columns",
        };
        Some(object("OrthogonalRegularizer", json!({ "factor": self.factor, "mode": mode })))
    }
}
