use dfdx::{
    prelude::{BroadcastTo, HasShape, PermuteTo, ReshapeTo, TryAdd, TryMul},
    shapes::{Axes4, Axis},
    tensor::{PutTape, SplitTape, Tape, Tensor},
};

use crate::{
    backend::{
        ActivationKind, AttentionOptions, AttentionSizes, Backend, DenseWeights, Element,
        IntoShape, StepQuery, WeightCache, apart, keep_rows,
        memory::{elements, elements_of},
        products,
        reference::step_softmax,
        zeros_after,
    },
    error::{Error, OrDevice},
};

type Steps<E, D, T> = Tensor<(usize, usize, usize), E, D, T>;

pub(crate) fn attention<E: Element, D: Backend<E>, T: Tape<E, D>>(
    q: Steps<E, D, T>,
    k: Steps<E, D, T>,
    v: Steps<E, D, T>,
    options: &AttentionOptions,
) -> Result<Steps<E, D, T>, Error> {
    let sizes = options.sizes(q.shape(), k.shape(), v.shape())?;
    let v = D::bounded_padding(v, options.visible.keys.as_ref())?;
    let shares = attention_shares(q, k, options)?;
    attention_sums(dropped(shares, &sizes, options.dropout)?, v, &sizes)
}

/// How much of each value each query sees, `(batch * heads, queries, keys)`: all of a query is 1, or 0 if it sees
/// nothing.
pub(crate) fn attention_shares<E: Element, D: Backend<E>, T: Tape<E, D>>(
    q: Steps<E, D, T>,
    k: Steps<E, D, T>,
    options: &AttentionOptions,
) -> Result<Steps<E, D, T>, Error> {
    let sizes = options.sizes(q.shape(), k.shape(), k.shape())?;
    let shape = (elements(&[sizes.batch, sizes.heads])?, sizes.queries, sizes.keys);
    if elements_of(&q)? == 0 || elements_of(&k)? == 0 {
        let ((q, tape), (_, more)) = (q.split_tape(), k.split_tape());
        return zeros_after(q.put_tape(tape.merge(more)), &shape);
    }
    let visible = &options.visible;
    let q = D::bounded_padding(q, visible.queries.as_ref())?;
    let k = D::bounded_padding(k, visible.keys.as_ref())?;
    let q = by_heads(q.try_mul(E::of(options.scale)).or_device()?, &sizes)?;
    shares_of(products(q, by_heads(k, &sizes)?, false)?, &sizes, options)
}

/// The shares of scores, `(batch * heads, queries, keys)`.
fn shares_of<E: Element, D: Backend<E>, T: Tape<E, D>>(
    scores: Steps<E, D, T>,
    sizes: &AttentionSizes,
    options: &AttentionOptions,
) -> Result<Steps<E, D, T>, Error> {
    let shape = *scores.shape();
    let keep = options.visible.all_flags(sizes)?;
    let rows = (elements(&[shape.0, shape.1])?, shape.2);
    let mut shares = scores.into_shape(&rows)?;
    if let Some(keep) = &keep {
        shares = keep_rows(shares, keep, E::of(0.7 * f64::from(f32::MIN)))?;
    }
    shares = D::softmax(shares)?;
    if let Some(keep) = keep.filter(|_| !options.mean_if_blind) {
        shares = keep_rows(shares, &keep, E::zero())?;
    }
    shares.into_shape(&shape)
}

/// Attention of one head, in which a key fits a query by the sum of the `tanh` of what both sum to, each times a weight.
///
/// # Errors
/// [`Error::Mismatch`] if the sizes do not fit each other; [`Error::Device`].
pub(crate) fn additive_attention<E: Element, D: Backend<E>, T: Tape<E, D>>(
    q: Steps<E, D, T>,
    k: Steps<E, D, T>,
    v: Steps<E, D, T>,
    weights: &Tensor<(usize,), E, D>,
    options: &AttentionOptions,
) -> Result<Steps<E, D, T>, Error> {
    let sizes = options.sizes(q.shape(), k.shape(), v.shape())?;
    let shape = (sizes.batch, sizes.queries, sizes.keys);
    if elements_of(&q)? == 0 || elements_of(&k)? == 0 {
        let ((_, tape), (_, more), (v, most)) = (q.split_tape(), k.split_tape(), v.split_tape());
        let out = (shape.0, shape.1, v.shape().2);
        return zeros_after(v.put_tape(tape.merge(more).merge(most)), &out);
    }
    let scores = D::additive_scores([q, k], weights)?;
    let shares = dropped(shares_of(scores, &sizes, options)?, &sizes, options.dropout)?;
    attention_sums(shares, D::bounded_padding(v, options.visible.keys.as_ref())?, &sizes)
}

pub(crate) fn additive_scores<E: Element, D: Backend<E>, T: Tape<E, D>>(
    [q, k]: [Steps<E, D, T>; 2],
    weights: &Tensor<(usize,), E, D>,
) -> Result<Steps<E, D, T>, Error> {
    let (batch, queries, features) = *q.shape();
    let shape = (batch, queries, k.shape().1);
    if elements_of(&q)? == 0 || elements_of(&k)? == 0 {
        let ((q, tape), (_, more)) = (q.split_tape(), k.split_tape());
        return zeros_after(q.put_tape(tape.merge(more)), &shape);
    }
    let every = (shape.0, shape.1, shape.2, features);
    elements(&[shape.0, shape.1, shape.2, features])?;
    // They are one tensor where a sequence attends to itself.
    let k = apart(&q, k)?;
    let q = q.try_broadcast_like::<_, Axis<2>>(&every).or_device()?;
    let k = k.try_broadcast_like::<_, Axis<1>>(&every).or_device()?;
    let sums = q.try_add(k).or_device()?;
    let curves = D::tanh(sums.into_shape(&(elements(&[shape.0, shape.1, shape.2])?, features))?)?;
    let cache = WeightCache::default();
    let kernel = weights.clone().into_shape(&(features, 1))?;
    let weights = DenseWeights { kernel, bias: None, cache: &cache };
    D::dense(curves, weights, ActivationKind::Nothing)?.into_shape(&shape)
}

/// Drops shares of each sample.
fn dropped<E: Element, D: Backend<E>, T: Tape<E, D>>(
    shares: Steps<E, D, T>,
    sizes: &AttentionSizes,
    rate: f64,
) -> Result<Steps<E, D, T>, Error> {
    if rate == 0.0 {
        return Ok(shares);
    }
    let shape = *shares.shape();
    let each = elements(&[sizes.heads, sizes.queries, sizes.keys])?;
    D::dropout(shares.into_shape(&(sizes.batch, each))?, None, rate)?.into_shape(&shape)
}

/// The sums of what each query sees of the values, `(batch, queries, heads * features)`.
pub(crate) fn attention_sums<E: Element, D: Backend<E>, T: Tape<E, D>>(
    shares: Steps<E, D, T>,
    v: Steps<E, D, T>,
    sizes: &AttentionSizes,
) -> Result<Steps<E, D, T>, Error> {
    let &AttentionSizes { batch, heads, queries, keys, .. } = sizes;
    let features = v.shape().2 / heads;
    if elements_of(&shares)? == 0 || elements_of(&v)? == 0 {
        let ((shares, tape), (_, more)) = (shares.split_tape(), v.split_tape());
        let shape = (batch, queries, heads * features);
        return zeros_after(shares.put_tape(tape.merge(more)), &shape);
    }
    let v = v.into_shape(&(batch, keys, heads, features))?;
    let v = v.try_permute::<(usize, usize, usize, usize), Axes4<0, 2, 3, 1>>().or_device()?;
    let v = v.try_contiguous().or_device()?.into_shape(&(batch * heads, features, keys))?;
    let sums = products(shares, v, false)?.into_shape(&(batch, heads, queries, features))?;
    let sums = sums.try_permute::<(usize, usize, usize, usize), Axes4<0, 2, 1, 3>>().or_device()?;
    sums.try_contiguous().or_device()?.into_shape(&(batch, queries, heads * features))
}

/// The rows of each head: `(batch, length, heads * features)` gives `(batch * heads, length, features)`.
fn by_heads<E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Steps<E, D, T>,
    sizes: &AttentionSizes,
) -> Result<Steps<E, D, T>, Error> {
    let ((batch, length, all), heads) = (*x.shape(), sizes.heads);
    let x = x.into_shape(&(batch, length, heads, all / heads))?;
    let x = x.try_permute::<(usize, usize, usize, usize), Axes4<0, 2, 1, 3>>().or_device()?;
    x.try_contiguous().or_device()?.into_shape(&(batch * heads, length, all / heads))
}

/// How many steps are added one after the other: their sums are added then.
const BLOCK: usize = 64;

pub(crate) fn step_attention<E: Element>(query: StepQuery<'_, E>, room: &mut [E], y: &mut [E]) {
    let StepQuery { heads, scale, query, past } = query;
    let (part, scores) = room.split_at_mut(y.len());
    let width = (query.len() + y.len()).max(1);
    let (steps, scale) = (past.len() / width, E::of(scale));
    let (keys, values) = ((query.len() / heads).max(1), (y.len() / heads).max(1));
    y.fill(E::zero());
    if steps == 0 {
        return;
    }
    let scores = &mut scores[..heads * steps];
    for (t, step) in past.chunks_exact(width).enumerate() {
        for (head, (q, k)) in query.chunks(keys).zip(step.chunks(keys)).enumerate() {
            let product = q.iter().zip(k).fold(E::zero(), |sum, (&q, &k)| sum + q * k);
            scores[head * steps + t] = product * scale;
        }
    }
    scores.chunks_exact_mut(steps).for_each(step_softmax);
    for (block, steps_of) in past.chunks(BLOCK * width).enumerate() {
        part.fill(E::zero());
        for (t, step) in steps_of.chunks_exact(width).enumerate() {
            let of_values = step[query.len()..].chunks(values);
            for (head, (sum, v)) in part.chunks_mut(values).zip(of_values).enumerate() {
                let share = scores[head * steps + block * BLOCK + t];
                sum.iter_mut().zip(v).for_each(|(sum, &v)| *sum += share * v);
            }
        }
        y.iter_mut().zip(&*part).for_each(|(y, &part)| *y += part);
    }
}
