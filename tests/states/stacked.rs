//! Stacks of recurrent layers. The numbers are those of Keras 3.15.1, see `tests/cases/keras-3.15.1-stacked/make.py`.

use std::collections::HashMap;

use dfdx::{
    prelude::{HasShape, SumTo},
    tensor::{OwnedTape, PutTape, SplitTape, Trace},
};
use kerata::{
    Batch, Bidirectional, Concatenate, Const, Cpu, Error, Gru, Inputs, LastState, Length, Lstm,
    Mask, Masked, ReturnState, Sequences, SimpleRnn, StackedRnn, StateH, StateHc, Sum, Tensor,
    config::{Config, Configured, DynamicLayer},
    keras::rust_source,
    model,
    model::{Sequential, Stream},
    prelude::*,
    tensor::Backward,
};

use super::{Fill, Sums, close, values, wide};

#[derive(serde::Deserialize)]
struct Case {
    outputs: Vec<Vec<f64>>,
    of_x: Vec<f64>,
    of_weights: Vec<[f64; 2]>,
}

fn case(name: &str) -> Case {
    let text = include_str!("../cases/keras-3.15.1-stacked/cases.json");
    serde_json::from_str::<HashMap<String, Case>>(text).unwrap().remove(name).unwrap()
}

type Layers<R> = (Lstm<2, 4, Sequences>, Gru<4, 3, Sequences>, SimpleRnn<3, 2, R>);
type Stack<R> = StackedRnn<Layers<R>>;
type In<T> = Tensor<(usize, usize, Const<2>), f32, Cpu, T>;
type States<T> = (
    StateHc<Tensor<(usize, Const<4>), f32, Cpu, T>>,
    StateH<Tensor<(usize, Const<3>), f32, Cpu, T>>,
    StateH<Tensor<(usize, Const<2>), f32, Cpu, T>>,
);

fn x() -> In<dfdx::tensor::NoneTape> {
    Cpu::default().tensor_from_vec(values(1, 16), (2, 4, Const))
}

fn mask() -> Mask {
    Mask::from_bools([true, true, false, true, false, true, true, false], 2, 4).unwrap()
}

fn filled<L: Build + Parameters>() -> L {
    let mut layer = L::build(&Cpu::default()).unwrap();
    layer.visit(&mut Fill(7)).unwrap();
    layer
}

type Loss = Tensor<(), f32, Cpu, OwnedTape<f32, Cpu>>;

/// Compares the first output, and the gradients of the sum of its squares, which `run` gives.
fn check<L: Parameters>(
    case: &Case,
    layer: &L,
    run: impl FnOnce(&L, In<OwnedTape<f32, Cpu>>) -> (Vec<f32>, Loss),
) {
    let x = x();
    let (y, loss) = run(layer, x.leaky_trace());
    close("output", &wide(y), &case.outputs[0], 3e-6);
    let mut found = loss.backward();
    close("gradient of x", &wide(found.get(&x).as_vec()), &case.of_x, 3e-5);
    let mut sums = Sums(&mut found, Vec::new());
    layer.clone().visit(&mut sums).unwrap();
    close("gradient", sums.1.as_flattened(), case.of_weights.as_flattened(), 3e-5);
}

macro_rules! with_loss {
    ($y:expr) => {{
        let y = $y;
        (y.as_vec(), y.square().sum())
    }};
}

#[test]
fn the_last_output() {
    let stack = filled::<Stack<LastState>>();
    check(&case("last"), &stack, |stack, x| {
        with_loss!(stack.forward(Masked::new(x, mask()).unwrap()).unwrap())
    });
}

#[test]
fn sequences_in_both_orders() {
    let mut stack = filled::<Stack<Sequences>>();
    check(&case("plain"), &stack, |stack, x| with_loss!(stack.forward(x).unwrap()));

    (stack.layers.0.go_backwards, stack.layers.2.zero_output_for_mask) = (true, true);
    check(&case("backwards"), &stack, |stack, x| {
        with_loss!(stack.forward(Masked::new(x, mask()).unwrap()).unwrap().into_parts().0)
    });
}

#[test]
fn states_out_and_in() {
    let with_states = case("states");
    let stack = filled::<ReturnState<Stack<Sequences>>>();
    check(&with_states, &stack, |stack, x| {
        let (y, (a, b, c)) = stack.forward(Masked::new(x, mask()).unwrap()).unwrap();
        let found = [a.h.as_vec(), a.c.as_vec(), b.h.as_vec(), c.h.as_vec()];
        for (found, expected) in found.into_iter().zip(&with_states.outputs[1..]) {
            close("state", &wide(found), expected, 3e-6);
        }
        with_loss!(y.into_parts().0)
    });

    let stack = filled::<Stack<Sequences>>();
    check(&case("initial"), &stack, |stack, x| {
        let dev = Cpu::default();
        let states: States<OwnedTape<f32, Cpu>> = (
            StateHc {
                h: dev.tensor_from_vec(values(90, 8), (2, Const)).put_tape(OwnedTape::default()),
                c: dev.tensor_from_vec(values(98, 8), (2, Const)).put_tape(OwnedTape::default()),
            },
            StateH {
                h: dev.tensor_from_vec(values(106, 6), (2, Const)).put_tape(OwnedTape::default()),
            },
            StateH {
                h: dev.tensor_from_vec(values(112, 4), (2, Const)).put_tape(OwnedTape::default()),
            },
        );
        with_loss!(stack.forward((x, states)).unwrap())
    });
}

/// Gradients flow from the states of an encoder back into it.
#[test]
fn gradients_through_states() {
    let encoder = filled::<ReturnState<Stack<LastState>>>();
    let x = x();
    let (y, (a, b, c)) = encoder.forward(x.leaky_trace()).unwrap();
    let layers = &encoder.layer.layers;
    let (_, tape) = y.split_tape();
    let (first, second, third) = (a.c.split_tape().0, b.h.split_tape().0, c.h.split_tape().0);
    let loss: Loss = first.put_tape(tape).sum();
    let found = loss.backward();
    let some = |gradient: Vec<f32>| gradient.iter().any(|&g| g.abs() > 1e-4);
    assert!(some(found.get(&layers.0.kernel).as_vec()) && some(found.get(&x).as_vec()));
    // The state of the first layer does not depend on the others.
    assert!(!some(found.get(&layers.1.kernel).as_vec()));
    assert_eq!((*second.shape(), *third.shape()), ((2, Const::<3>), (2, Const::<2>)));
}

#[test]
fn both_directions() {
    type Both = Bidirectional<Stack<Sequences>>;
    let both = filled::<Both>();
    check(&case("both"), &both, |both, x| {
        with_loss!(both.forward(Masked::new(x, mask()).unwrap()).unwrap().into_parts().0)
    });
    let both = filled::<Bidirectional<Stack<LastState>, Sum>>();
    check(&case("both_last"), &both, |both, x| {
        with_loss!(both.forward(Masked::new(x, mask()).unwrap()).unwrap())
    });
}

#[test]
fn step_by_step() -> Result<(), Error> {
    type Signal = Masked<(Batch, Length, Const<2>)>;
    let stack = filled::<Stack<Sequences>>();
    let expected = stack.forward(Masked::new(x(), mask())?)?.into_parts().0.as_vec();
    let model = Sequential::<Signal, _>::new((stack,));
    let mut stream: Stream<_> = model.stream(2)?;
    let values = x().as_vec();
    let mut saved = None;
    for again in [false, true] {
        for step in if again { 2..4 } else { 0..4 } {
            if step == 2 && !again {
                saved = Some(stream.state().to_bytes()?);
            }
            let row = |row: usize| -> [f32; 2] {
                values[(row * 4 + step) * 2..][..2].try_into().unwrap()
            };
            let keep = [0, 1].map(|row| mask().row(row)[step]);
            let (y, _) = stream.step((&[row(0), row(1)], &keep))?;
            for (row, y) in y.iter().enumerate() {
                let expected = &expected[(row * 4 + step) * 2..][..2];
                close("step", &wide(y.to_vec()), &wide(expected.to_vec()), 2e-6);
            }
        }
        stream.reset();
        stream.state_mut().load_bytes(saved.clone().unwrap())?;
    }
    Ok(())
}

/// Keras's `RNN` of `StackedRNNCells`, and the same without a type.
#[test]
fn the_config_of_keras() -> Result<(), Error> {
    let model: serde_json::Value =
        serde_json::from_str(include_str!("../cases/keras-3.15.1-stacked/rnn.json")).unwrap();
    let config = Config::try_from(model["config"]["layers"][1].clone())?;
    let mut stack = Stack::<Sequences>::from_config(&config)?;
    let layers = &stack.layers;
    assert!(layers.0.stateful && layers.1.stateful && layers.2.stateful);
    assert!(layers.2.zero_output_for_mask && !layers.0.zero_output_for_mask);
    assert!(stack.check_config(&config).is_ok());
    stack.visit(&mut Fill(7))?;

    // What is written has the same keys, the cells too.
    let (written, config) = (stack.config(), config.config);
    let keys = |config: &serde_json::Map<String, serde_json::Value>| -> Vec<String> {
        // A seed counts in training only.
        let mut keys: Vec<String> = config.keys().filter(|key| *key != "seed").cloned().collect();
        keys.sort_unstable();
        keys
    };
    assert_eq!(keys(&written.config), keys(&config));
    for i in 0..3 {
        let of = |config: &serde_json::Map<String, serde_json::Value>| {
            let cell = &config["cell"]["config"]["cells"][i];
            (cell["class_name"].clone(), keys(cell["config"].as_object().unwrap()))
        };
        assert_eq!(of(&written.config), of(&config));
    }

    // A stack whose layers have no options is a type out of a file.
    let plain = include_str!("../cases/keras-3.15.1-stacked/rnn.json")
        .replace("\"stateful\": true", "\"stateful\": false")
        .replace("\"zero_output_for_mask\": true", "\"zero_output_for_mask\": false");
    let source = rust_source(&plain.parse()?, "Net")?;
    let expected =
        "StackedRnn<(Lstm<_, 4, Sequences>, Gru<4, 3, Sequences>, SimpleRnn<3, 2, Sequences>)>,";
    assert!(source.contains(expected), "{source}");

    let mut dynamic = DynamicLayer::from_layer(&stack)?;
    let found: Vec<f32> = dynamic.run(x())?.values().to_vec();
    close("dynamic", &wide(found), &case("plain").outputs[0], 3e-6);
    let back: Stack<Sequences> = dynamic.try_into()?;
    back.reset_state();
    close("typed", &wide(back.forward(x())?.as_vec()), &case("plain").outputs[0], 3e-6);

    let wrong = Stack::<LastState>::from_config(&written).unwrap_err().to_string();
    assert!(wrong.contains("cell.cells.2.return_sequences: the type says false"), "{wrong}");
    let few = StackedRnn::<(Lstm<2, 4, Sequences>, Gru<4, 3>)>::from_config(&written);
    assert!(few.unwrap_err().to_string().contains("StackedRNNCells with 2 cells"));
    Ok(())
}

/// A layer that keeps its states goes on where the batch before ended.
#[test]
fn states_from_batch_to_batch() -> Result<(), Error> {
    let whole = filled::<Stack<Sequences>>();
    let expected = whole.forward(x())?.as_vec();
    let mut stack = whole.clone();
    stack.layers.0.stateful = true;
    stack.layers.1.stateful = true;
    stack.layers.2.stateful = true;
    for round in 0..2 {
        for half in 0..2 {
            let values = x().as_vec();
            let part = (0..2).flat_map(|row| values[(row * 4 + half * 2) * 2..][..4].to_vec());
            let x: In<_> = Cpu::default().tensor_from_vec(part.collect(), (2, 2, Const));
            let y = stack.forward(x)?.as_vec();
            for row in 0..2 {
                let expected = &expected[(row * 4 + half * 2) * 2..][..4];
                let found = &y[row * 4..][..4];
                close("half", &wide(found.to_vec()), &wide(expected.to_vec()), 2e-6);
            }
        }
        assert!(round < 2);
        stack.reset_state();
    }
    Ok(())
}

/// As in Keras, all layers of a stack go in one order, which the first one says: of another one it is an error, in a pass and in a
/// stream alike.
#[test]
fn one_order_for_all() {
    for at in [1, 2] {
        let mut stack = filled::<Sequential<In2, (Stack<Sequences>,)>>();
        let layers = &mut stack.layers.0.layers;
        if at == 1 {
            layers.1.go_backwards = true
        } else {
            layers.2.go_backwards = true
        }
        let message = "go_backwards is true: of a stack, the first layer says it for all";
        let error = stack.forward(x()).unwrap_err().to_string();
        assert_eq!(error, message);
        assert_eq!(stack.stream(1).unwrap_err().to_string(), error);
        let last = StackedRnn { layers: stack.layers.0.layers };
        let error = last.forward(Masked::new(x(), mask()).unwrap()).unwrap_err().to_string();
        assert_eq!(error, message);
    }
}

type In2 = (Batch, Length, Const<2>);

/// A decoder of its own, which starts from the states of three layers.
#[model(
    input = Inputs<((Batch, Length, 2), StateHc<(Batch, 4)>, StateH<(Batch, 3)>, StateH<(Batch, 2)>)>,
    output = (Batch, Length, 2),
)]
struct Decoder {
    #[from(input.0, input.1)]
    first: Lstm<_, 4, Sequences>,
    #[from(first, input.2)]
    second: Gru<_, 3, Sequences>,
    #[from(second, input.3)]
    third: SimpleRnn<_, 2, Sequences>,
}

#[model(input = Inputs<((Batch, Length, 2), (Batch, Length, 2))>, output = (Batch, Length, 4))]
struct Translator {
    #[from(input.0)]
    e: ReturnState<Stack<LastState>>,
    #[from(input.1, e.state.0, e.state.1, e.state.2)]
    decoder: Decoder,
    #[from(input.1, e.state.2)]
    last: SimpleRnn<_, 2, Sequences>,
    #[from(decoder, last)]
    both: Concatenate<_>,
}

/// Each state of a stack of three is a part, and goes into another layer or, with others, into another model.
#[test]
fn parts_of_the_states_of_three() -> Result<(), Error> {
    let mut net = filled::<Translator>();
    let y = net.forward((x(), x()))?;
    let (_, (a, b, c)) = net.e.forward(x())?;
    let Decoder { first, second, third } = &net.decoder;
    let decoded = third.forward((second.forward((first.forward((x(), a))?, b))?, c.clone()))?;
    let last = net.last.forward((x(), c))?;
    let expected = Concatenate::<4>.forward((decoded, last))?;
    assert_eq!(y.as_vec(), expected.as_vec());

    // Gradients go through all of them.
    let x = x();
    let y = net.forward_mut((x.leaky_trace(), self::x().put_tape(OwnedTape::default())))?;
    let found = y.square().sum().backward().get(&x).as_vec();
    assert!(found.iter().all(|slope| *slope != 0.0), "{found:?}");

    let from: Vec<String> =
        Translator::summary().rows.iter().map(|row| row.from.join(", ")).collect();
    assert_eq!(from[1], "input.1, e.state.0, e.state.1, e.state.2");
    let json = net.to_json();
    assert!(json.contains("initial_state"), "{json}");
    net.check_config(&json.parse()?)?;
    Ok(())
}

/// The decoder alone, step by step: a tuple of four goes in.
#[test]
fn several_inputs_of_a_stream() -> Result<(), Error> {
    let net = filled::<Decoder>();
    let dev = Cpu::default();
    let state = |at, units| values(at, units);
    let x = values(1, 8);
    let (h, c, g, s) = (state(90, 4), state(98, 4), state(11, 3), state(17, 2));
    let whole = net.forward((
        dev.tensor_from_vec(x.clone(), (1, 4, Const)),
        StateHc {
            h: dev.tensor_from_vec(h.clone(), (1, Const)),
            c: dev.tensor_from_vec(c.clone(), (1, Const)),
        },
        StateH { h: dev.tensor_from_vec(g.clone(), (1, Const)) },
        StateH { h: dev.tensor_from_vec(s.clone(), (1, Const)) },
    ))?;
    fn row<const N: usize>(values: &[f32]) -> &[[f32; N]] {
        values.as_chunks().0
    }
    let mut stream = net.stream(1)?;
    let states = ((row(&h), row(&c)), row(&g), row(&s));
    for (x, expected) in x.chunks(2).zip(whole.as_vec().chunks(2)) {
        let y = stream.step((row(x), states.0, states.1, states.2))?;
        close("step", &wide(y[0].to_vec()), &wide(expected.to_vec()), 1e-6);
    }
    Ok(())
}
