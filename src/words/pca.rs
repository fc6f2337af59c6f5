use super::WordVectors;
use crate::{error::Error, order::sort_places};

/// Words on a plane, where their vectors differ most.
#[derive(Debug, Clone, PartialEq)]
pub struct Projection {
    /// A point for each word.
    pub points: Vec<[f64; 2]>,
    /// Which share of the whole variance each axis shows, from 0 to 1.
    pub explained: [f64; 2],
}

/// Sweeps of Jacobi's method; some ten are enough for any matrix.
const SWEEPS: usize = 60;

impl WordVectors {
    /// The vectors of some words, projected on the plane in which they differ most: the first two principal
    /// components. Of two mirrored axes it is the one whose largest number is positive.
    ///
    /// # Errors
    /// [`Error::UnknownWord`]; [`Error::Empty`] for no words.
    ///
    /// ```
    /// use kerata::words::WordVectors;
    ///
    /// let vectors = WordVectors::read("a 0 3 0\nb 0 -3 0\nc 1 0 0\nd -1 0 0".as_bytes())?;
    /// let map = vectors.project(&["a", "b", "c", "d"])?;
    /// assert!((map.points[0][0].abs() - 3.0).abs() < 1e-9 && map.points[0][1].abs() < 1e-9);
    /// assert!((map.explained[0] - 0.9).abs() < 1e-9);
    /// # Ok::<(), kerata::Error>(())
    /// ```
    pub fn project(&self, words: &[&str]) -> Result<Projection, Error> {
        if words.is_empty() {
            return Err(Error::Empty("the list of words"));
        }
        let mut rows = Vec::with_capacity(words.len());
        for word in words {
            rows.push(self.row(self.id(word)?).iter().map(|&x| f64::from(x)).collect::<Vec<_>>());
        }
        for column in 0..self.width {
            let mean = rows.iter().map(|row| row[column]).sum::<f64>() / rows.len() as f64;
            rows.iter_mut().for_each(|row| row[column] -= mean);
        }
        Ok(project(&rows))
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// The principal components of rows whose mean is zero. Their products with each other, or those of the columns,
/// whichever are fewer, have the same eigenvalues.
fn project(rows: &[Vec<f64>]) -> Projection {
    let width = rows[0].len();
    let by_rows = rows.len() <= width;
    let n = rows.len().min(width);
    let product = |i: usize, j: usize| match by_rows {
        true => dot(&rows[i], &rows[j]),
        false => rows.iter().map(|row| row[i] * row[j]).sum(),
    };
    let products = (0..n).map(|i| (0..n).map(|j| product(i, j)).collect()).collect();
    let (values, vectors) = eigen(products);
    let mut order: Vec<usize> = (0..n).collect();
    sort_places(&mut order, |a, b| values[b].total_cmp(&values[a]));
    let total: f64 = values.iter().map(|v| v.max(0.0)).sum();
    let mut projection = Projection { points: vec![[0.0; 2]; rows.len()], explained: [0.0; 2] };
    for (axis, &i) in order.iter().take(2).enumerate() {
        let value = values[i].max(0.0);
        let vector: Vec<f64> = vectors.iter().map(|row| row[i]).collect();
        let mut places: Vec<f64> = match by_rows {
            true => vector.iter().map(|x| x * value.sqrt()).collect(),
            false => rows.iter().map(|row| dot(row, &vector)).collect(),
        };
        let largest = places.iter().copied().max_by(|a, b| a.abs().total_cmp(&b.abs()));
        if largest.is_some_and(|x| x < 0.0) {
            places.iter_mut().for_each(|x| *x = -*x);
        }
        projection.points.iter_mut().zip(places).for_each(|(point, x)| point[axis] = x);
        projection.explained[axis] = if total > 0.0 { value / total } else { 0.0 };
    }
    projection
}

/// The eigenvalues of a symmetric matrix, and its eigenvectors as columns, by Jacobi's method: the numbers beside
/// the diagonal are turned away one after the other.
fn eigen(mut a: Vec<Vec<f64>>) -> (Vec<f64>, Vec<Vec<f64>>) {
    let n = a.len();
    let mut vectors: Vec<Vec<f64>> =
        (0..n).map(|i| (0..n).map(|j| f64::from(u8::from(i == j))).collect()).collect();
    let size: f64 = a.iter().map(|row| dot(row, row)).sum();
    for _ in 0..SWEEPS {
        let beside: f64 = (0..n).map(|i| dot(&a[i][i + 1..], &a[i][i + 1..])).sum();
        if beside <= 1e-28 * size {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                if a[p][q] == 0.0 {
                    continue;
                }
                let theta = (a[q][q] - a[p][p]) / (2.0 * a[p][q]);
                let tangent = theta.signum() / (theta.abs() + theta.hypot(1.0));
                let cosine = 1.0 / tangent.hypot(1.0);
                let sine = tangent * cosine;
                let turn = |x: &mut f64, y: &mut f64| {
                    (*x, *y) = (cosine * *x - sine * *y, sine * *x + cosine * *y);
                };
                for row in a.iter_mut().chain(&mut vectors) {
                    let (left, right) = row.split_at_mut(q);
                    turn(&mut left[p], &mut right[0]);
                }
                let (upper, lower) = a.split_at_mut(q);
                upper[p].iter_mut().zip(&mut lower[0]).for_each(|(x, y)| turn(x, y));
            }
        }
    }
    ((0..n).map(|i| a[i][i]).collect(), vectors)
}
