//! A layer out of a dict with `class_name` and `config`, and layers of one's own among them: Keras's
//! `layer_from_config(config, custom_objects)`.

use kerata::{
    Activation, Backend, Batch, Const, Cpu, Dense, Element, Error, Layer, Length, Relu, Tensor,
    config::{Config, CustomObjects, layer_from_config},
    data::InMemory,
    layer,
    loss::MeanSquaredError,
    optim::Sgd,
    prelude::*,
    signal::MaskTransparent,
    tensor::{Shape, Tape},
    train::{Fit, Trainer},
};

/// An activation of one's own: `x * x`.
#[derive(Debug, Clone)]
struct Square;

impl Activation for Square {
    const NAME: &'static str = "square";

    fn apply<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
        x: Tensor<S, E, D, T>,
    ) -> Result<Tensor<S, E, D, T>, Error> {
        Ok(x.square())
    }
}

/// A layer of one's own, `factor * x`, with its class and the keys of its config.
#[layer(class = "Scale")]
struct Scale {
    #[option(default = 1.0)]
    factor: f64,
}

impl<In: MaskTransparent> Layer<In> for Scale {
    type Out = In;

    fn call<T: Tape<f32, Cpu>>(
        &self,
        x: In::Data<f32, Cpu, T>,
    ) -> Result<In::Data<f32, Cpu, T>, Error> {
        In::map(x, |x| Ok(x * self.factor as f32))
    }
}

fn main() -> Result<(), Error> {
    let none = CustomObjects::new();
    let config: Config =
        r#"{"class_name": "Dense", "config": {"units": 4, "activation": "relu"}}"#.parse()?;

    // The class is known at run time only; what arrives is checked then.
    let mut layer = layer_from_config(&config, &none)?;
    let y = layer.run(Cpu::default().tensor([[1.0_f32, 2.0, 3.0]]))?;
    println!("`{}` gives {:?} and has {} parameters", layer.class(), y.sizes(), layer.params());
    assert_eq!(y.sizes(), [1, 4]);
    assert_eq!(layer.params(), 16);

    // Once the type is known, the compiler checks the rest.
    let typed: Dense<3, 4, Relu> = layer.try_into()?;
    let z = typed.forward(Cpu::default().tensor([[1.0_f32, 2.0, 3.0]]))?;
    assert_eq!(z.as_vec(), y.values());
    // A type that is not what the config says is refused, with all differences.
    println!("\n{}", Dense::<3, 5>::from_config(&config).unwrap_err());

    // What is not Keras's own is looked for in `custom_objects`, also inside of other layers.
    let config: Config = r#"{"class_name": "Sequential", "config": {"layers": [
        {"class_name": "Activation", "config": {"activation": "square"}},
        {"class_name": "Scale", "config": {"factor": 0.5}}
    ]}}"#
        .parse()?;
    println!("\n{}", layer_from_config(&config, &none).unwrap_err());
    let own = CustomObjects::new().activation::<Square>().layer::<Scale, (Batch, Length)>();
    let mut layer = layer_from_config(&config, &own)?;
    assert_eq!(layer.run(Cpu::default().tensor([[3.0_f32, 4.0]]))?.values(), [4.5, 8.0]);

    // Such a layer is trained as a typed one is, once it is said what arrives and what leaves.
    let config: Config = r#"{"class_name": "Sequential", "config": {"layers": [
        {"class_name": "BatchNormalization", "config": {"trainable": false}},
        {"class_name": "Dense", "config": {"units": 1}}
    ]}}"#
        .parse()?;
    let model =
        layer_from_config(&config, &none)?.typed::<(Batch, Const<1>), (Batch, Const<1>)>()?;
    let data = InMemory::new(vec![[0.0], [1.0], [2.0]], vec![[1.0], [3.0], [5.0]])?;
    let mut trainer = Trainer::new(model, MeanSquaredError, Sgd::new(0.1))?;
    let history = trainer.fit(&data, &Fit { progress: false, ..Fit::epochs(200) })?;
    println!("\nafter training its loss is {:.1e}", history.last("loss").unwrap_or(f64::NAN));
    assert!(history.last("loss").is_some_and(|loss| loss < 1e-4));
    trainer.model.layer.run(Cpu::default().tensor([[3.0_f32]]))?;

    // A typing error is answered with the name that is nearest.
    let config: Config = r#"{"class_name": "Dense", "config": {"unit": 4}}"#.parse()?;
    println!("\n{}", layer_from_config(&config, &none).unwrap_err());
    Ok(())
}
