//! The layers, with mask and without.

use dfdx::shapes::Rank2;
use dfdx::tensor::{PutTape, SplitTape, TensorFromVec, Trace};
use dfdx::tensor_ops::{Backward, SumTo};
use kerata::{
    Add, Average, Batch, BatchNorm, Concatenate, Cpu, Dense, Embedding, EmbeddingBag, Error,
    GlobalAveragePooling1d, Inputs, Linear, Lstm, Mask, MaskIds, MaskZero, Masked, Masking,
    Maximum, Minimum, Multiply, NoMask, Relu, Sequences, Shared, Sigmoid, Softmax, Subtract, Tanh,
    Tensor, TimeDistributed,
    backend::LstmState,
    loss::MeanSquaredError,
    model,
    parameters::{Build, Parameter, Parameters, Visitor},
    prelude::*,
    shape::{Const, Dim, Shape},
};

use crate::numeric::{Loss, Tape, check, tensor};

type Steps<const F: usize> = (Batch, Const<4>, Const<F>);

fn build<M: Build<f64, Cpu>>() -> M {
    M::build(&Cpu::seed_from_u64(3)).unwrap()
}

/// Rows: all real, right padding, left padding, gaps, nothing real.
fn mask() -> Mask {
    let rows = ["####", "##..", "..##", "#.#.", "...."].concat();
    Mask::from_bools(rows.chars().map(|c| c == '#').collect::<Vec<_>>(), 5, 4).unwrap()
}

fn masked<S: kerata::shape::Sequence>(
    x: Tensor<S, f64, Cpu, Tape>,
) -> Masked<Tensor<S, f64, Cpu, Tape>> {
    Masked::new(x, mask()).unwrap()
}

/// A loss that looks at every number.
fn against<const F: usize>(y: Tensor<Steps<F>, f64, Cpu, Tape>) -> Loss {
    let target = tensor((5, Const, Const::<F>), 9);
    MeanSquaredError.compute(y, target).unwrap()
}

fn against_rows<const F: usize>(y: Tensor<(Batch, Const<F>), f64, Cpu, Tape>) -> Loss {
    MeanSquaredError.compute(y, tensor((5, Const::<F>), 9)).unwrap()
}

macro_rules! activations {
    ($($name:ident: $activation:ident;)*) => {
        $(
            #[test]
            fn $name() {
                let dense = build::<Dense<3, 4, $activation, f64>>();
                check(dense, tensor((5, Const), 1), |dense, x| against_rows(dense.forward(x).unwrap()));
            }
        )*
    };
}
activations! {
    dense: Linear;
    dense_relu: Relu;
    dense_tanh: Tanh;
    dense_sigmoid: Sigmoid;
    dense_softmax: Softmax;
}

#[test]
fn slopes_below_zero() {
    for factor in [0.0, 0.3, 1.5] {
        let leaky = kerata::LeakyReluLayer { negative_slope: factor };
        let elu = kerata::EluLayer { alpha: factor };
        let dense = build::<Dense<3, 4, Linear, f64>>();
        check(dense.clone(), tensor((5, Const), 1), |dense, x| {
            against_rows(leaky.forward(dense.forward(x).unwrap()).unwrap())
        });
        check(dense, tensor((5, Const), 1), |dense, x| {
            against_rows(elu.forward(dense.forward(x).unwrap()).unwrap())
        });
    }
}

/// Where no difference is central: what Keras 3.15.1 gives there. Zeros are common, behind a `Relu` or at the start.
#[test]
fn slopes_at_zero() {
    let slope = |y: Loss, x: &Tensor<Rank2<1, 2>, f64, Cpu>| y.backward().get(x).as_vec();
    for alpha in [0.0, 0.5, 1.0] {
        let x = Cpu::default().tensor([[0.0, -0.0]]);
        let y = kerata::EluLayer { alpha }.forward(x.leaky_trace()).unwrap();
        assert_eq!(slope(y.sum(), &x), [alpha; 2]);
    }
    let x = Cpu::default().tensor([[0.0, -0.0]]);
    let y = kerata::LeakyReluLayer::default().forward(x.leaky_trace()).unwrap();
    assert_eq!(slope(y.sum(), &x), [1.0; 2]);
}

/// A layer with statistics, at one time step after the other, or at the real steps and the padding.
#[test]
fn statistics_of_each_step() {
    type Norm = TimeDistributed<(Dense<3, 2, Linear, f64>, BatchNorm<2, f64>)>;
    let x = || tensor((5, Const, Const), 1);
    check(build::<Norm>(), x(), |norm, x| against(norm.clone().forward_mut(x).unwrap()));
    check(build::<Norm>(), x(), |norm, x| {
        against(norm.clone().forward_mut(masked(x)).unwrap().into_parts().0)
    });
}

#[test]
fn lstm_sequences() {
    let lstm = build::<Lstm<3, 2, Sequences, f64>>();
    check(lstm, tensor((5, Const, Const), 1), |lstm, x| against(lstm.forward(x).unwrap()));
}

#[test]
fn lstm_sequences_masked() {
    let lstm = build::<Lstm<3, 2, Sequences, f64>>();
    check(lstm, tensor((5, Const, Const), 1), |lstm, x| {
        // Against all steps, also the masked ones: they repeat the step before, and so hand gradient on.
        against(lstm.forward(masked(x)).unwrap().into_parts().0)
    });
}

#[test]
fn lstm_last() {
    let lstm = build::<Lstm<3, 2, kerata::LastState, f64>>();
    check(lstm, tensor((5, Const::<4>, Const), 1), |lstm, x| {
        against_rows(lstm.forward(x).unwrap())
    });
}

#[test]
fn lstm_last_masked() {
    let lstm = build::<Lstm<3, 2, kerata::LastState, f64>>();
    check(lstm, tensor((5, Const::<4>, Const), 1), |lstm, x| {
        against_rows(lstm.forward(masked(x)).unwrap())
    });
}

/// An LSTM whose initial state is a parameter too.
#[derive(Clone)]
struct WithState {
    lstm: Lstm<3, 2, Sequences, f64>,
    state: LstmState<usize, 2, f64, Cpu>,
}

impl Parameters<f64, Cpu> for WithState {
    fn visit(&mut self, visitor: &mut dyn Visitor<f64, Cpu>) -> Result<(), Error> {
        self.lstm.visit(visitor)?;
        visitor.visit(Parameter::new("h", true, &mut self.state.h))?;
        visitor.visit(Parameter::new("c", true, &mut self.state.c))
    }
}

fn with_state(mask: Option<Mask>) {
    let lstm = build::<Lstm<3, 2, Sequences, f64>>();
    let state = LstmState { h: tensor((5, Const), 2), c: tensor((5, Const), 3) };
    check(WithState { lstm, state }, tensor((5, Const::<4>, Const), 1), |model, x| {
        let initial = Some(model.state.clone());
        let (outputs, state) = model.lstm.forward_with_state(x, mask.as_ref(), initial).unwrap();
        // The outputs and both final states.
        let (outputs, tape) = outputs.split_tape();
        let h = against_rows(state.h.put_tape(tape));
        let c = against_rows(state.c.put_tape(Tape::default()));
        against(outputs.put_tape(Tape::default())) + h + c * 0.5
    });
}

#[test]
fn lstm_states() {
    with_state(None);
}

#[test]
fn lstm_states_masked() {
    with_state(Some(mask()));
}

#[test]
fn time_distributed() {
    let layer = build::<TimeDistributed<Dense<3, 2, Tanh, f64>>>();
    check(layer.clone(), tensor((5, Const, Const), 1), |l, x| against(l.forward(x).unwrap()));
    check(layer, tensor((5, Const, Const), 1), |l, x| {
        against(l.forward(masked(x)).unwrap().into_parts().0)
    });
}

/// Layers without parameters, in front of a dense layer that has some.
fn before_dense<S: Shape>(
    shape: S,
    layer: impl Fn(Tensor<S, f64, Cpu, Tape>) -> Tensor<(Batch, Const<3>), f64, Cpu, Tape>,
) {
    let dense = build::<Dense<3, 2, Linear, f64>>();
    check(dense, tensor(shape, 1), |dense, x| against_rows(dense.forward(layer(x)).unwrap()));
}

#[test]
fn average_pooling() {
    before_dense((5, Const::<4>, Const::<3>), |x| GlobalAveragePooling1d.forward(x).unwrap());
    before_dense((5, Const::<4>, Const::<3>), |x| {
        GlobalAveragePooling1d.forward(masked(x)).unwrap()
    });
}

#[test]
fn masking() {
    let lstm = build::<Lstm<3, 2, kerata::LastState, f64>>();
    let mut numbers = crate::numeric::numbers(5 * 4 * 3, 1);
    numbers[6..9].fill(5.0);
    numbers[24..27].fill(5.0);
    // The input is held fast: a difference would take a masked step off the value that masks it.
    let rows = Cpu::default().tensor_from_vec(numbers, (5, Const::<4>, Const));
    check(lstm, tensor((1,), 1), |lstm, x| {
        let (_, tape) = x.split_tape();
        let x = Masking { value: 5.0 }.forward(rows.clone().put_tape(tape)).unwrap();
        assert_eq!(x.mask().count(), 18);
        against_rows(lstm.forward(x).unwrap())
    });
}

#[test]
fn embedding() {
    #[derive(Clone)]
    struct Table(Embedding<6, 3, MaskZero, f64>);
    impl Parameters<f64, Cpu> for Table {
        fn visit(&mut self, visitor: &mut dyn Visitor<f64, Cpu>) -> Result<(), Error> {
            self.0.visit(visitor)
        }
    }
    // Repeated ids: their gradients add.
    let ids = [1, 2, 0, 0, 5, 5, 5, 1, 0, 3, 3, 0, 2, 0, 2, 0, 4, 1, 0, 0];
    let ids = Cpu::default().tensor_from_vec(ids.to_vec(), (5, Const::<4>));
    check(Table(build()), tensor((1,), 1), |table, x| {
        let (_, tape) = x.split_tape();
        let rows = table.0.forward(ids.clone().put_tape(tape)).unwrap();
        against(rows.into_parts().0)
    });
}

fn bag<M: MaskIds>() {
    // Rows: all real, right padding, left padding, gaps, nothing real; and repeated ids.
    let ids = [1, 2, 5, 5, 5, 1, 0, 0, 0, 0, 3, 3, 2, 0, 2, 0, 0, 0, 0, 0];
    let ids = Cpu::default().tensor_from_vec(ids.to_vec(), (5, Const::<4>));
    check(build::<EmbeddingBag<6, 3, M, f64>>(), tensor((1,), 1), |bag, x| {
        let (_, tape) = x.split_tape();
        against_rows(bag.forward(ids.clone().put_tape(tape)).unwrap())
    });
}

#[test]
fn embedding_bag() {
    bag::<NoMask>();
}

#[test]
fn embedding_bag_masked() {
    bag::<MaskZero>();
}

#[model(input = (Batch, 3), output = (Batch, 2), element = f64)]
struct Branches {
    left: Dense<_, 3, Tanh, f64>,
    #[from(left, input)]
    sum: Add,
    #[from(input)]
    right: Dense<_, 3, Sigmoid, f64>,
    #[from(sum, right)]
    difference: Subtract,
    #[from(difference, left)]
    mean: Average,
    #[from(mean, right)]
    both: Concatenate<_>,
    head: Dense<_, 2, Linear, f64>,
}

#[test]
fn branches() {
    check(build::<Branches>(), tensor((5, Const), 1), |m, x| against_rows(m.forward(x).unwrap()));
}

#[model(input = (Batch, 4, 3), output = Masked<(Batch, 4, 2)>, element = f64)]
struct Merged {
    first: PutMask,
    #[from(input)]
    second: Masking,
    left: Lstm<_, 2, Sequences, f64>,
    #[from(first)]
    right: Lstm<_, 2, Sequences, f64>,
    #[from(left, right)]
    product: Multiply,
    #[from(left, right)]
    largest: Maximum,
    #[from(product, largest)]
    smallest: Minimum,
}

/// Puts the mask of these tests on a sequence.
#[derive(Debug, Clone)]
struct PutMask;

impl<B: Dim, L: Dim, F: Dim> Layer<(B, L, F), f64, Cpu> for PutMask {
    type Out = Masked<(B, L, F)>;

    fn call<T: dfdx::tensor::Tape<f64, Cpu>>(
        &self,
        x: Tensor<(B, L, F), f64, Cpu, T>,
    ) -> Result<Masked<Tensor<(B, L, F), f64, Cpu, T>>, Error> {
        Masked::new(x, mask())
    }
}

impl Build<f64, Cpu> for PutMask {
    fn build(_: &Cpu) -> Result<Self, Error> {
        Ok(Self)
    }
}

impl Parameters<f64, Cpu> for PutMask {}

#[test]
fn merges_under_masks() {
    check(build::<Merged>(), tensor((5, Const, Const), 1), |m, x| {
        against(m.forward(x).unwrap().into_parts().0)
    });
}

#[model(input = Inputs<((Batch, 3), (Batch, 3))>, output = (Batch, 2), element = f64)]
struct Twice {
    both: Shared<Dense<_, 4, Tanh, f64>>,
    #[from(both.1)]
    second: Dense<_, 4, Tanh, f64>,
    #[from(both.0, second)]
    product: Multiply,
    head: Dense<_, 2, Linear, f64>,
}

#[test]
fn shared_layers() {
    check(build::<Twice>(), tensor((5, Const), 1), |m, x| {
        let twice = x.retaped::<Tape>().try_square().unwrap();
        against_rows(m.forward((x, twice)).unwrap())
    });
}
