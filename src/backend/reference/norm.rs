use dfdx::{
    prelude::{HasShape, TryAdd, TryDiv, TryMul, TrySub},
    shapes::{Const, Rank1},
    tensor::{PutTape, SplitTape, Tape, Tensor},
};

use super::sums::{self, along_rows, column_sums, row_sums};
use crate::{
    backend::{
        Backend, Element, IntoShape, NormWeights, Normalised, Seen, keep_rows,
        memory::{collected, filled},
    },
    error::{Error, OrDevice},
};

/// Rows of `F` numbers.
type Rows<const F: usize, E, D, T> = Tensor<(usize, Const<F>), E, D, T>;

/// A vector for every row.
fn every_row<const F: usize, E: Element, D: Backend<E>, T: Tape<E, D>>(
    vector: Tensor<Rank1<F>, E, D, T>,
    rows: usize,
) -> Result<Rows<F, E, D, T>, Error> {
    sums::every_row(vector, rows)?.into_shape(&(rows, Const))
}

pub(crate) fn batch_norm<const F: usize, E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Rows<F, E, D, T>,
    weights: NormWeights<'_, F, E, D>,
    mean: Tensor<Rank1<F>, E, D, T>,
    variance: Tensor<Rank1<F>, E, D, T>,
) -> Result<Rows<F, E, D, T>, Error> {
    let (n, _) = *x.shape();
    let deviation = variance.try_add(E::of(weights.epsilon)).or_device()?.try_sqrt().or_device()?;
    let scale = weights.gamma.retaped::<T>().try_div(deviation).or_device()?;
    let y = x.try_sub(every_row(mean, n)?).or_device()?;
    let y = y.try_mul(every_row(scale, n)?).or_device()?;
    y.try_add(every_row(weights.beta.retaped::<T>(), n)?).or_device()
}

pub(crate) fn batch_norm_train<const F: usize, E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Rows<F, E, D, T>,
    weights: NormWeights<'_, F, E, D>,
    seen: Seen<'_>,
) -> Result<Normalised<F, E, D, T>, Error> {
    let (n, _) = *x.shape();
    let share = E::of(seen.share);
    let shares = match seen.rows {
        None => filled(&[n, F], share)?,
        Some(rows) => {
            let shares = rows.iter().map(|&seen| if seen { share } else { E::zero() });
            collected(&[n, F], shares.flat_map(|share| std::iter::repeat_n(share, F)))?
        }
    };
    let shares = x.device().try_tensor_from_vec(shares, (n, Const)).or_device()?;
    let mean = |x: Rows<F, E, D, T>| -> Result<Tensor<Rank1<F>, E, D, T>, Error> {
        let parts = x.try_mul(shares.clone()).or_device()?;
        let parts = parts.into_shape(&(n, F))?;
        column_sums(parts)?.into_shape(&(Const,))
    };
    let looked_at = match seen.rows {
        Some(rows) => keep_rows(x.retaped::<T>(), rows, E::zero())?,
        None => x.retaped::<T>(),
    };
    let (looked_at, tape) = looked_at.split_tape();
    let (m, tape) = mean(looked_at.clone().put_tape(tape))?.split_tape();
    let centred = looked_at.retaped::<T>().try_sub(every_row(m.retaped::<T>(), n)?).or_device()?;
    let (variance, variance_tape) = mean(centred.try_square().or_device()?)?.split_tape();
    let (mean, of_variance) = (m.clone(), variance.clone());
    let y = batch_norm(x, weights, m.put_tape(tape), variance.put_tape(variance_tape))?;
    Ok((y, mean, of_variance))
}

pub(crate) fn layer_norm<const F: usize, E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Rows<F, E, D, T>,
    weights: NormWeights<'_, F, E, D>,
) -> Result<Rows<F, E, D, T>, Error> {
    let dims = *x.shape();
    let n = dims.0;
    if n * F == 0 {
        return Ok(x);
    }
    let x = x.into_shape(&(n, F))?;
    let mean = |x: Tensor<(usize, usize), E, D, T>| -> Result<_, Error> {
        along_rows(row_sums(x)?.try_div(E::of(F as f64)).or_device()?, F)
    };
    let centre = mean(x.retaped::<T>())?;
    let centred = x.try_sub(centre).or_device()?;
    let variance = mean(centred.retaped::<T>().try_square().or_device()?)?;
    let deviation = variance.try_add(E::of(weights.epsilon)).or_device()?.try_sqrt().or_device()?;
    let y = centred.try_div(deviation).or_device()?.into_shape(&dims)?;
    let gamma = every_row(weights.gamma.retaped::<T>(), dims.0)?;
    let beta = every_row(weights.beta.retaped::<T>(), dims.0)?;
    y.try_mul(gamma).or_device()?.try_add(beta).or_device()
}
