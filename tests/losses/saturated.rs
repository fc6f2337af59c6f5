//! Softmax and sigmoid heads whose probabilities are 0 and 1, against numbers of Keras 3.15.1, `make_saturated.py`: the
//! losses go back to the logits.

use dfdx::{
    prelude::Backward,
    tensor::{OwnedTape, PutTape, TensorFromVec},
};
use kerata::{
    Activation, Batch, Const, Conv2d, Cpu, Dense, Ids, Mask, Masked, Sigmoid, Softmax, Tensor,
    TimeDistributed,
    config::DynamicLayer,
    data::InMemory,
    distributed::Threads,
    loss::{
        BinaryCrossentropy, BinaryFocalCrossentropy, CategoricalCrossentropy, Loss, LossWeight,
        Reduction, SparseCategoricalCrossentropy,
    },
    metric::MeanLoss,
    model,
    model::Sequential,
    optim::Sgd,
    prelude::*,
    reduce::{PerSample, Unweighted, Weights},
    signal::Signal,
    train::{Fit, Trainer},
};
use serde_json::Value;

use super::{close, floats};

type In = (Batch, Const<2>);
type Out = (Batch, Const<3>);
type Steps = (Batch, Const<4>, Const<2>);

const X: [[f32; 2]; 4] = [[1.0, 0.5], [-0.25, 1.0], [0.75, -1.0], [0.0, 0.125]];
const KERNEL: [[f32; 3]; 2] = [[40.0, -40.0, 3.0], [10.0, 90.0, -100.0]];
const BIAS: [f32; 3] = [0.5, -0.25, 0.0];
const LABELS: [usize; 4] = [1, 0, 0, 2];
const WEIGHTS: [f32; 4] = [1.0, 0.5, 2.0, 0.25];
const YES: [[f32; 3]; 4] = [[0., 1., 1.], [1., 0., 0.], [0., 0., 1.], [1., 1., 0.]];
const ONE_HOT: [[f32; 3]; 4] = [[0., 1., 0.], [1., 0., 0.], [1., 0., 0.], [0., 0., 1.]];

fn cases() -> Value {
    serde_json::from_str(include_str!("../cases/keras-3.15.1-losses/saturated.json")).unwrap()
}

fn head<A: Activation>(scale: f32) -> Dense<2, 3, A> {
    let dev = Cpu::default();
    let mut head = Dense::build(&dev).unwrap();
    head.kernel = dev.tensor(KERNEL.map(|row| row.map(|w| w * scale)));
    head.bias = dev.tensor(BIAS);
    head
}

/// Of a head alone, and of one that is a layer of its own, in a model.
fn check<A, Y>(
    name: &str,
    scale: f32,
    loss: impl Loss<Out, Y> + Copy,
    target: &Y::Data<f32, Cpu, dfdx::tensor::NoneTape>,
    weights: &impl Weights<Out>,
) where
    A: Activation + kerata::Layer<Out, Out = Out> + Default,
    Y: Signal,
{
    let case = &cases()[name];
    let x = Cpu::default().tensor_from_vec(X.concat(), (4, Const));
    let expected = [case["loss"].as_f64().unwrap() as f32];
    let (whole, parts) = (head::<A>(scale), (head::<kerata::Linear>(scale), A::default()));
    for apart in [false, true] {
        let traced = Tensor::<In, f32, Cpu>::clone(&x).put_tape(OwnedTape::default());
        let y = if apart { parts.forward(traced) } else { whole.forward(traced) }.unwrap();
        let found = loss.mean(y, target, weights).unwrap();
        close(name, &found.as_vec(), &expected);
        let mut gradients = found.backward();
        let (kernel, bias) = match apart {
            true => (&parts.0.kernel, &parts.0.bias),
            false => (&whole.kernel, &whole.bias),
        };
        close(name, gradients.get_or_alloc_mut(kernel).unwrap(), &floats(&case["kernel"]));
        close(name, gradients.get_or_alloc_mut(bias).unwrap(), &floats(&case["bias"]));
    }
}

fn rows(rows: [[f32; 3]; 4]) -> Tensor<Out, f32, Cpu> {
    Cpu::default().tensor_from_vec(rows.concat(), (4, Const))
}

#[test]
fn values_and_gradients_are_those_of_the_logits() {
    let labels = Cpu::default().tensor_from_vec(LABELS.to_vec(), (4,));
    let sparse = SparseCategoricalCrossentropy::default();
    let weights = PerSample(WEIGHTS.to_vec());
    type L = Ids<(Batch,)>;
    check::<Softmax, L>("sparse", 1.0, sparse, &labels, &Unweighted);
    check::<Softmax, L>("sparse_weighted", 1.0, sparse, &labels, &weights);
    check::<Softmax, L>("mild_sparse", 0.01, sparse, &labels, &Unweighted);
    let categorical = CategoricalCrossentropy::default();
    let smooth = CategoricalCrossentropy { label_smoothing: 0.1, ..categorical };
    check::<Softmax, Out>("categorical", 1.0, categorical, &rows(ONE_HOT), &Unweighted);
    check::<Softmax, Out>("categorical_smooth", 1.0, smooth, &rows(ONE_HOT), &weights);
    check::<Softmax, Out>("mild_categorical", 0.01, smooth, &rows(ONE_HOT), &Unweighted);
    let binary = BinaryCrossentropy::default();
    let smooth = BinaryCrossentropy { label_smoothing: 0.2, ..binary };
    check::<Sigmoid, Out>("binary", 1.0, binary, &rows(YES), &Unweighted);
    check::<Sigmoid, Out>("binary_smooth", 1.0, smooth, &rows(YES), &weights);
    check::<Sigmoid, Out>("mild_binary", 0.01, binary, &rows(YES), &Unweighted);
    let focal = BinaryFocalCrossentropy {
        apply_class_balancing: true,
        ..BinaryFocalCrossentropy::default()
    };
    check::<Sigmoid, Out>("mild_focal", 0.01, focal, &rows(YES), &Unweighted);
}

/// Two logits 40 apart, and the wrong label: the loss of one of each of them is 40, and its gradient `p - y`.
#[test]
fn a_certain_and_wrong_answer_has_its_loss_and_gradient() {
    let logits = Cpu::default().tensor([[20.0_f32, -20.0]]);
    let label = Cpu::default().tensor([1_usize]);
    let sparse = SparseCategoricalCrossentropy::default();
    let p = Softmax.forward(logits.clone().put_tape(OwnedTape::default())).unwrap();
    let loss = sparse.compute(p, label.clone()).unwrap();
    close("softmax", &loss.as_vec(), &[40.0]);
    let gradient = loss.backward().get(&logits).array();
    close("softmax", &gradient[0], &[1.0, -1.0]);
    // The wrapped losses are the same.
    let p = Softmax.forward(logits.clone().put_tape(OwnedTape::default())).unwrap();
    let wrapped = LossWeight { loss: sparse.reduced_by(Reduction::Sum), weight: 2.0 };
    close("wrapped", &wrapped.compute(p, label.clone()).unwrap().as_vec(), &[40.0]);

    let focal = BinaryFocalCrossentropy::default();
    let p = Sigmoid.forward(logits.clone().put_tape(OwnedTape::default())).unwrap();
    let loss = focal.compute(p, Cpu::default().tensor([[0.0_f32, 1.0]])).unwrap();
    close("focal", &loss.as_vec(), &[20.0]);
    close("focal", &loss.backward().get(&logits).array()[0], &[0.5, -0.5]);

    // What is no longer the output of the softmax is clipped, as is what has no tape.
    let p = Softmax.forward(logits.clone().put_tape(OwnedTape::default())).unwrap();
    close("changed", &sparse.compute(p * 1.0, label.clone()).unwrap().as_vec(), &[16.118_095]);
    let p = Softmax.forward(logits.clone()).unwrap();
    close("no tape", &sparse.compute(p, label.clone()).unwrap().as_vec(), &[16.118_095]);
    // A softmax is no sigmoid, and logits are what the user says.
    let p = Softmax.forward(logits.clone().put_tape(OwnedTape::default())).unwrap();
    let binary = BinaryCrossentropy::default();
    let loss = binary.compute(p, Cpu::default().tensor([[0.0_f32, 1.0]])).unwrap().as_vec()[0];
    assert!(loss < 17.0, "{loss}");
    let p = Softmax.forward(logits.put_tape(OwnedTape::default())).unwrap();
    let again = SparseCategoricalCrossentropy::from_logits().compute(p, label).unwrap();
    close("twice", &again.as_vec(), &[1.313_261_7]);
}

/// The steps of a masked sequence count as rows by themselves, and what stands in the padding for nothing.
#[test]
fn steps_under_a_mask() {
    let dev = Cpu::default();
    let mut x = X.concat();
    x.splice(6..8, [f32::NAN, 1e30]);
    let x = dev.tensor_from_vec([X.concat(), x].concat(), (2, Const, Const));
    let mask = Mask::from_lengths(&[2, 3], 4).unwrap();
    let each = TimeDistributed { layer: head::<Softmax>(1.0) };
    let labels = [[1, 0, 9, 9], [1, 0, 0, 9]];
    let weights = PerSample(vec![1.0, 0.5]);
    let sparse = SparseCategoricalCrossentropy::default();
    let run = |x: Tensor<Steps, f32, Cpu>| {
        let x = Masked::new(x.put_tape(OwnedTape::default()), mask.clone()).unwrap();
        let y = each.forward(x).unwrap();
        let target = dev.tensor_from_vec(labels.concat(), (2, Const::<4>));
        sparse.compute_weighted(y, target, &weights).unwrap()
    };
    let loss = run(x);
    // Of the rows as they are, from the logits of `f64`.
    let row = |x: [f32; 2], label: usize| {
        let z: [f64; 3] =
            std::array::from_fn(|o| f64::from(x[0] * KERNEL[0][o] + x[1] * KERNEL[1][o] + BIAS[o]));
        let most = z.into_iter().fold(f64::MIN, f64::max);
        most + z.iter().map(|z| (z - most).exp()).sum::<f64>().ln() - z[label]
    };
    let sum = 1.5 * (row(X[0], 1) + row(X[1], 0)) + 0.5 * row(X[2], 0);
    close("masked", &loss.as_vec(), &[(sum / 5.0) as f32]);
    let mut gradients = loss.backward();
    // `p - y` of the three rows is (1, -1, 0), (-1, 1, 0) and (-1, 0, 1).
    let expected = [0, 1].map(|at| {
        let (both, last) = (0.3 * (X[0][at] - X[1][at]), 0.1 * X[2][at]);
        [both - last, -both, last]
    });
    close("kernel", gradients.get_or_alloc_mut(&each.layer.kernel).unwrap(), &expected.concat());
}

type Net = Sequential<In, (Dense<2, 3, Softmax>,)>;

fn net() -> Net {
    let mut net = Net::build(&Cpu::default()).unwrap();
    net.layers.0 = head(1.0);
    net
}

/// Training, `evaluate`, the validation and metrics agree on what the loss is, for typed and dynamic models.
#[test]
fn a_trainer_goes_back_to_the_logits_everywhere() {
    let expected = cases()["sparse"]["loss"].as_f64().unwrap();
    let is = |found: f64| assert!((found - expected).abs() < 1e-3, "{found} for {expected}");
    let data = InMemory::new(X.to_vec(), LABELS.to_vec()).unwrap();
    let fit = Fit { progress: false, ..Fit::default() };
    let loss = SparseCategoricalCrossentropy::default();
    let mut typed = Trainer::new(net(), loss, Sgd::new(1e-9)).unwrap().metric(MeanLoss(loss));
    let history = typed.fit_validated(&data, &data, &fit).unwrap();
    for (_, values) in history.names().map(|name| (name, history.get(name).unwrap())) {
        is(values[0]);
    }
    typed.evaluate(&data, 4).unwrap().iter().for_each(|(_, value)| is(*value));

    let dynamic = DynamicLayer::from_layer(&net()).unwrap().typed::<In, Out>().unwrap();
    let mut dynamic = Trainer::new(dynamic, loss, Sgd::new(1e-9)).unwrap();
    is(dynamic.fit(&data, &fit).unwrap().last("loss").unwrap());
    is(dynamic.evaluate(&data, 4).unwrap()[0].1);
}

/// Each of several ranks finds the logits of its rows.
#[test]
fn several_ranks_go_back_to_the_logits() {
    let expected = cases()["sparse"]["loss"].as_f64().unwrap();
    let found = Threads::new(3).run(|rank| {
        let loss = SparseCategoricalCrossentropy::default();
        let mut trainer = Trainer::new(net(), loss, Sgd::new(1e-9))?.distributed(rank);
        let data = InMemory::new(X.to_vec(), LABELS.to_vec())?;
        let fit = Fit { progress: false, ..Fit::default() };
        let history = trainer.fit_validated(&data, &data, &fit)?;
        Ok([history.last("loss"), history.last("val_loss")])
    });
    for value in found.unwrap().concat() {
        assert!((value.unwrap() - expected).abs() < 1e-3, "{value:?} for {expected}");
    }
}

#[model(input = (Batch, 2), outputs(class, answers))]
struct TwoHeads {
    class: Dense<_, 3, Softmax>,
    #[from(input)]
    answers: Dense<_, 3, Sigmoid>,
}

#[test]
fn each_of_several_outputs_has_its_own_logits() {
    let mut model = TwoHeads::build(&Cpu::default()).unwrap();
    (model.class, model.answers) = (head(1.0), head(1.0));
    let losses = (SparseCategoricalCrossentropy::default(), BinaryCrossentropy::default());
    let mut trainer = Trainer::new(model, losses, Sgd::new(1e-9)).unwrap();
    let data = InMemory::new(X.to_vec(), (LABELS.to_vec(), YES.to_vec())).unwrap();
    let history = trainer.fit(&data, &Fit { progress: false, ..Fit::default() }).unwrap();
    let cases = cases();
    for (name, case) in [("class_loss", "sparse"), ("answers_loss", "binary")] {
        let expected = cases[case]["loss"].as_f64().unwrap();
        assert!((history.last(name).unwrap() - expected).abs() < 1e-3, "{name}");
    }
}

/// A convolution does its sigmoid by itself, but not where a loss asks for the logits.
#[test]
fn the_head_of_a_segmentation() {
    let dev = Cpu::default();
    let mut conv = Conv2d::<1, 1, 1, 1, Sigmoid>::build(&dev).unwrap();
    conv.kernel = dev.tensor([[[[50.0]]]]);
    let x: Tensor<(Batch, Const<2>, Const<2>, Const<1>), f32, Cpu> =
        dev.tensor_from_vec(vec![1.0, -1.0, 0.5, -0.5], (1, Const, Const, Const));
    let y = dev.tensor_from_vec(vec![0.0_f32, 1.0, 1.0, 0.0], (1, Const, Const, Const));
    let traced = x.clone().put_tape(OwnedTape::default());
    let loss = BinaryCrossentropy::default().compute(conv.forward(traced).unwrap(), y).unwrap();
    close("conv", &loss.as_vec(), &[25.0]);
    let gradient = loss.backward().get(&conv.bias).array();
    close("conv", &gradient, &[0.0]);
}

#[model(input = (Batch, 2), output = (Batch, 3))]
struct Dropped {
    head: Dense<_, 3, Softmax>,
    drop: kerata::Dropout<0>,
}

/// A dropout of nothing leaves the way back to the logits.
#[test]
fn nothing_is_dropped_in_front_of_the_loss() {
    let mut model = Dropped::build(&Cpu::default()).unwrap();
    model.head = head(1.0);
    let loss = SparseCategoricalCrossentropy::default();
    let mut trainer = Trainer::new(model, loss, Sgd::new(1e-9)).unwrap();
    let data = InMemory::new(X.to_vec(), LABELS.to_vec()).unwrap();
    let history = trainer.fit(&data, &Fit { progress: false, ..Fit::default() }).unwrap();
    let expected = cases()["sparse"]["loss"].as_f64().unwrap();
    assert!((history.last("loss").unwrap() - expected).abs() < 1e-3, "{history:?}");
}
