//! The same seed gives the same bits, on any number of threads.

#![allow(missing_docs)]

use std::{process::Command, thread};

use dfdx::{
    prelude::{Backward, HasShape, SumTo, TryMul},
    shapes::Rank0,
    tensor::{Gradients, OwnedTape, PutTape, SplitTape, TensorFromVec},
};
use kerata::{
    AvgPool2d, Batch, BatchNorm, Conv1d, Conv2d, Cpu, Dense, Dropout, Embedding, EmbeddingBag,
    Error, Flatten, GlobalAveragePooling1d, Groups, LastState, LayerNorm, Linear, Lstm, Mask,
    MaskZero, Masked, MaxPool2d, MultiHeadAttention, NoMask, Relu, RmsNorm, Same, Sequences,
    Softmax, Tanh, Tensor, Valid,
    backend::{self, Backend},
    data::InMemory,
    loss::SparseCategoricalCrossentropy,
    metric::MeanLoss,
    model::Sequential,
    optim::Adam,
    parameters::{Build, Parameter, Parameters, Visitor},
    prelude::*,
    shape::{Const, Shape},
    train::{Fit, Trainer},
};

/// The bits of all that is made, as one number for each step (FNV-1a).
struct Bits(u64);

impl Bits {
    fn add(&mut self, numbers: &[f32]) {
        for bits in numbers.iter().map(|x| x.to_bits()) {
            self.0 = (self.0 ^ u64::from(bits)).wrapping_mul(0x0100_0000_01B3);
        }
    }

    fn print(&self, name: &str) {
        println!("bits of {name}: {:016x}", self.0);
    }
}

/// Takes the weights, or their gradients.
struct Take<'a>(Option<&'a mut Gradients<f32, Cpu>>, Bits);

impl Visitor<f32, Cpu> for Take<'_> {
    fn visit(&mut self, parameter: Parameter<'_, f32, Cpu>) -> Result<(), Error> {
        match &mut self.0 {
            Some(gradients) if parameter.trainable => {
                self.1.add(&parameter.tensor.gradient(gradients)?);
            }
            Some(_) => {}
            None => self.1.add(&parameter.tensor.to_vec()?),
        }
        Ok(())
    }
}

fn dev() -> Cpu {
    Cpu::seed_from_u64(7)
}

fn tensor<S: Shape>(shape: S, seed: usize) -> Tensor<S, f32, Cpu> {
    let number = |i: usize| ((i * 7919 + seed * 104_729 + 13) % 2003) as f32 / 1001.0 - 1.0;
    let numbers = (0..shape.num_elements()).map(number).collect();
    Cpu::default().tensor_from_vec(numbers, shape)
}

type Tape = OwnedTape<f32, Cpu>;

/// The output of a layer without and with a tape, and all gradients.
fn layer<S: Shape, O: Shape, M: Build<f32, Cpu> + Parameters<f32, Cpu>>(
    name: &str,
    x: Tensor<S, f32, Cpu>,
    infer: impl Fn(&M, Tensor<S, f32, Cpu>) -> Tensor<O, f32, Cpu>,
    train: impl Fn(&mut M, Tensor<S, f32, Cpu, Tape>) -> Tensor<O, f32, Cpu, Tape>,
) {
    let mut layer = M::build(&dev()).unwrap();
    let mut bits = Bits(0xCBF2_9CE4_8422_2325);
    bits.add(&infer(&layer, x.clone()).as_vec());
    bits.print(&format!("{name}, inference"));
    let (y, tape) = train(&mut layer, x.clone().put_tape(Tape::default())).split_tape();
    bits.add(&y.as_vec());
    bits.print(&format!("{name}, forward"));
    let weights = tensor(*y.shape(), 5);
    let loss = y.put_tape(tape).try_mul(weights).unwrap().sum::<Rank0, _>();
    let mut gradients = loss.backward();
    gradients.try_alloc_for(&x).unwrap();
    bits.add(&gradients.get(&x).as_vec());
    bits.print(&format!("{name}, gradient of the input"));
    let mut take = Take(Some(&mut gradients), bits);
    layer.visit(&mut take).unwrap();
    take.1.print(&format!("{name}, gradients"));
}

/// For a layer whose passes are `forward` and `forward_mut`.
macro_rules! layers {
    ($($name:literal: $layer:ty, $x:expr;)*) => {
        $(layer::<_, _, $layer>(
            $name,
            $x,
            |layer, x| layer.forward(x).unwrap(),
            |layer, x| layer.forward_mut(x).unwrap(),
        );)*
    };
}

/// Steps of a batch, and a mask with padding of any amount.
fn mask(rows: usize, length: usize) -> Mask {
    let keep = (0..rows).flat_map(|row| (0..length).map(move |t| t < row * 7 % (length + 1)));
    Mask::from_bools(keep.collect::<Vec<_>>(), rows, length).unwrap()
}

fn all_layers() {
    type Steps<const F: usize> = (usize, usize, Const<F>);
    layers! {
        "Dense": Dense<130, 70, Tanh>, tensor((150, Const), 1);
        "Dense of few": Dense<300, 3>, tensor((1500, Const), 1);
        "Dense of one": Dense<700, 1>, tensor((2000, Const), 1);
        "Dense from few": Dense<2, 600>, tensor((900, Const), 1);
        "Conv1d": Conv1d<20, 24, 5, Relu, Same>, tensor((9, 70, Const), 1);
        "Conv2d": Conv2d<5, 24, 5, 5, Relu, Valid>,
            tensor((11, Const::<20>, Const::<20>, Const), 1);
        "Conv2d 3x3": Conv2d<16, 32, 3, 3, Linear, Same>,
            tensor((11, Const::<20>, Const::<20>, Const), 1);
        "Conv2d 3x3 of one image": Conv2d<16, 32, 3, 3, Linear, Valid>,
            tensor((1, Const::<60>, Const::<60>, Const), 1);
        "Conv2d in groups": Conv2d<32, 32, 3, 3, Linear, Same, 1, 1, Groups<2>>,
            tensor((11, Const::<20>, Const::<20>, Const), 1);
        "Conv2d in groups of one image": Conv2d<8, 16, 3, 3, Tanh, Valid, 1, 1, Groups<4>>,
            tensor((1, Const::<60>, Const::<60>, Const), 1);
        "MaxPool2d": MaxPool2d<3, 3, 2, 2>, tensor((40, Const::<33>, Const::<33>, Const::<8>), 1);
        "AvgPool2d": AvgPool2d<6>, tensor((40, Const::<36>, Const::<36>, Const::<8>), 1);
        "GlobalAveragePooling1d": GlobalAveragePooling1d, tensor((30, 400, Const::<33>), 1);
        "LayerNorm": LayerNorm<100>, tensor((5000, Const::<100>), 1);
        "MultiHeadAttention": MultiHeadAttention<32, 4, 8>, tensor((20, 60, Const), 1);
        "RmsNorm": RmsNorm<100>, tensor((5000, Const::<100>), 1);
        "BatchNorm": BatchNorm<30>, tensor((20_000, Const::<30>), 1);
        "Softmax": Softmax, tensor((3000, Const::<100>), 1);
        "Dropout": Dropout<30>, tensor((3000, Const::<100>), 1);
        "Lstm": Lstm<40, 56, LastState>, tensor((50, 20, Const), 1);
        "Lstm of sequences": Lstm<600, 24, Sequences>, tensor((37, 9, Const), 1);
        "Lstm of few rows": Lstm<64, 192, Sequences>, tensor((2, 30, Const), 1);
        "Lstm of one row": Lstm<64, 192, LastState>, tensor((1, 30, Const), 1);
    }
    layer::<Steps<40>, _, Lstm<40, 56, Sequences>>(
        "Lstm with a mask",
        tensor((50, 20, Const), 1),
        |layer, x| layer.forward(Masked::new(x, mask(50, 20)).unwrap()).unwrap().into_parts().0,
        |layer, x| layer.forward_mut(Masked::new(x, mask(50, 20)).unwrap()).unwrap().into_parts().0,
    );
    layer::<Steps<40>, _, Lstm<40, 56>>(
        "Lstm with a mask, last state",
        tensor((50, 20, Const), 1),
        |layer, x| layer.forward(Masked::new(x, mask(50, 20)).unwrap()).unwrap(),
        |layer, x| layer.forward_mut(Masked::new(x, mask(50, 20)).unwrap()).unwrap(),
    );
}

/// Trains a model, and takes its weights and all that was measured.
macro_rules! trainings {
    ($($name:literal: $model:ty, $inputs:expr;)*) => {
        $({
            let model = <$model>::build(&dev()).unwrap();
            let inputs = $inputs;
            let labels: Vec<usize> = (0..inputs.len()).map(|i| i * 5 % 4).collect();
            let data = InMemory::new(inputs, labels).unwrap();
            let loss = SparseCategoricalCrossentropy::from_logits();
            let mut trainer = Trainer::new(model, loss, Adam::default())
                .unwrap()
                .metric(MeanLoss(SparseCategoricalCrossentropy::from_logits()));
            let fit = Fit { progress: false, batch_size: 48, ..Fit::epochs(2) };
            let history = trainer.fit(&data, &fit).unwrap();
            let mut take = Take(None, Bits(history.last("loss").unwrap().to_bits()));
            trainer.model.visit(&mut take).unwrap();
            take.1.print($name);
        })*
    };
}

fn all_trainings() {
    let numbers = |seed: usize| move |i: usize| ((i * 7919 + seed) % 2003) as f32 / 1001.0 - 1.0;
    let words =
        |i: usize| std::array::from_fn(|t| if t < i % 25 { 1 + i * (t + 3) % 99 } else { 0 });
    let image =
        |i: usize| std::array::from_fn(|y| std::array::from_fn(|x| [numbers(i)(y * 16 + x + 1)]));
    trainings! {
        "words": Sequential<kerata::Ids<(Batch, Const<24>)>, (
            Embedding<100, 32, MaskZero>, Lstm<32, 64, Sequences>, Dropout<20>, Lstm<64, 48>,
            LayerNorm<48>, Dense<48, 4>,
        )>, (0..200).map(words).collect::<Vec<[usize; 24]>>();
        "bags": Sequential<kerata::Ids<(Batch, Const<24>)>, (
            EmbeddingBag<100, 200, NoMask>, Dense<200, 300, Relu>, Dropout<50>, Dense<300, 4>,
        )>, (0..200).map(words).collect::<Vec<[usize; 24]>>();
        "images": Sequential<(Batch, Const<16>, Const<16>, Const<1>), (
            Conv2d<1, 16, 3, 3, Relu, Same>, BatchNorm<16>, Conv2d<16, 32, 3, 3, Relu, Same>,
            MaxPool2d<2>, AvgPool2d<2>, Flatten<512>, Dense<512, 4>,
        )>, (0..150).map(image).collect::<Vec<[[[f32; 1]; 16]; 16]>>();
    }
}

/// What the program below is run for.
const THREADS: &str = "KERATA_TEST_THREADS";

/// The lines that a number of threads gives; `None` leaves the number to `RAYON_NUM_THREADS`.
fn run(threads: &str, by_function: bool) -> Vec<String> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "program", "--nocapture"]);
    command.env(THREADS, if by_function { threads } else { "" });
    command.env("RAYON_NUM_THREADS", threads).env_remove("KERATA_BACKEND");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    lines.lines().filter(|line| line.starts_with("bits of ")).map(str::to_owned).collect()
}

/// Not a test by itself: [`any_number_of_threads_gives_the_same_bits`] runs it.
#[test]
fn program() {
    let Ok(threads) = std::env::var(THREADS) else { return };
    if let Ok(threads) = threads.parse() {
        backend::set_threads(threads).unwrap();
    }
    println!();
    all_layers();
    all_trainings();
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    // All at once: one of them has only one thread.
    let [one, two, four, many] = thread::scope(|scope| {
        [("1", false), ("2", false), ("4", true), ("64", false)]
            .map(|(threads, by_function)| scope.spawn(move || run(threads, by_function)))
            .map(|run| run.join().unwrap())
    });
    assert_eq!(one.len(), 4 * 25 + 3, "{one:#?}");
    for (threads, more) in [(2, two), (4, four), (64, many)] {
        assert_eq!(more.len(), one.len());
        let other: Vec<_> = one.iter().zip(&more).filter(|(a, b)| a != b).collect();
        assert!(other.is_empty(), "{threads} threads: {other:#?}");
    }
}

#[test]
fn the_reference_drops_the_same() {
    // The operation in `f64` is the reference.
    let (rows, rate) = (500, 0.3);
    let (a, b) = (dev(), dev());
    for _ in 0..2 {
        let kernel = a.tensor_from_vec(vec![1.0_f32; rows * 100], (rows, Const::<100>));
        let reference = b.tensor_from_vec(vec![1.0_f64; rows * 100], (rows, Const::<100>));
        let kernel = <Cpu as Backend<f32>>::dropout(kernel, None, rate).unwrap().as_vec();
        let reference = <Cpu as Backend<f64>>::dropout(reference, None, rate).unwrap().as_vec();
        let reference: Vec<f32> = reference.into_iter().map(|x| x as f32).collect();
        assert_eq!(kernel, reference);
        let dropped = kernel.iter().filter(|&&x| x == 0.0).count();
        assert!((14_000..16_000).contains(&dropped), "{dropped}");
    }
}
