//! States of recurrent layers as signals: an encoder hands its state to a decoder. The numbers are those of Keras 3.15.1.

mod stacked;
mod translator;

use dfdx::{
    tensor::{Gradients, NoneTape},
    tensor_ops::SumTo,
};
use kerata::{
    Batch, Const, Cpu, Dense, Embedding, Error, Gru, Ids, Inputs, Layer, Length, Lstm, Mask,
    Masked, ResetBefore, ReturnState, Sequences, SimpleRnn, StateH, StateHc, Tensor, ToState,
    config::DynamicLayer,
    model,
    parameters::{Parameter, Visitor},
    prelude::*,
};

fn values(from: usize, n: usize) -> Vec<f32> {
    (from..from + n).map(|i| ((i as f64 * 0.7 + 0.3).sin() * 0.8) as f32).collect()
}

/// The weights that the model had in Keras.
struct Fill(usize);

impl Visitor<f32, Cpu> for Fill {
    fn visit(&mut self, parameter: Parameter<'_, f32, Cpu>) -> Result<(), Error> {
        let n = parameter.tensor.len();
        parameter.tensor.assign(&values(self.0, n))?;
        self.0 += n;
        Ok(())
    }
}

/// The sum of each gradient, and of its squares.
struct Sums<'a>(&'a mut Gradients<f32, Cpu>, Vec<[f64; 2]>);

impl Visitor<f32, Cpu> for Sums<'_> {
    fn visit(&mut self, parameter: Parameter<'_, f32, Cpu>) -> Result<(), Error> {
        let gradient = parameter.tensor.gradient(self.0)?;
        let gradient: Vec<f64> = gradient.into_iter().map(f64::from).collect();
        self.1.push([gradient.iter().sum(), gradient.iter().map(|g| g * g).sum()]);
        Ok(())
    }
}

type Sequence = Tensor<(usize, usize, Const<2>), f32, Cpu>;

fn inputs() -> (Masked<Sequence>, Sequence) {
    let dev = Cpu::default();
    let x = dev.tensor_from_vec(values(1, 16), (2, 4, Const));
    let mask = Mask::from_bools([true, true, false, true, false, true, true, false], 2, 4);
    (Masked::new(x, mask.unwrap()).unwrap(), dev.tensor_from_vec(values(50, 12), (2, 3, Const)))
}

fn close(what: &str, found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (i, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!((a - b).abs() < tolerance * (1.0 + b.abs()), "{what} {i}: {a}, in Keras {b}");
    }
}

fn wide(values: Vec<f32>) -> Vec<f64> {
    values.into_iter().map(f64::from).collect()
}

type Pair = Inputs<(Masked<(usize, usize, Const<2>)>, (usize, usize, Const<2>))>;

/// Compares outputs and gradients of the sum of their squares.
fn check<M>(outputs: &[f64], gradients: &[[f64; 2]])
where
    M: Model<Input = Pair, Output = (usize, usize, Const<3>)> + Build,
{
    let mut model = M::build(&Cpu::default()).unwrap();
    model.visit(&mut Fill(7)).unwrap();
    let (x, z) = inputs();
    let (x, mask) = x.into_parts();
    let x = Masked::new(x.leaky_trace(), mask).unwrap();
    let y = model.call((x, z.retaped())).unwrap();
    close("output", &wide(y.as_vec()), outputs, 2e-6);
    let mut found = y.square().sum::<kerata::shape::Rank0, _>().backward();
    let mut sums = Sums(&mut found, Vec::new());
    model.visit(&mut sums).unwrap();
    close("gradient", sums.1.as_flattened(), gradients.as_flattened(), 3e-5);
}

#[model(input = Inputs<(Masked<(Batch, Length, 2)>, (Batch, Length, 2))>, output = (Batch, Length, 3))]
struct Lstms {
    #[from(input.0)]
    encoder: ReturnState<Lstm<_, 3>>,
    #[from(input.1, encoder.state)]
    decoder: Lstm<_, 3, Sequences>,
}

#[model(input = Inputs<(Masked<(Batch, Length, 2)>, (Batch, Length, 2))>, output = (Batch, Length, 3))]
struct Grus {
    #[from(input.0)]
    encoder: ReturnState<Gru<_, 3, Sequences>>,
    #[from(input.1, encoder.state)]
    decoder: Gru<_, 3, Sequences>,
}

#[model(input = Inputs<(Masked<(Batch, Length, 2)>, (Batch, Length, 2))>, output = (Batch, Length, 3))]
struct Mixed {
    #[from(input.0)]
    encoder: ReturnState<SimpleRnn<_, 3>>,
    #[from(input.1, encoder.state)]
    decoder: Gru<_, 3, Sequences, ResetBefore>,
}

#[test]
fn an_lstm_into_an_lstm() {
    check::<Lstms>(
        &[
            0.168738, 0.077406, 0.043673, 0.245123, 0.122803, 0.065101, 0.199150, 0.161104,
            0.110002, 0.139324, 0.086930, 0.006176, 0.138780, 0.071701, 0.013771, 0.205279,
            0.086134, 0.030181,
        ],
        &[
            [0.00960, 0.00055],
            [0.01417, 0.00002],
            [0.14419, 0.00458],
            [-0.18593, 0.01820],
            [0.35548, 0.00724],
            [1.10367, 0.16283],
        ],
    );
}

#[test]
fn a_gru_into_a_gru() {
    check::<Grus>(
        &[
            -0.071674, -0.176657, -0.047359, -0.118018, -0.271859, -0.179140, -0.262533, -0.643214,
            -0.395809, -0.239131, -0.723182, -0.507021, -0.163389, -0.446933, -0.329106, -0.112843,
            -0.154572, 0.009004,
        ],
        &[
            [0.39064, 0.06663],
            [0.15771, 0.04057],
            [-0.25055, 0.49937],
            [-0.34983, 0.81867],
            [1.89921, 0.47368],
            [-6.45871, 6.54112],
        ],
    );
}

/// The state of both is one vector.
#[test]
fn a_simple_rnn_into_a_gru() {
    check::<Mixed>(
        &[
            0.207831, -0.226823, -0.053986, 0.074550, -0.152420, -0.053238, -0.049981, -0.537983,
            -0.359746, -0.160961, -0.652017, -0.778489, -0.122553, -0.364294, -0.276854, -0.098991,
            -0.085164, 0.168574,
        ],
        &[
            [0.20161, 0.19248],
            [0.23781, 0.38608],
            [-0.44710, 1.49114],
            [-1.97859, 0.47072],
            [1.84403, 0.88501],
            [-3.10882, 4.31748],
        ],
    );
}

#[test]
fn states_are_those_of_keras() -> Result<(), Error> {
    let mut lstm = ReturnState::<Lstm<2, 3>>::build(&Cpu::default())?;
    lstm.visit(&mut Fill(7))?;
    let (y, StateHc { h, c }) = lstm.forward(inputs().0)?;
    assert_eq!(y.as_vec(), h.as_vec());
    close(
        "h",
        &wide(h.as_vec()),
        &[0.243639, 0.119201, 0.046539, 0.135912, 0.063478, 0.017318],
        2e-6,
    );
    close(
        "c",
        &wide(c.as_vec()),
        &[0.481336, 0.365674, 0.202425, 0.367852, 0.243572, 0.068960],
        2e-6,
    );

    let mut gru = ReturnState::<Gru<2, 3, Sequences>>::build(&Cpu::default())?;
    gru.visit(&mut Fill(7))?;
    let (y, StateH { h }) = gru.forward(inputs().0)?;
    assert_eq!(y.mask().count(), 5);
    let expected = [-0.072063, -0.368723, -0.206754, -0.073913, -0.478632, -0.325908];
    close("h", &wide(h.as_vec()), &expected, 2e-6);
    Ok(())
}

/// The parts of a state, and states of vectors.
#[model(input = Inputs<((Batch, Length, 2), (Batch, 5))>, output = (Batch, 3))]
struct Parts {
    #[from(input.1)]
    h: Dense<_, 4>,
    #[from(input.1)]
    c: Dense<_, 4>,
    #[from(h, c)]
    start: ToState,
    #[from(input.0, start)]
    lstm: ReturnState<Lstm<_, 4, Sequences>>,
    #[from(lstm.state.1)]
    vector: Dense<_, 3>,
    of_gru: ToState,
    #[from(lstm.output, of_gru)]
    gru: Gru<_, 3>,
}

#[test]
fn parts_of_a_state() -> Result<(), Error> {
    let dev = Cpu::seed_from_u64(1);
    let model = Parts::build(&dev)?;
    let x: Sequence = dev.tensor_from_vec(values(1, 12), (2, 3, Const));
    let vector: Tensor<(usize, Const<5>), f32, Cpu> =
        dev.tensor_from_vec(values(9, 10), (2, Const));
    let found = model.forward((x.clone(), vector.clone()))?;

    let state = StateHc { h: model.h.forward(vector.clone())?, c: model.c.forward(vector)? };
    let (y, state) = model.lstm.forward((x, state))?;
    let h = model.vector.forward(state.c)?;
    let expected = model.gru.forward((y, StateH { h }))?;
    assert_eq!(found.as_vec(), expected.as_vec());
    assert!(Parts::summary().to_string().contains("StateHc<(Batch, 4)>"));
    Ok(())
}

/// Without a real step the last output is 0 and the state stays, as with Keras on TensorFlow; with one it is the state.
#[test]
fn the_last_output_of_a_row_of_padding_is_zero() -> Result<(), Error> {
    let dev = Cpu::seed_from_u64(1);
    let x: Sequence = dev.tensor_from_vec(values(1, 12), (2, 3, Const));
    let x = || {
        Masked::new(x.clone(), Mask::from_bools([false, true, false, false, false, false], 2, 3)?)
    };
    let start = [[0.3, -0.4, 0.5], [-0.6, 0.7, 0.8]];
    let h: Tensor<(usize, Const<3>), f32, Cpu> = dev.tensor_from_vec(start.concat(), (2, Const));
    macro_rules! check {
        ($layer:ty, $state:expr, $wrapped:ty) => {
            let layer = <$wrapped>::build(&dev)?;
            let (y, state) = layer.forward((x()?, $state))?;
            assert_eq!(y.as_vec()[..3], state.h.as_vec()[..3]);
            assert_eq!(y.as_vec()[3..], [0.0; 3]);
            assert_eq!(state.h.as_vec()[3..], start[1]);
            let last = layer.layer.forward((x()?, $state))?;
            assert_eq!(last.as_vec(), y.as_vec());
        };
    }
    check!(Gru<2, 3>, StateH { h: h.clone() }, ReturnState<Gru<2, 3>>);
    check!(SimpleRnn<2, 3>, StateH { h: h.clone() }, ReturnState<SimpleRnn<2, 3>>);
    check!(Lstm<2, 3>, StateHc { h: h.clone(), c: h.clone() }, ReturnState<Lstm<2, 3>>);
    Ok(())
}

/// A model that starts from vectors, step by step.
#[model(input = Inputs<(Masked<(Batch, Length, 2)>, (Batch, 5))>, output = (Batch, 3))]
struct FromVectors {
    #[from(input.1)]
    h: Dense<_, 3>,
    start: ToState,
    #[from(input.0, start)]
    gru: Gru<_, 3>,
}

#[test]
fn states_of_vectors_stream() -> Result<(), Error> {
    let dev = Cpu::seed_from_u64(1);
    let model = FromVectors::build(&dev)?;
    let (steps, vectors) = (values(1, 16), values(9, 10));
    let mask = [false, true, true, false, true, false, false, false];
    let mut stream = model.stream(2)?;
    for length in 1..=4 {
        let row = |row: usize| -> [f32; 2] {
            steps[(row * 4 + length - 1) * 2..][..2].try_into().unwrap()
        };
        let keep = [0, 1].map(|row| mask[row * 4 + length - 1]);
        let (vectors, _) = vectors.as_chunks::<5>();
        let found = stream.step(((&[row(0), row(1)], &keep), vectors))?.as_flattened().to_vec();
        // The same steps at once.
        let so_far = |row: usize| &steps[row * 8..][..length * 2];
        let x: Sequence = dev.tensor_from_vec([so_far(0), so_far(1)].concat(), (2, length, Const));
        let so_far = |row: usize| &mask[row * 4..][..length];
        let mask = Mask::from_bools([so_far(0), so_far(1)].concat(), 2, length)?;
        let vector: Tensor<(usize, Const<5>), f32, Cpu> =
            dev.tensor_from_vec(vectors.as_flattened().to_vec(), (2, Const));
        let whole = model.forward((Masked::new(x, mask)?, vector))?.as_vec();
        assert!(
            whole.iter().zip(&found).all(|(a, b)| (a - b).abs() < 1e-6),
            "{whole:?}, {found:?}"
        );
    }
    Ok(())
}

/// Keras has the vectors themselves as the states to begin with.
#[test]
fn states_of_vectors_in_the_json() -> Result<(), Error> {
    let model = Parts::build(&Cpu::seed_from_u64(1))?;
    let json = model.to_json();
    let whole: serde_json::Value = serde_json::from_str(&json).unwrap();
    let layers = whole["config"]["layers"].as_array().unwrap();
    let starts = |name: &str| -> Vec<String> {
        let layer = layers.iter().find(|layer| layer["name"] == name).unwrap();
        let states = layer["inbound_nodes"][0]["kwargs"]["initial_state"].as_array().unwrap();
        let history = |state: &serde_json::Value| state["config"]["keras_history"].to_string();
        states.iter().map(history).collect()
    };
    assert_eq!(starts("lstm"), [r#"["h",0,0]"#, r#"["c",0,0]"#]);
    assert_eq!(starts("gru"), [r#"["vector",0,0]"#]);
    assert!(!json.contains("ToState"));
    let back = Parts::from_json(&json)?;
    assert_eq!(back.to_json(), json);
    let swapped = json.replace(r#"["c",0,0]"#, r#"["h",0,0]"#);
    assert!(Parts::from_json(&swapped).unwrap_err().to_string().contains("inbound_nodes"));

    let dynamic = DynamicLayer::from_layer(&model)?;
    assert_eq!(dynamic.params(), Parts::PARAMS);

    // Keras's own JSON, and what it calculates.
    let mut model =
        Parts::from_json(include_str!("../cases/keras-3.15.1-states/parts.json").trim_end())?;
    model.visit(&mut Fill(1))?;
    let dev = Cpu::default();
    let x: Sequence = dev.tensor_from_vec(values(1, 12), (2, 3, Const));
    let vector: Tensor<(usize, Const<5>), f32, Cpu> =
        dev.tensor_from_vec(values(9, 10), (2, Const));
    let expected = [0.941_742, 0.663_607_8, -0.764_622_6, 0.936_771_5, 0.653_679, -0.757_328_2];
    close("y", &wide(model.forward((x, vector))?.as_vec()), &expected, 2e-6);
    Ok(())
}

#[test]
fn another_number_of_rows_is_an_error() -> Result<(), Error> {
    let dev = Cpu::default();
    let gru = Gru::<2, 3, Sequences>::build(&dev)?;
    let x: Sequence = dev.tensor_from_vec(values(1, 12), (2, 3, Const));
    let h: Tensor<(usize, Const<3>), f32, Cpu> = dev.tensor_from_vec(values(1, 9), (3, Const));
    let error = gru.forward((x, StateH { h })).unwrap_err().to_string();
    assert_eq!(error, "the rows of the initial state: expected 2, found 3");
    Ok(())
}

/// A decoder whose state comes from outside runs step by step: it starts from that state.
#[model(input = Inputs<(Ids<(Batch, Length)>, StateHc<(Batch, 4)>)>)]
struct Decoder {
    #[from(input.0)]
    embed: Embedding<6, 3, kerata::MaskZero>,
    #[from(embed, input.1)]
    lstm: ReturnState<Lstm<_, 4, Sequences>>,
    #[from(lstm.output)]
    second: Gru<_, 3>,
}

#[model(input = Inputs<(Ids<(Batch, Length)>, StateHc<(Batch, 4)>)>, output = (Batch, 4))]
struct Plain {
    #[from(input.0)]
    embed: Embedding<6, 3, kerata::MaskZero>,
    #[from(embed, input.1)]
    lstm: Lstm<_, 4, Sequences>,
    #[from(lstm, input.1)]
    last: Lstm<_, 4>,
}

#[test]
fn a_decoder_step_by_step() -> Result<(), Error> {
    let dev = Cpu::seed_from_u64(4);
    let model = Plain::build(&dev)?;
    let state = [values(1, 8), values(21, 8)];
    let rows = |values: &[f32]| -> [[f32; 4]; 2] {
        std::array::from_fn(|r| std::array::from_fn(|i| values[4 * r + i]))
    };
    let (h, c) = (rows(&state[0]), rows(&state[1]));
    let ids = [[0, 2, 0, 3], [4, 0, 0, 5]];
    let mut stream = model.stream(2)?;
    for t in 0..4 {
        let y = stream.step((&[ids[0][t], ids[1][t]], (&h, &c)))?;
        let prefix: Vec<usize> = ids.iter().flat_map(|row| row[..=t].to_vec()).collect();
        let [h, c] = state.clone().map(|values| dev.tensor_from_vec(values, (2, Const::<4>)));
        let x = (dev.tensor_from_vec(prefix, (2, t + 1)), StateHc { h, c });
        let whole = Layer::<<Plain as Model>::Input>::call::<NoneTape>(&model, x)?;
        close("step", &wide(y.as_flattened().to_vec()), &wide(whole.as_vec()), 2e-6);
    }
    let _ = Decoder::build(&dev)?;
    Ok(())
}
