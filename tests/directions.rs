//! Both directions apart, and their states in and out.

#![allow(missing_docs)]

use dfdx::{
    prelude::{Backward, SumTo, TryAdd},
    tensor::{OwnedTape, PutTape, SplitTape},
};
use kerata::{
    Add, Batch, Bidirectional, Cpu, Embedding, Error, GlobalAveragePooling1d, Gru, Ids, Inputs,
    Length, Lstm, MaskZero, ReturnState, Separate, Sequences, Sum, Tensor,
    config::{Configured, DynamicLayer, DynamicValue},
    model,
    prelude::*,
    shape::Const,
};

/// What `Sum` does, by hand.
#[model(input = Ids<(Batch, Length)>, output = (Batch, 4))]
struct Apart {
    embed: Embedding<9, 3, MaskZero>,
    both: Bidirectional<Gru<_, 4, Sequences>, Separate>,
    #[from(both.0, both.1)]
    sum: Add,
    mean: GlobalAveragePooling1d,
}

#[model(input = Ids<(Batch, Length)>, output = (Batch, 4))]
struct Together {
    embed: Embedding<9, 3, MaskZero>,
    both: Bidirectional<Gru<_, 4, Sequences>, Sum>,
    mean: GlobalAveragePooling1d,
}

fn ids() -> Tensor<(usize, usize), usize, Cpu> {
    Cpu::default().tensor_from_vec(vec![3, 4, 0, 5, 0, 0], (2, 3))
}

#[test]
fn two_outputs_wire_like_others() -> Result<(), Error> {
    let apart = Apart::build(&Cpu::seed_from_u64(3))?;
    let together = Together::build(&Cpu::seed_from_u64(3))?;
    assert_eq!(apart.forward(ids())?.as_vec(), together.forward(ids())?.as_vec());
    Ok(())
}

#[test]
fn keras_says_null() -> Result<(), Error> {
    let dev = Cpu::seed_from_u64(3);
    let both = Bidirectional::<Lstm<3, 4>, Separate>::build(&dev)?;
    let config = both.config();
    assert!(config.config["merge_mode"].is_null());
    let mut dynamic = DynamicLayer::from_layer(&both)?;
    let x = || Cpu::default().tensor_from_vec(vec![0.3; 2 * 5 * 3], (2, 5, Const::<3>));
    let (a, b) = both.forward(x())?;
    let found = dynamic.run(x())?;
    let parts: Vec<Vec<f32>> = found.parts().iter().map(|part| part.values().to_vec()).collect();
    assert_eq!(parts, [a.as_vec(), b.as_vec()]);
    let back: Bidirectional<Lstm<3, 4>, Separate> = dynamic.try_into()?;
    assert_eq!(back.forward(x())?.1.as_vec(), b.as_vec());
    let error = Bidirectional::<Lstm<3, 4>>::build(&dev)?.check_config(&config).unwrap_err();
    assert!(error.to_string().contains("merge_mode"), "{error}");
    Ok(())
}

/// An encoder in both directions hands its states to a decoder in both.
#[model(input = Inputs<(Ids<(Batch, Length)>, Ids<(Batch, Length)>)>)]
struct Hand {
    #[from(input.0)]
    words: Embedding<9, 3, MaskZero>,
    encoder: ReturnState<Bidirectional<Lstm<_, 4>>>,
    #[from(input.1)]
    others: Embedding<9, 3, MaskZero>,
    #[from(others, encoder.state)]
    decoder: Bidirectional<Lstm<_, 4>, Sum>,
    #[from(words, encoder.state.1)]
    alone: Lstm<_, 4>,
    #[from(decoder, alone)]
    sum: Add,
}

#[test]
fn states_in_and_out() -> Result<(), Error> {
    let net = Hand::build(&Cpu::seed_from_u64(1))?;
    let y = net.forward((ids(), ids()))?.as_vec();
    let words = net.words.forward(ids())?;
    let (_, (forward, backward)) = net.encoder.forward(words)?;

    // The same by single layers.
    let (x, mask) = net.others.forward(ids())?.into_parts();
    let state = |of: &kerata::StateHc<Tensor<(usize, Const<4>), f32, Cpu>>| {
        Some(kerata::backend::LstmState { h: of.h.clone(), c: of.c.clone() })
    };
    let run = |layer: &Lstm<3, 4>, from| layer.forward_with_state(x.clone(), Some(&mask), from);
    let (_, a) = run(&net.decoder.forward, state(&forward))?;
    let (_, b) = run(&net.decoder.backward, state(&backward))?;
    let words = net.words.forward(ids())?;
    let (x, mask) = words.into_parts();
    let (_, c) = net.alone.forward_with_state(x, Some(&mask), state(&backward))?;
    let expected: Vec<f32> = a.h.try_add(b.h)?.try_add(c.h)?.as_vec();
    for (y, expected) in y.iter().zip(expected) {
        assert!((y - expected).abs() < 1e-6, "{y} {expected}");
    }

    // Gradients flow through the states, to the encoder.
    let x = net.words.forward(ids())?;
    let (x, mask) = x.into_parts();
    let x = kerata::Masked::new(x.put_tape(OwnedTape::default()), mask)?;
    let (y, states) = net.encoder.forward(x)?;
    let (_, tape) = y.split_tape();
    let others = net.others.forward(ids())?;
    let (values, mask) = others.into_parts();
    let others = kerata::Masked::new(values.put_tape(tape), mask)?;
    let loss: Tensor<(), f32, Cpu, _> = net.decoder.forward((others, states))?.sum();
    let gradients = loss.backward();
    for layer in [&net.encoder.layer.forward, &net.encoder.layer.backward] {
        assert!(gradients.get(&layer.kernel).as_vec().iter().any(|&g| g != 0.0));
    }
    Ok(())
}

/// A decoder that starts from what a GRU and an LSTM leave.
#[model(input = Inputs<((Batch, Length, 3), (Batch, Length, 3))>, output = (Batch, 4))]
struct States {
    #[from(input.0)]
    encoder: ReturnState<Lstm<_, 4, Sequences>>,
    #[from(input.1, encoder.state)]
    decoder: ReturnState<Lstm<_, 4>>,
    #[from(encoder.output)]
    small: ReturnState<Gru<_, 4>>,
    #[from(input.1, small.state)]
    gru: Gru<_, 4>,
    #[from(input.0)]
    both: ReturnState<Bidirectional<Gru<_, 4>, Separate>>,
    #[from(input.1, both.state)]
    again: Bidirectional<Gru<_, 4>, Sum>,
    #[from(decoder.output, gru)]
    sum: Add,
    #[from(sum, decoder.state.1)]
    more: Add,
    #[from(more, again)]
    most: Add,
    #[from(most, both.output.1)]
    all: Add,
}

#[test]
fn states_in_keras_json() -> Result<(), Error> {
    let net = States::build(&Cpu::seed_from_u64(5))?;
    let json = net.to_json();
    net.check_json(&json)?;
    let again = States::build(&Cpu::seed_from_u64(6))?;
    again.check_json(&json)?;
    if let Some(folder) = std::env::var_os("KERATA_WRITTEN") {
        std::fs::write(std::path::Path::new(&folder).join("states.json"), &json).unwrap();
    }
    // Another state into the decoder is another model.
    let other = json.replacen("[\"small\",0,1]", "[\"small\",0,0]", 1);
    assert_ne!(other, json);
    assert!(net.check_json(&other).is_err());

    let x = |start: f32| {
        let values = (0..2 * 5 * 3).map(|i| (i as f32 * 0.7 + start).sin()).collect();
        Cpu::default().tensor_from_vec(values, (2, 5, Const::<3>))
    };
    let expected = net.forward((x(0.1), x(0.5)))?.as_vec();
    let mut dynamic = DynamicLayer::from_layer(&net)?;
    let value = |x: Tensor<_, f32, Cpu>| DynamicValue::numbers([2, 5, 3], x.as_vec()).unwrap();
    let found = dynamic.run(DynamicValue::several([value(x(0.1)), value(x(0.5))]))?;
    for (found, expected) in found.values().iter().zip(&expected) {
        assert!((found - expected).abs() < 1e-6, "{found} {expected}");
    }
    let back: States = dynamic.try_into()?;
    assert_eq!(back.forward((x(0.1), x(0.5)))?.as_vec(), expected);
    Ok(())
}
