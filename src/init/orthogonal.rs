//! Random orthonormal vectors.

use rand::{Rng, SeedableRng, rngs::SmallRng};
use rand_distr::StandardNormal;

use crate::{
    backend::{Element, Matrix, memory::filled, parallel, product_into},
    error::Error,
};

/// So many reflections are applied at a time, by matrix products.
const BLOCK: usize = 64;

/// So many vectors are a job. Neither depends on the number of threads, so that the numbers do not.
const VECTORS: usize = 64;

/// `few` orthonormal vectors of `many` numbers each, one after the other, uniformly distributed: any rotation of them
/// is as likely.
///
/// They are what the QR decomposition of a matrix of Gaussian numbers gives, with the signs that make the diagonal of
/// R positive, without the decomposition. For behind a Householder reflection the rest of such a matrix is Gaussian
/// again, so that each reflection may be drawn by itself
/// ([Stewart 1980](https://doi.org/10.1137/0717034)); and a product of reflections stays orthogonal however it is
/// rounded. Reflections are applied in blocks, `1 - V T V^T`
/// ([Schreiber and Van Loan 1989](https://doi.org/10.1137/0910005)).
fn orthonormal<E: Element>(seed: u64, few: usize, many: usize) -> Result<Vec<E>, Error> {
    let mut vectors = filled(&[few, many], E::zero())?;
    for (i, vector) in vectors.chunks_exact_mut(many.max(1)).enumerate() {
        vector[i] = E::one();
    }
    let mut reflections = filled(&[few.min(BLOCK), many], E::zero())?;
    // The last block first: it leaves the unit vectors of those before as they are.
    for start in (0..few).step_by(BLOCK).rev() {
        let (count, size) = (BLOCK.min(few - start), many - start);
        let block = &mut reflections[..count * size];
        let signs = draw(block, size, seed, start);
        let coefficients = coefficients(block, count, size)?;
        let (v, t) = (Matrix::new(block, count, size), Matrix::new(&coefficients, count, count));
        let vectors = &mut vectors[start * many..];
        let done = parallel(vectors.chunks_mut(VECTORS * many).collect(), |vectors: &mut [E]| {
            let rows = vectors.len() / many;
            // Each vector x becomes x - ((x V) T^T) V^T.
            let mut inside = filled(&[rows, count], E::zero())?;
            let mut along = filled(&[rows, count], E::zero())?;
            let x = Matrix::new(vectors, rows, many).columns(start, size);
            product_into(&mut inside, count, x, v.transposed(), false)?;
            product_into(&mut along, count, Matrix::new(&inside, rows, count), t, false)?;
            along.iter_mut().for_each(|x| *x = -*x);
            let along = Matrix::new(&along, rows, count);
            Ok(product_into(&mut vectors[start..], many, along, v, true)?)
        });
        done.into_iter().collect::<Result<(), Error>>()?;
        for (vector, sign) in vectors.chunks_exact_mut(many).zip(signs) {
            vector.iter_mut().for_each(|x| *x *= sign);
        }
    }
    Ok(vectors)
}

/// Those of single precision: compiled here, and not where a layer is built.
pub(super) fn singles(seed: u64, few: usize, many: usize) -> Result<Vec<f32>, Error> {
    orthonormal(seed, few, many)
}

/// Those of double precision.
pub(super) fn doubles(seed: u64, few: usize, many: usize) -> Result<Vec<f64>, Error> {
    orthonormal(seed, few, many)
}

/// Draws reflections `1 - v v^T`, the i-th of which leaves the first i numbers of what follows as they are, and gives
/// the sign that each has on the diagonal of R.
fn draw<E: Element>(block: &mut [E], size: usize, seed: u64, start: usize) -> Vec<E> {
    let jobs = block.chunks_exact_mut(size).enumerate().collect();
    parallel(jobs, |(i, v): (usize, &mut [E])| {
        let mut rng = SmallRng::seed_from_u64(seed.wrapping_add((start + i) as u64));
        let (before, v) = v.split_at_mut(i);
        before.fill(E::zero());
        let first: f64 = rng.sample(StandardNormal);
        let mut rest = 0.0;
        for x in &mut v[1..] {
            let drawn: f64 = rng.sample(StandardNormal);
            *x = E::of(drawn);
            rest += drawn * drawn;
        }
        // It reflects what was drawn to `-sign` times its norm on the first axis.
        let sign = if first < 0.0 { -1.0 } else { 1.0 };
        let first = sign * (first.abs() + (first * first + rest).sqrt()).max(1e-100);
        v[0] = E::of(first);
        let scale = E::of((2.0 / (first * first + rest)).sqrt());
        v.iter_mut().for_each(|x| *x *= scale);
        E::of(-sign)
    })
}

/// The triangle T, transposed, that makes one of several reflections: `H_1 .. H_n = 1 - V T V^T`.
fn coefficients<E: Element>(block: &[E], count: usize, size: usize) -> Result<Vec<E>, Error> {
    let v = Matrix::new(block, count, size);
    let mut angles = filled(&[count, count], E::zero())?;
    let mut t = filled(&[count, count], E::zero())?;
    product_into(&mut angles, count, v, v.transposed(), false)?;
    for i in 0..count {
        // With H_i it becomes 1 - V T V^T - v_i v_i^T + V T V^T v_i v_i^T.
        let (done, row) = t.split_at_mut(i * count);
        for (j, known) in done.chunks_exact(count).enumerate() {
            let angle = angles[i * count + j];
            row.iter_mut().zip(known).for_each(|(x, &known)| *x -= known * angle);
        }
        row[i] = E::one();
    }
    Ok(t)
}
