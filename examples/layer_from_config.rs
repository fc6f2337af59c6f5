//! A layer out of a dict with `class_name` and `config`, and layers of one's own among them: Keras's
//! `layer_from_config(config, custom_objects)`.

use dfdx::{shapes::Shape, tensor::Tape};
use kerata::{
    Activation, Backend, Cpu, Dense, Element, Error, Relu, Tensor,
    config::{Config, CustomObjects, layer_from_config},
    prelude::*,
};

/// `x * x`.
#[derive(Debug, Default, Clone, Copy)]
struct Square;

impl Activation for Square {
    const NAME: &'static str = "square";

    fn apply<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
        x: Tensor<S, E, D, T>,
    ) -> Result<Tensor<S, E, D, T>, Error> {
        Ok(x.square())
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

    // Once the type is known, the compiler checks the rest; a type that does not fit is refused.
    let typed: Dense<3, 4, Relu> = layer.try_into()?;
    let z = typed.forward(Cpu::default().tensor([[1.0_f32, 2.0, 3.0]]))?;
    assert_eq!(z.as_vec(), y.values());

    // What is not Keras's own is looked for in `custom_objects`.
    let config: Config =
        r#"{"class_name": "Activation", "config": {"activation": "square"}}"#.parse()?;
    println!("{}", layer_from_config(&config, &none).unwrap_err());
    let mut layer = layer_from_config(&config, &CustomObjects::new().activation::<Square>())?;
    assert_eq!(layer.run(Cpu::default().tensor([[3.0_f32]]))?.values(), [9.0]);

    // A typing error is answered with the name that is nearest.
    let config: Config = r#"{"class_name": "Dence", "config": {"units": 4}}"#.parse()?;
    println!("{}", layer_from_config(&config, &none).unwrap_err());
    Ok(())
}
