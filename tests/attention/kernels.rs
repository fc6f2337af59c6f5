//! The kernels in `f32` against the reference in `f64`.

use dfdx::{
    prelude::{Backward, SumTo, TryMul},
    tensor::{OwnedTape, PutTape, SplitTape, TensorFromVec},
};
use kerata::{
    Cpu, Mask, Tensor,
    backend::{AttentionOptions, Backend, Element, Visible},
    shape::HasShape,
};

use crate::values;

type Steps<E> = Tensor<(usize, usize, usize), E, Cpu>;

#[derive(Debug, Clone, Copy)]
struct Sizes {
    batch: usize,
    heads: usize,
    queries: usize,
    keys: usize,
    key_dim: usize,
    value_dim: usize,
}

fn steps<E: Element>(sizes: (usize, usize, usize), seed: usize) -> Steps<E>
where
    Cpu: Backend<E>,
{
    let all = values(sizes.0 * sizes.1 * sizes.2, seed).into_iter().map(E::of).collect();
    Cpu::default().tensor_from_vec(all, sizes)
}

/// The output, and the gradients of queries, keys and values.
fn run<E: Element>(sizes: Sizes, options: &AttentionOptions) -> Vec<Vec<f64>>
where
    Cpu: Backend<E>,
{
    let Sizes { batch, heads, queries, keys, key_dim, value_dim } = sizes;
    let q = steps::<E>((batch, queries, heads * key_dim), 1);
    let k = steps::<E>((batch, keys, heads * key_dim), 2);
    let v = steps::<E>((batch, keys, heads * value_dim), 3);
    let tape = || OwnedTape::<E, Cpu>::default();
    let inputs =
        (q.clone().put_tape(tape()), k.clone().put_tape(tape()), v.clone().put_tape(tape()));
    let y = <Cpu as Backend<E>>::attention(inputs.0, inputs.1, inputs.2, options).unwrap();
    let (y, tape) = y.split_tape();
    let f64s = |x: &[E]| x.iter().map(|x| x.as_f64()).collect::<Vec<f64>>();
    if batch * queries == 0 {
        return Vec::new();
    }
    if keys == 0 {
        return vec![f64s(&y.as_vec())];
    }
    let weights = steps::<E>(*y.shape(), 4);
    let loss = y.clone().put_tape(tape).try_mul(weights).unwrap().square().sum();
    let mut gradients = loss.backward();
    let mut found = vec![f64s(&y.as_vec())];
    for input in [&q, &k, &v] {
        gradients.try_alloc_for(input).unwrap();
        found.push(f64s(&gradients.get(input).as_vec()));
    }
    found
}

fn agree(sizes: Sizes, options: &AttentionOptions) {
    let (found, right) = (run::<f32>(sizes, options), run::<f64>(sizes, options));
    for (which, (found, right)) in found.iter().zip(&right).enumerate() {
        assert_eq!(found.len(), right.len());
        for (i, (a, b)) in found.iter().zip(right).enumerate() {
            let close = (a - b).abs() <= 2e-5 * (1.0 + b.abs());
            assert!(close, "{sizes:?} {options:?}: {which} has {a} at {i}, not {b}");
        }
    }
}

/// Every `n`th step is padding, and the last sample is all of it.
fn gaps(batch: usize, length: usize, n: usize) -> Mask {
    let keep: Vec<bool> = (0..batch * length)
        .map(|i| i % n != n - 1 && (batch == 1 || i < (batch - 1) * length))
        .collect();
    Mask::from_bools(keep, batch, length).unwrap()
}

#[test]
fn kernels_and_reference_agree() {
    let sizes = |batch, heads, queries, keys, key_dim, value_dim| Sizes {
        batch,
        heads,
        queries,
        keys,
        key_dim,
        value_dim,
    };
    for sizes in [
        sizes(1, 1, 1, 1, 1, 1),
        sizes(3, 2, 5, 7, 3, 4),
        sizes(2, 8, 33, 33, 16, 16),
        sizes(2, 1, 20, 70, 5, 1),
        sizes(1, 3, 4, 600, 2, 3),
        sizes(2, 1, 3, 4, 600, 2),
        sizes(0, 2, 3, 3, 2, 2),
        sizes(2, 2, 0, 3, 2, 2),
        sizes(2, 2, 3, 0, 2, 2),
    ] {
        let Sizes { batch, heads, queries, keys, .. } = sizes;
        let mask = |length, n| Some(gaps(batch, length, n));
        let flags = (0..batch * heads * queries * keys).map(|i| i % 5 != 1 && i % 3 != 1).collect();
        let visible = |queries, keys, causal| Visible { queries, keys, causal, flags: None };
        for visible in [
            Visible::default(),
            visible(None, None, true),
            visible(mask(queries, 3), mask(keys, 4), false),
            visible(mask(queries, 2), None, true),
            visible(None, mask(keys, 2), true),
            Visible {
                flags: Some(std::sync::Arc::new(flags)),
                ..visible(None, mask(keys, 3), true)
            },
        ] {
            for mean_if_blind in [false, true] {
                let visible = visible.clone();
                let options =
                    AttentionOptions { heads, scale: 0.7, visible, mean_if_blind, dropout: 0.0 };
                agree(sizes, &options);
            }
        }
    }
}

/// Both draw from the generator of a device, which begins with the same seed.
#[test]
fn the_same_drops() {
    let sizes = Sizes { batch: 3, heads: 2, queries: 9, keys: 11, key_dim: 4, value_dim: 5 };
    let visible = Visible {
        queries: Some(gaps(3, 9, 4)),
        keys: Some(gaps(3, 11, 3)),
        causal: true,
        flags: None,
    };
    let options =
        AttentionOptions { heads: 2, scale: 0.5, visible, mean_if_blind: false, dropout: 0.4 };
    agree(sizes, &options);
    let without = AttentionOptions { dropout: 0.0, ..options.clone() };
    assert_ne!(run::<f32>(sizes, &options), run::<f32>(sizes, &without));
}

#[test]
fn what_does_not_fit_is_told() {
    let steps = |sizes| steps::<f32>(sizes, 1);
    let options = |heads, visible| AttentionOptions {
        heads,
        scale: 1.0,
        visible,
        mean_if_blind: false,
        dropout: 0.0,
    };
    let keys = Visible { keys: Some(Mask::full(2, 4)), ..Visible::default() };
    let flags = Visible { flags: Some(Default::default()), ..Visible::default() };
    for (q, k, v, options, expected) in [
        ((2, 3, 4), (2, 3, 6), (2, 3, 4), options(2, Visible::default()), "features of the keys"),
        ((2, 3, 4), (2, 3, 4), (2, 5, 4), options(2, Visible::default()), "length of the values"),
        ((2, 3, 4), (2, 3, 4), (2, 3, 4), options(3, Visible::default()), "multiples of 3"),
        ((2, 3, 4), (2, 3, 4), (2, 3, 4), options(0, Visible::default()), "multiples of 0"),
        ((2, 3, 4), (2, 3, 4), (2, 3, 4), options(1, keys), "the batch and length of a mask"),
        ((2, 3, 4), (2, 3, 4), (2, 3, 4), options(1, flags), "the flags of an attention"),
    ] {
        let error = Cpu::attention(steps(q), steps(k), steps(v), &options).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}
