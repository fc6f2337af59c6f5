//! What stands in the padding of a query or of its values changes neither what an attention gives nor a gradient, and
//! neither does how much of it there is.

use dfdx::{
    prelude::{Backward, SumTo},
    shapes::Rank0,
    tensor::{OwnedTape, PutTape, TensorFromVec},
};
use kerata::{
    Cpu, Mask, Masked, Tensor,
    config::DynamicValue,
    parameters::{Parameter, Parameters, Visitor},
    tensor::{Gradients, fill_padding},
};
use serde_json::{Value, json};

use super::attention::{heads, made};
use crate::dynamic::layer;

type Steps = (usize, usize, usize);

const WIDTH: usize = 4;

/// Sequences of some real steps, and of padding of one content behind them.
fn padded(
    lengths: &[usize],
    length: usize,
    seed: usize,
    content: f32,
) -> (Tensor<Steps, f32, Cpu>, Mask) {
    let value = |row: usize, at: usize| ((row * 31 + at * 7 + seed) % 11) as f32 * 0.2 - 0.9;
    let row = |(row, &real): (usize, &usize)| {
        (0..length * WIDTH).map(move |at| if at < real * WIDTH { value(row, at) } else { content })
    };
    let values = lengths.iter().enumerate().flat_map(row).collect();
    let x = Cpu::default().tensor_from_vec(values, (lengths.len(), length, WIDTH));
    (x, Mask::from_lengths(lengths, length).unwrap())
}

/// The gradients of all weights.
struct Read<'a>(&'a mut Gradients<f32, Cpu>, Vec<f32>);

impl Visitor<f32, Cpu> for Read<'_> {
    fn visit(&mut self, parameter: Parameter<'_, f32, Cpu>) -> Result<(), kerata::Error> {
        self.1.extend(parameter.tensor.gradient(self.0)?);
        Ok(())
    }
}

/// What leaves at real steps, the loss, and the gradients of both inputs at real steps and of the weights.
fn all(config: &Value, more: usize, content: f32) -> Vec<f32> {
    let mut attention = layer(config.clone()).unwrap().on(&Cpu::seed_from_u64(3));
    let of_queries = [4, 2, 1];
    let (query, queries) = padded(&of_queries, 4 + more, 1, content);
    let (value, keys) = padded(&[3, 5, 1], 5 + more, 5, content);
    let real = |values: &[f32], mask: &Mask| -> Vec<f32> {
        let steps = values.chunks(values.len() / mask.as_slice().len()).zip(mask.as_slice());
        steps.filter(|(_, real)| **real).flat_map(|(step, _)| step.to_vec()).collect()
    };
    let dynamic = |x: &Tensor<Steps, f32, Cpu>, mask: &Mask| {
        DynamicValue::from(x.clone()).with_mask(mask.clone()).unwrap()
    };
    let both = [dynamic(&query, &queries), dynamic(&value, &keys)];
    let y = attention.run(DynamicValue::several(both)).unwrap();
    let mut found = real(y.values(), &queries);
    let traced = |x: &Tensor<Steps, f32, Cpu>, mask: &Mask| {
        Masked::new(x.clone().put_tape(OwnedTape::<f32, Cpu>::default()), mask.clone()).unwrap()
    };
    let x = (traced(&query, &queries), traced(&value, &keys));
    let y = match y.mask() {
        Some(_) => attention.forward_mut::<Masked<Steps>, _>(x).unwrap().into_parts().0,
        None => attention.forward_mut::<Steps, _>(x).unwrap(),
    };
    let loss = fill_padding(y, Some(&queries), 0.0).unwrap().square().sum::<Rank0, _>();
    found.extend(loss.as_vec());
    let mut gradients = loss.backward();
    for (x, mask) in [(&query, &queries), (&value, &keys)] {
        let slopes = gradients.get_or_alloc_mut(x).unwrap().to_vec();
        found.extend(real(&slopes, mask));
    }
    let mut read = Read(&mut gradients, Vec::new());
    attention.visit(&mut read).unwrap();
    found.extend(read.1);
    found
}

#[test]
fn padding_of_any_content_and_amount_changes_nothing() {
    for config in [
        made("Attention", json!({})),
        made("Attention", json!({"use_scale": true, "score_mode": "concat"})),
        made("AdditiveAttention", json!({})),
        heads(json!({})),
        // The other of Keras's two ways.
        heads(json!({"dropout": 1e-9})),
    ] {
        let right = all(&config, 0, 0.0);
        assert!(right.iter().filter(|x| **x == 0.0).count() < right.len() / 4, "{config}");
        let contents = [7.5, -1e3, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e38, -3e38, 1e-40];
        for (more, content) in
            contents.map(|content| (0, content)).into_iter().chain([(3, 2.0), (40, f32::NAN)])
        {
            let found = all(&config, more, content);
            assert_eq!(found.len(), right.len());
            for (i, (a, b)) in found.iter().zip(&right).enumerate() {
                let close = (a - b).abs() <= 2e-5 * (1.0 + b.abs());
                assert!(close, "{config}, {more} steps of {content:e}: {i} is {a}, not {b}");
            }
        }
    }
}
