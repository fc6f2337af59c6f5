use dfdx::{
    prelude::{HasShape, TryAdd, TryDiv, TryMul, TrySub},
    tensor::{NoneTape, PutTape, SplitTape, Tape, Tensor},
};

use super::{
    pointwise::finish,
    sums::{along_rows, column_sums, every_row, row_sums},
};
use crate::{
    backend::{
        ActivationKind, Backend, Centre, Element, NormWeights, Normalised, Seen, keep_rows,
        largest,
        memory::{collected, elements_of, filled, listed, look_for_copy},
        near,
        tape::over_ranks,
        to_values,
    },
    error::{Error, OrDevice},
};

/// Rows of features.
type Rows<E, D, T> = Tensor<(usize, usize), E, D, T>;

/// A value of each feature.
type Features<E, D, T = NoneTape> = Tensor<(usize,), E, D, T>;

pub(crate) fn batch_norm<E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Rows<E, D, T>,
    weights: NormWeights<E, D>,
    mean: &Features<E, D>,
    variance: &Features<E, D>,
    then: ActivationKind,
) -> Result<Rows<E, D, T>, Error> {
    finish(by_statistics(x, weights, mean.retaped(), variance.retaped())?, then)
}

fn by_statistics<E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Rows<E, D, T>,
    weights: NormWeights<E, D>,
    mean: Features<E, D, T>,
    variance: Features<E, D, T>,
) -> Result<Rows<E, D, T>, Error> {
    let (n, features) = *x.shape();
    weights.check(features)?;
    let deviation = variance.try_add(E::of(weights.epsilon)).or_device()?.try_sqrt().or_device()?;
    let scale = weights.gamma.retaped::<T>().try_div(deviation).or_device()?;
    let y = x.try_sub(every_row(mean, n)?).or_device()?;
    let y = y.try_mul(every_row(scale, n)?).or_device()?;
    y.try_add(every_row(weights.beta.retaped::<T>(), n)?).or_device()
}

pub(crate) fn batch_norm_train<E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Rows<E, D, T>,
    weights: NormWeights<E, D>,
    seen: Seen<'_>,
    then: ActivationKind,
) -> Result<Normalised<E, D, T>, Error> {
    let (n, features) = *x.shape();
    let share = E::of(seen.share);
    let shares = match seen.rows {
        None => filled(&[n, features], share)?,
        Some(rows) => {
            let shares = rows.iter().map(|&seen| if seen { share } else { E::zero() });
            collected(
                &[n, features],
                shares.flat_map(|share| std::iter::repeat_n(share, features)),
            )?
        }
    };
    let shares = x.device().try_tensor_from_vec(shares, (n, features)).or_device()?;
    let mean = |x: Rows<E, D, T>| over_ranks(column_sums(x.try_mul(shares.clone()).or_device()?)?);
    let looked_at = match seen.rows {
        Some(rows) => keep_rows(x.retaped::<T>(), rows, E::zero())?,
        None => x.retaped::<T>(),
    };
    let (looked_at, tape) = looked_at.split_tape();
    let (m, tape) = mean(looked_at.clone().put_tape(tape))?.split_tape();
    let centred = looked_at.retaped::<T>().try_sub(every_row(m.retaped::<T>(), n)?).or_device()?;
    let (variance, variance_tape) = mean(centred.try_square().or_device()?)?.split_tape();
    let (mean, of_variance) = (m.clone(), variance.clone());
    let y = by_statistics(x, weights, m.put_tape(tape), variance.put_tape(variance_tape))?;
    Ok((finish(y, then)?, mean, of_variance))
}

pub(crate) fn layer_norm<E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Rows<E, D, T>,
    weights: NormWeights<E, D>,
    centre: Centre,
) -> Result<Rows<E, D, T>, Error> {
    let (n, features) = *x.shape();
    weights.check(features)?;
    if n * features == 0 {
        return Ok(x);
    }
    let mean = |x: Rows<E, D, T>| row_sums(x)?.try_div(E::of(features as f64)).or_device();
    let (x, factors) = bounded_squares(x)?;
    let epsilons = factors.iter().map(|&factor| E::of(weights.epsilon) * factor * factor);
    let epsilons = x.device().try_tensor_from_vec(epsilons.collect(), (n,)).or_device()?;
    let without_mean = |x: Rows<E, D, T>| {
        let mean = along_rows(mean(x.retaped::<T>())?, features)?;
        x.try_sub(mean).or_device()
    };
    let centred = match centre {
        // Twice, for what the rounded mean lacks.
        Centre::Mean => without_mean(without_mean(x)?)?,
        Centre::Zero => x,
    };
    let variance = mean(centred.retaped::<T>().try_square().or_device()?)?;
    let deviation = variance.try_add(epsilons).or_device()?.try_sqrt().or_device()?;
    let deviation = along_rows(deviation, features)?;
    let y = centred.try_div(deviation).or_device()?;
    let gamma = every_row(weights.gamma.retaped::<T>(), n)?;
    let beta = every_row(weights.beta.retaped::<T>(), n)?;
    y.try_mul(gamma).or_device()?.try_add(beta).or_device()
}

pub(crate) fn of_length_one<E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<(usize, usize), E, D, T>,
    most: E,
) -> Result<Tensor<(usize, usize), E, D, T>, Error> {
    let (rows, width) = *x.shape();
    if elements_of(&x)? == 0 {
        return Ok(x);
    }
    let (x, scales) = bounded_squares(x)?;
    let (x, tape) = x.split_tape();
    look_for_copy(&x)?;
    let squares = row_sums(x.clone().put_tape(tape).try_square().or_device()?)?;
    let values = to_values(&squares)?;
    // NaN is not less than anything, and stays.
    let inverse = |(square, scale): (&E, &E)| match (square.sqrt().recip(), most / *scale) {
        (inverse, most) if most < inverse => most,
        (inverse, _) => inverse,
    };
    let inverse = listed(values.iter().zip(&scales).map(inverse))?;
    let slope = |((&square, &inverse), &scale): ((&E, &E), &E)| {
        if inverse < most / scale { E::of(-0.5) * inverse / square } else { E::zero() }
    };
    let slopes = listed(values.iter().zip(&inverse).zip(&scales).map(slope))?;
    let factors = x.device().try_tensor_from_vec(inverse, (rows,)).or_device()?;
    let factors = near(squares, values, slopes)?.try_add(factors).or_device()?;
    along_rows(factors, width)?.try_mul(x).or_device()
}

/// Rows whose squares are within the range of their type, and by what each was multiplied: a row of huge values is made
/// smaller by a power of two.
fn bounded_squares<E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Rows<E, D, T>,
) -> Result<(Rows<E, D, T>, Vec<E>), Error> {
    let (n, features) = *x.shape();
    let huge = E::max_value().sqrt().sqrt();
    let factor = |row: &[E]| {
        let largest = largest(row);
        match largest > huge && largest.is_finite() {
            true => E::one() / largest.log2().floor().exp2(),
            false => E::one(),
        }
    };
    let factors: Vec<E> = to_values(&x)?.chunks(features.max(1)).map(factor).collect();
    if factors.iter().all(|&factor| factor == E::one()) {
        return Ok((x, factors));
    }
    let each = x.device().try_tensor_from_vec(factors.clone(), (n,)).or_device()?;
    Ok((x.try_mul(along_rows(each, features)?).or_device()?, factors))
}
