//! Layers that are frozen while a model is trained, or have a learning rate of their own.

#![allow(missing_docs)]

use kerata::{
    Batch, BatchNorm, Const, Cpu, Dense, Dropout, Error, Inner, Layer, Relu, Tensor,
    config::{Config, CustomObjects, DynamicLayer, layer_from_config},
    data::InMemory,
    loss::MeanSquaredError,
    model,
    model::Sequential,
    optim::{Adam, Adamax, Optimizer, Sgd},
    prelude::*,
    tensor::Tape,
    train::{Fit, Trainer},
};

#[model(input = (Batch, 3), output = (Batch, 2))]
struct Net {
    #[with(kernel_regularizer = L2(0.1), kernel_constraint = NonNeg)]
    trunk: Dense<_, 4, Relu>,
    head: Dense<_, 2>,
}

/// The same, but the trunk is never trained.
#[model(input = (Batch, 3), output = (Batch, 2))]
struct Fixed {
    #[with(kernel_regularizer = L2(0.1), kernel_constraint = NonNeg, trainable = false)]
    trunk: Dense<_, 4, Relu>,
    head: Dense<_, 2>,
}

type Data = InMemory<Vec<[f32; 3]>, Vec<[f32; 2]>>;

fn wave(i: usize) -> f32 {
    (i as f32 * 0.7).sin()
}

fn inputs() -> Vec<[f32; 3]> {
    (0..12).map(|i| [wave(i), wave(i + 5), wave(i * 3)]).collect()
}

fn data() -> Data {
    let targets = (0..12).map(|i| [wave(i * 2), 3.0 * wave(i + 1)]).collect();
    InMemory::new(inputs(), targets).unwrap()
}

fn fit(epochs: usize) -> Fit {
    Fit { batch_size: 4, ..Fit::epochs(epochs) }
}

type OfNet<O> = Trainer<Net, MeanSquaredError, O, (Batch, kerata::Const<2>)>;

fn trainer<O: Optimizer>(optimizer: O) -> OfNet<O> {
    let net = Net::build(&Cpu::seed_from_u64(7)).unwrap();
    Trainer::new(net, MeanSquaredError, optimizer).unwrap()
}

type Weights = ([[f32; 4]; 3], [f32; 4], [[f32; 2]; 4], [f32; 2]);

fn weights(net: &Net) -> Weights {
    let (trunk, head) = (&net.trunk, &net.head);
    (trunk.kernel.array(), trunk.bias.array(), head.kernel.array(), head.bias.array())
}

fn strict() -> Adam {
    Adam { global_clipnorm: Some(0.3), weight_decay: Some(0.05), ..Adam::new(0.03) }
}

/// No update, no decay, no penalty, no constraint, and no part of the norm of all gradients: bit by bit as if the model itself
/// said so.
#[test]
fn frozen_is_as_never_trained() -> Result<(), Error> {
    let mut ours = trainer(strict());
    let before = weights(&ours.model);
    ours.freeze("trunk")?;
    let fixed = Fixed::build(&Cpu::seed_from_u64(7))?;
    let mut other = Trainer::new(fixed, MeanSquaredError, strict())?;
    let history = ours.fit_validated(&data(), &data(), &fit(3))?;
    assert_eq!(history, other.fit_validated(&data(), &data(), &fit(3))?);
    let after = weights(&ours.model);
    assert_eq!((after.0, after.1), (before.0, before.1));
    assert_ne!(after.2, before.2);
    assert_eq!(after.2, other.model.head.kernel.array());
    assert_eq!(ours.evaluate(&data(), 4)?, other.evaluate(&data(), 4)?);
    // A part of a layer.
    ours.unfreeze("trunk.bias")?;
    ours.fit(&data(), &fit(1))?;
    let later = weights(&ours.model);
    assert_eq!(later.0, before.0);
    assert_ne!(later.1, before.1);
    Ok(())
}

#[test]
fn a_multiplier_is_another_rate() -> Result<(), Error> {
    // So wide that the kernel is updated in blocks.
    #[model(input = (Batch, 80), output = (Batch, 70))]
    struct Wide {
        head: Dense<_, 70>,
    }

    let inputs: Vec<[f32; 80]> =
        (0..8).map(|i| std::array::from_fn(|j| wave(i * 80 + j))).collect();
    let targets: Vec<[f32; 70]> =
        (0..8).map(|i| std::array::from_fn(|j| wave(i * 70 + j))).collect();
    let data = InMemory::new(inputs, targets)?;
    let train = |rate, factor: Option<f64>| {
        let adam = Adam { weight_decay: Some(0.1), ..Adam::new(rate) };
        let wide = Wide::build(&Cpu::seed_from_u64(1))?;
        let mut trainer = Trainer::new(wide, MeanSquaredError, adam)?;
        if let Some(factor) = factor {
            trainer.set_learning_rate_multiplier("head", factor)?;
        }
        trainer.fit(&data, &fit(5))?;
        Ok::<_, Error>(trainer.model.head.kernel.array())
    };
    assert_eq!(train(0.02, Some(0.5))?, train(0.01, None)?);
    assert_eq!(train(0.02, Some(4.0))?, train(0.08, None)?);
    assert_ne!(train(0.02, Some(0.5))?, train(0.02, None)?);
    Ok(())
}

#[test]
fn a_multiplier_is_of_one_layer() -> Result<(), Error> {
    let step = |factors: &[(&str, f64)]| {
        let mut trainer = trainer(Sgd::new(0.01));
        for (name, factor) in factors {
            trainer.set_learning_rate_multiplier(name, *factor)?;
        }
        trainer.fit(&data(), &Fit { batch_size: 12, ..Fit::epochs(1) })?;
        Ok::<_, Error>(weights(&trainer.model))
    };
    let (plain, both) = (step(&[])?, step(&[("trunk", 2.0), ("head", 2.0)])?);
    let head = step(&[("head", 2.0)])?;
    assert_eq!((head.0, head.1), (plain.0, plain.1));
    assert_eq!((head.2, head.3), (both.2, both.3));
    assert_ne!(plain.2, both.2);
    let bias = step(&[("head", 2.0), ("head.kernel", 1.0)])?;
    assert_eq!((bias.2, bias.3), (plain.2, both.3));
    Ok(())
}

/// Adam's first steps are corrected for moments that begin at 0, and so are those of what was frozen.
#[test]
fn what_thaws_begins_anew() -> Result<(), Error> {
    fn check(optimizer: impl Optimizer) -> Result<(), Error> {
        let mut trainer = trainer(optimizer);
        trainer.freeze("head")?;
        trainer.fit(&data(), &fit(20))?;
        trainer.unfreeze("head")?;
        let before = weights(&trainer.model).3;
        trainer.fit(&data(), &Fit { batch_size: 12, ..Fit::epochs(1) })?;
        for (after, before) in weights(&trainer.model).3.into_iter().zip(before) {
            let change = (after - before).abs();
            assert!((change - 1e-3).abs() < 1e-5, "{change}");
        }
        Ok(())
    }

    check(Adam::new(1e-3))?;
    check(Adamax { learning_rate: 1e-3.into(), ..Adamax::default() })
}

#[test]
fn checkpoints_know_it() -> Result<(), Error> {
    let path = std::env::temp_dir().join(format!("kerata-freezing-{}", std::process::id()));
    let begun = || {
        let mut trainer = trainer(Adam { clipnorm: Some(0.5), ..Adam::new(0.02) });
        trainer.freeze("head.bias")?;
        trainer.freeze("trunk")?;
        trainer.set_learning_rate_multiplier("head", 3.0)?;
        trainer.fit(&data(), &fit(2))?;
        // One that has made steps since, and one that has not.
        trainer.unfreeze("trunk.kernel")?;
        trainer.fit(&data(), &fit(1))?;
        trainer.unfreeze("trunk.bias")?;
        Ok::<_, Error>(trainer)
    };
    let mut undisturbed = begun()?;
    begun()?.save_checkpoint(&path)?;
    let mut resumed = trainer(Adam { clipnorm: Some(0.5), ..Adam::new(0.02) });
    resumed.resume(&path)?;
    std::fs::remove_file(path).unwrap();
    let frozen = weights(&resumed.model).3;
    undisturbed.fit(&data(), &fit(3))?;
    resumed.fit(&data(), &fit(3))?;
    assert_eq!(weights(&undisturbed.model), weights(&resumed.model));
    assert_eq!(weights(&resumed.model).3, frozen);
    Ok(())
}

/// A moving average begins where the weights are, and leaves what is frozen as it is.
#[test]
fn averages_of_what_is_frozen() -> Result<(), Error> {
    let mut trainer = trainer(Adam { use_ema: true, ema_momentum: 0.999, ..Adam::new(1e-3) });
    let before = weights(&trainer.model);
    trainer.freeze("trunk")?;
    trainer.fit(&data(), &fit(2))?;
    assert_eq!(weights(&trainer.model).0, before.0);
    trainer.unfreeze("trunk")?;
    // There is no average yet.
    trainer.state.swap_averages(&mut trainer.model)?;
    let error = trainer.freeze("head").unwrap_err().to_string();
    assert!(error.contains("averages"), "{error}");
    trainer.state.swap_averages(&mut trainer.model)?;
    trainer.fit(&data(), &fit(1))?;
    let after = weights(&trainer.model);
    assert_ne!(after.1, before.1);
    // Within a few steps the average is near to where it began; constrained values are not negative.
    for (after, before) in after.0.iter().flatten().zip(before.0.iter().flatten()) {
        assert!((after - before.max(0.0)).abs() < 0.01 || *before < 0.0, "{after} of {before}");
    }
    Ok(())
}

#[test]
fn names_and_factors_are_checked() -> Result<(), Error> {
    let mut ours = trainer(Sgd::new(0.1));
    let error = ours.freeze("haed").unwrap_err();
    let Error::Unknown { known, .. } = &error else { panic!("{error}") };
    assert_eq!(known[..3], ["trunk", "trunk.kernel", "trunk.bias"]);
    assert!(error.to_string().contains("did you mean `head`?"), "{error}");
    for name in ["", "tru", "trunk.", "trunk.kernel.x"] {
        assert!(ours.freeze(name).is_err(), "{name}");
    }
    for factor in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let error = ours.set_learning_rate_multiplier("head", factor).unwrap_err();
        assert!(error.to_string().contains("multiplier"), "{error}");
    }
    let fixed = Fixed::build(&Cpu::seed_from_u64(7))?;
    let mut fixed = Trainer::new(fixed, MeanSquaredError, Sgd::new(0.1))?;
    let error = fixed.unfreeze("trunk").unwrap_err().to_string();
    assert!(error.contains("trunk"), "{error}");
    fixed.fit(&data(), &fit(1))?;
    // All frozen: nothing moves, and that is no error.
    let before = weights(&ours.model);
    ours.freeze("trunk")?;
    ours.freeze("head")?;
    ours.fit(&data(), &fit(2))?;
    assert_eq!(weights(&ours.model), before);
    Ok(())
}

#[model(input = (Batch, 3), output = (Batch, 4))]
struct Base {
    dense: Dense<_, 4>,
    norm: BatchNorm<_>,
    drop: Dropout<50>,
}

#[model(input = (Batch, 3), output = (Batch, 1))]
struct Tuned {
    #[with(trainable = false)]
    base: Base,
    head: Dense<_, 1>,
}

#[model(input = (Batch, 3), output = (Batch, 1))]
struct TunedChain {
    #[with(trainable = false)]
    base: Sequential<(Batch, Const<3>), (Dense<3, 4>, BatchNorm<4>, Dropout<50>)>,
    head: Dense<_, 1>,
}

/// A layer around others, which knows of no training.
#[kerata::layer]
struct Around {
    #[inner]
    norm: Inner<BatchNorm<3>>,
    #[inner]
    drop: Inner<Dropout<50>>,
}

impl Layer<(Batch, Const<3>)> for Around {
    type Out = (Batch, Const<3>);

    fn call<T: Tape<f32, Cpu>>(
        &self,
        x: Tensor<(usize, Const<3>), f32, Cpu, T>,
    ) -> Result<Tensor<(usize, Const<3>), f32, Cpu, T>, Error> {
        self.drop.forward(self.norm.forward(x)?)
    }
}

#[model(input = (Batch, 3), output = (Batch, 1))]
struct TunedAround {
    #[with(trainable = false)]
    base: Around,
    head: Dense<_, 1>,
}

/// What drops in a frozen model drops, and statistics in it stay and are what is used: so it is in Keras.
#[test]
fn a_frozen_model_drops_and_its_statistics_rest() -> Result<(), Error> {
    fn check<M: Layer<(Batch, Const<3>), Out = (Batch, Const<1>)> + Clone>(
        mut model: M,
        mean: impl Fn(&M) -> Vec<f32>,
    ) -> Result<(), Error> {
        let x = || -> Tensor<(usize, Const<3>), f32, Cpu> {
            Cpu::default().tensor_from_vec([1.0, 2.0, -1.0].repeat(8), (8, Const))
        };
        let before = mean(&model);
        let y = model.forward_mut(x())?.as_vec();
        assert!(y.iter().any(|other| *other != y[0]), "all rows are {}", y[0]);
        assert_eq!(mean(&model), before);
        let still = model.forward(x())?.as_vec();
        assert!(still.iter().all(|other| *other == still[0]));
        Ok(())
    }
    let dev = Cpu::seed_from_u64(3);
    check(Tuned::build(&dev)?, |m| m.base.norm.moving_mean.as_vec())?;
    check(TunedChain::build(&dev)?, |m| m.base.layers.1.moving_mean.as_vec())?;
    check(TunedAround::build(&dev)?, |m| m.base.norm.with(|norm| norm.moving_mean.as_vec()))
}

/// What is in a frozen model is frozen in its config, which Keras reads layer by layer.
#[test]
fn the_config_of_a_frozen_model_freezes_what_is_in_it() -> Result<(), Error> {
    let model = Tuned::build(&Cpu::seed_from_u64(3))?;
    let json: serde_json::Value = serde_json::from_str(&model.to_json()).unwrap();
    let base = &json["config"]["layers"][1];
    assert_eq!(base["config"]["trainable"], false, "{base}");
    let inside = base["config"]["layers"].as_array().unwrap();
    let trained = inside.iter().filter(|layer| layer["config"]["trainable"] == true).count();
    assert_eq!((inside.len(), trained), (4, 0), "{base}");
    assert_eq!(json["config"]["layers"][2]["config"]["trainable"], true);
    // And it is read again, as the same type and without one.
    Tuned::from_json(&json.to_string())?;
    // Keras forgets it of a `Sequential` itself.
    let mut theirs = json.clone();
    theirs["config"]["layers"][1]["config"]["trainable"] = true.into();
    Tuned::from_json(&theirs.to_string())?;
    theirs["config"]["layers"][1]["config"]["layers"][2]["config"]["trainable"] = true.into();
    let error = Tuned::from_json(&theirs.to_string()).unwrap_err().to_string();
    assert!(error.contains("trainable: the type says false"), "{error}");
    let dynamic = layer_from_config(&json.to_string().parse::<Config>()?, &CustomObjects::new())?;
    let typed = dynamic.typed::<(Batch, Const<3>), (Batch, Const<1>)>()?;
    assert_eq!(typed.parameters().iter().filter(|one| one.trainable).count(), 2);
    Ok(())
}

#[model(input = (Batch, 3), output = (Batch, 1))]
struct Free {
    base: Base,
    head: Dense<_, 1>,
}

fn column() -> InMemory<Vec<[f32; 3]>, Vec<[f32; 1]>> {
    InMemory::new(inputs(), (0..12).map(|i| [wave(i * 2)]).collect()).unwrap()
}

/// Bit by bit as if the model itself said that its base is not trained: so it is with Keras's `base.trainable = False`.
#[test]
fn statistics_rest_where_a_trainer_freezes() -> Result<(), Error> {
    let built = || Free::build(&Cpu::seed_from_u64(3));
    let trainer = |model| Trainer::new(model, MeanSquaredError, Adam::new(0.02));
    let mut free = trainer(built()?)?;
    let before = free.model.base.clone();
    let statistics =
        |base: &Base| (base.norm.moving_mean.array(), base.norm.moving_variance.array());
    free.freeze("base")?;
    let history = free.fit(&column(), &fit(3))?;
    let tuned = Tuned::build(&Cpu::seed_from_u64(3))?;
    let mut tuned = Trainer::new(tuned, MeanSquaredError, Adam::new(0.02))?;
    assert_eq!(history, tuned.fit(&column(), &fit(3))?);
    assert_eq!(statistics(&free.model.base), statistics(&before));

    type In = (Batch, Const<3>);
    let dynamic = DynamicLayer::from_layer(&built()?)?.typed::<In, (Batch, Const<1>)>()?;
    let mut dynamic = Trainer::new(dynamic, MeanSquaredError, Adam::new(0.02))?;
    // As a dynamic model, in which something else drops.
    let held = |model: &kerata::config::Typed<In, _>| -> Vec<Vec<f32>> {
        model.layer.weights().take(6).map(|weight| weight.values).collect()
    };
    dynamic.freeze("0")?;
    let all = held(&dynamic.model);
    dynamic.fit(&column(), &fit(3))?;
    assert_eq!(held(&dynamic.model), all);
    dynamic.unfreeze("0")?;
    dynamic.freeze_statistics("0")?;
    dynamic.fit(&column(), &fit(1))?;
    let after = held(&dynamic.model);
    assert!((0..4).all(|i| after[i] != all[i]) && after[4..] == all[4..]);

    // The weights are trained again, and a checkpoint knows that the statistics are not.
    free.unfreeze("base")?;
    free.freeze_statistics("base.norm")?;
    let path = std::env::temp_dir().join(format!("kerata-resting-{}", std::process::id()));
    free.save_checkpoint(&path)?;
    let mut resumed = trainer(built()?)?;
    resumed.resume(&path)?;
    std::fs::remove_file(path).unwrap();
    assert_eq!(free.fit(&column(), &fit(2))?, resumed.fit(&column(), &fit(2))?);
    assert_ne!(free.model.base.dense.kernel.array(), before.dense.kernel.array());
    assert_ne!(free.model.base.norm.gamma.array(), before.norm.gamma.array());
    assert_eq!(statistics(&free.model.base), statistics(&before));
    assert_eq!(statistics(&resumed.model.base), statistics(&before));

    // And then all of it, but what was cloned before.
    let twin = resumed.model.base.clone();
    resumed.unfreeze("base")?;
    resumed.fit(&column(), &fit(1))?;
    assert_ne!(statistics(&resumed.model.base), statistics(&before));
    assert_eq!(statistics(&twin), statistics(&before));
    free.unfreeze("base.norm.moving_mean")?;
    free.unfreeze("base.norm.moving_mean").unwrap_err();
    let error = free.freeze_statistics("head").unwrap_err().to_string();
    assert!(error.contains("nothing there follows the batches"), "{error}");
    assert!(free.set_learning_rate_multiplier("base.norm.moving_mean", 0.5).is_err());
    Ok(())
}
