//! `#[layer]`, as a program uses it.

use kerata::{
    Batch, BatchNorm, Const, Cpu, Dense, Dropout, Error, Inner, Layer, Tensor, TimeDistributed,
    config::Configured,
    layer, model,
    parameters::{Named, Parameters},
    prelude::*,
    signal::Signal,
    tensor::{Rank1, Rank2, Tape},
};

/// Layers within a layer, of which two behave otherwise in training, and a layer around them.
#[layer(class = "Block")]
struct Block {
    #[inner]
    norm: Inner<BatchNorm<4>>,
    #[inner]
    drop: Inner<Dropout<50>>,
    #[inner]
    dense: Inner<Dense<4, 4>>,
}

impl Layer<(Batch, Const<4>)> for Block {
    type Out = (Batch, Const<4>);

    fn call<T: Tape<f32, Cpu>>(
        &self,
        x: Tensor<Self::Out, f32, Cpu, T>,
    ) -> Result<Tensor<Self::Out, f32, Cpu, T>, Error> {
        self.dense.forward(self.drop.forward(self.norm.forward(x)?)?)
    }
}

#[layer(class = "Outer")]
struct Outer {
    #[inner]
    steps: Inner<TimeDistributed<Inner<Block>>>,
}

type Steps = (Batch, Const<3>, Const<4>);

impl Layer<Steps> for Outer {
    type Out = Steps;

    fn call<T: Tape<f32, Cpu>>(
        &self,
        x: Tensor<Steps, f32, Cpu, T>,
    ) -> Result<Tensor<Steps, f32, Cpu, T>, Error> {
        self.steps.forward(x)
    }
}

#[model(input = (Batch, 3, 4))]
struct Net {
    outer: Outer,
}

fn names(parameters: &[Named]) -> Vec<&str> {
    parameters.iter().map(|parameter| parameter.name.as_str()).collect()
}

#[test]
fn a_training_pass_reaches_the_layers_within_layers() -> Result<(), Error> {
    let mut net = Net::build(&Cpu::seed_from_u64(1))?;
    assert_eq!((Net::PARAMS, Net::TRAINABLE), (16 + 20, 8 + 20));
    let parameters = kerata::model::Model::parameters(&net);
    assert_eq!(names(&parameters)[2], "outer.steps.norm.moving_mean");
    assert_eq!(names(&parameters)[5], "outer.steps.dense.bias");

    let x = Cpu::default().tensor_from_vec(vec![2.0_f32; 24], (2, Const, Const));
    let mean = |net: &Net| {
        let of_block = |block: &Block| block.norm.with(|norm| norm.moving_mean.array()[0]);
        net.outer.steps.with(|steps| steps.layer.with(of_block))
    };
    let before = net.forward(x.clone())?.as_vec();
    assert_eq!((net.forward(x.clone())?.as_vec(), mean(&net)), (before.clone(), 0.0));
    let dropped = net.forward_mut(x.clone())?.as_vec();
    assert_ne!(dropped, before);
    // Each of three steps moves it by a hundredth, as in Keras.
    assert!((mean(&net) - 2.0 * (1.0 - 0.99_f32.powi(3))).abs() < 1e-6, "{}", mean(&net));
    // A clone is apart, and inference is inference again.
    let (mut other, moved) = (net.clone(), mean(&net));
    other.forward_mut(x.clone())?;
    net.forward(x)?;
    assert_eq!(mean(&net), moved);
    assert_ne!(mean(&other), moved);
    Ok(())
}

#[test]
fn a_config_reaches_the_layers_within_layers() -> Result<(), Error> {
    let block = Block::build(&Cpu::default())?;
    let json = block.to_json();
    block.check_json(&json)?;
    let ones = json.replace(
        "\"bias_initializer\":{\"class_name\":\"Zeros\"",
        "\"bias_initializer\":{\"class_name\":\"Ones\"",
    );
    assert_ne!(ones, json);
    let ones = Block::from_json(&ones.replace("0.99", "0.5"))?;
    assert_eq!(ones.dense.with(|dense| dense.bias.array()), [1.0; 4]);
    assert_eq!(ones.norm.with(|norm| norm.momentum), 0.5);
    let error = block.check_json(&json.replace("\"units\":4", "\"units\":5")).unwrap_err();
    assert!(error.to_string().contains("dense.units: the type says 4, the JSON says 5"), "{error}");
    let error = Block::from_json(&json.replace("0.99", "1.5")).unwrap_err().to_string();
    assert!(error.contains("norm.momentum: it must be in 0..=1, the JSON says 1.5"), "{error}");
    Ok(())
}

/// Every kind of field and argument.
#[layer(class = "Everything", check = assert!(N > 0), keys(weights, n: size(N)))]
struct Everything<const N: usize, const BIAS: bool, E: kerata::Element>
where
    Cpu: kerata::Backend<E>,
{
    #[weight(shape = (N, 2 * N), init = he_normal, key = "wide", regularizer = false)]
    kernel: Tensor<(Const<N>, usize), E, Cpu>,
    #[weight(init = ones, when = BIAS)]
    bias: Tensor<Rank1<N>, E, Cpu>,
    #[weight(init = zeros, trainable = false)]
    seen: Tensor<Rank2<N, 1>, E, Cpu>,
    #[option(default = true, key = "use_it")]
    flag: bool,
    #[option(default = 3, range = 1..=5)]
    times: usize,
    #[cache]
    cache: Vec<u8>,
    marker: std::marker::PhantomData<E>,
}

#[test]
fn every_kind_of_field() -> Result<(), Error> {
    type Two = Everything<2, true, f64>;
    let mut layer = Two::build(&Cpu::seed_from_u64(0))?;
    assert_eq!((Two::PARAMS, Two::TRAINABLE), (8 + 2 + 2, 8 + 2));
    assert_eq!(<Everything<2, false, f32> as Parameters>::PARAMS, 8 + 2);
    assert!(layer.kernel.as_vec().iter().all(|&x| x != 0.0));
    assert_eq!((layer.bias.array(), layer.seen.array()), ([1.0; 2], [[0.0]; 2]));
    assert!(layer.flag && layer.cache.is_empty() && layer.check_options().is_ok());
    layer.times = 6;
    let error = layer.check_options().unwrap_err().to_string();
    assert_eq!(error, "times is 6: it must be in 1..=5");

    let config = layer.config().config;
    let keys: Vec<&str> = config.keys().map(String::as_str).collect();
    let expected = [
        "bias_constraint",
        "bias_initializer",
        "bias_regularizer",
        "dtype",
        "n",
        "name",
        "seen_initializer",
        "times",
        "trainable",
        "use_it",
        "wide_initializer",
    ];
    assert_eq!(keys, expected);
    assert_eq!(config["wide_initializer"]["class_name"], "HeNormal");

    struct Nothing;
    impl kerata::parameters::Visitor<f64, Cpu> for Nothing {
        fn visit(&mut self, _: kerata::parameters::Parameter<'_, f64, Cpu>) -> Result<(), Error> {
            Ok(())
        }
    }
    layer.kernel = Cpu::default().tensor_from_vec(vec![0.0; 6], (Const, 3));
    let error = layer.visit(&mut Nothing).unwrap_err().to_string();
    let expected =
        "the shape of the weight `kernel` of `Everything`: expected [2, 4], found [2, 3]";
    assert_eq!(error, expected);
    Ok(())
}

/// Options where a layer is declared.
#[model(input = (Batch, 4), output = (Batch, 2))]
struct Tuned {
    #[with(name = "encoder", trainable = false, bias_initializer = Ones)]
    first: Dense<_, 3>,
    #[with(trainable = false, momentum = 0.5)]
    norm: BatchNorm<_>,
    #[with(trainable = false)]
    drop: Dropout<50>,
    #[with(kernel_initializer = kerata::config::Initializer::Constant(2.0))]
    head: Dense<_, 2>,
}

#[test]
fn options_are_set_where_a_layer_is_declared() -> Result<(), Error> {
    let mut net = Tuned::build(&Cpu::seed_from_u64(0))?;
    assert_eq!(net.first.bias.array(), [1.0; 3]);
    assert_eq!(net.head.kernel.array(), [[2.0; 2]; 3]);
    assert_eq!(net.norm.momentum, 0.5);
    let parameters = kerata::model::Model::parameters(&net);
    assert_eq!(names(&parameters)[..3], ["encoder.kernel", "encoder.bias", "norm.gamma"]);
    let trainable: usize =
        parameters.iter().filter(|p| p.trainable).map(|p| p.shape.iter().product::<usize>()).sum();
    assert_eq!((Tuned::TRAINABLE, trainable), (3 * 2 + 2, 3 * 2 + 2));
    let summary = <Tuned as kerata::model::Model>::summary();
    assert_eq!(summary.rows[0].name, "encoder");

    // In training the statistics stay, and dropout drops.
    let x = Cpu::default().tensor_from_vec(vec![1.0_f32; 40], (10, Const));
    assert_ne!(net.forward_mut(x.clone())?.as_vec(), net.forward(x)?.as_vec());
    assert_eq!(net.norm.moving_mean.array(), [0.0; 3]);
    let json = net.to_json();
    assert!(json.contains("\"name\":\"encoder\""), "{json}");
    assert_eq!(json.matches("\"trainable\":false").count(), 3);
    net.check_json(&json)?;
    let error = net.check_json(&json.replace("\"trainable\":false", "\"trainable\":true"));
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("`encoder`, trainable: the type says false, the JSON says true"),
        "{error}"
    );
    Ok(())
}

#[test]
fn a_step_changes_only_what_is_trainable() -> Result<(), Error> {
    use kerata::{
        data::InMemory,
        loss::MeanSquaredError,
        optim::Sgd,
        train::{Fit, Trainer},
    };
    let model = Tuned::build(&Cpu::seed_from_u64(0))?;
    let before = model.clone();
    let mut trainer = Trainer::new(model, MeanSquaredError, Sgd::new(0.1))?;
    let data = InMemory::new(vec![[0.5_f32; 4]; 4], vec![[1.0_f32; 2]; 4])?;
    trainer.fit(&data, &Fit { progress: false, ..Fit::epochs(2) })?;
    let after = &trainer.model;
    assert_eq!(after.first.kernel.array(), before.first.kernel.array());
    assert_eq!(after.norm.gamma.array(), before.norm.gamma.array());
    assert_ne!(after.head.kernel.array(), before.head.kernel.array());
    Ok(())
}

/// Hands on no pass of training: it has a `call` only.
#[derive(Debug, Clone, Default)]
struct Around<L>(L);

impl<In: Signal, L: Layer<In>> Layer<In> for Around<L> {
    type Out = L::Out;

    fn call<T: Tape<f32, Cpu>>(
        &self,
        x: In::Data<f32, Cpu, T>,
    ) -> Result<<L::Out as Signal>::Data<f32, Cpu, T>, Error> {
        self.0.call(x)
    }
}

#[test]
fn a_layer_reached_by_call_takes_part_in_training_or_says_that_it_cannot() {
    let dev = Cpu::seed_from_u64(0);
    let x = dev.tensor([[1.0_f32; 50]; 2]);
    let mut around = Around(Dropout::<50>);
    assert_eq!(around.forward(x.clone()).unwrap().array(), x.array());
    let dropped = around.forward_mut(x.clone()).unwrap().as_vec();
    assert!(dropped.iter().all(|&v| v == 0.0 || v == 2.0) && dropped.contains(&0.0));
    let mut around = Around(BatchNorm::<50>::build(&dev).unwrap());
    around.forward(x.clone()).unwrap();
    let error = around.forward_mut(x).unwrap_err().to_string();
    assert!(error.contains("BatchNorm") && error.contains("`call_mut`"), "{error}");
}

/// What drops is chosen, and what there is no memory for is not gone through.
#[test]
fn edges_of_new_layers() -> Result<(), Error> {
    use dfdx::tensor::TensorFromVec;
    use kerata::{ResizeInterpolation, SpatialDropout1d, UpSampling2d};

    let x: Tensor<(usize, usize, Const<3>), f32, Cpu> =
        Cpu::default().tensor_from_vec(vec![f32::INFINITY; 12], (2, 2, Const));
    let y = SpatialDropout1d::<50>.forward_mut(x)?.as_vec();
    assert!(y.iter().all(|y| *y == 0.0 || *y == f32::INFINITY), "{y:?}");

    let huge =
        UpSampling2d::<1_099_511_627_776, 1> { interpolation: ResizeInterpolation::Bilinear };
    let image: Tensor<(usize, usize, usize, Const<2>), f32, Cpu> =
        Cpu::default().tensor_from_vec(vec![0.5; 18], (1, 3, 3, Const));
    assert!(huge.forward(image).is_err());
    Ok(())
}
