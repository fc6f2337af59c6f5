//~lines 23
//~ `Double` has no Keras config
use kerata::{
    Backend, Batch, Cpu, Dense, Element, Error, Layer, model, prelude::*, signal::MaskTransparent,
};
use kerata::model::Tape;

/// `2 x`, without a config.
#[derive(Debug, Clone)]
struct Double;

impl<In: MaskTransparent, E: Element, D: Backend<E>> Layer<In, E, D> for Double {
    type Out = In;

    fn call<T: Tape<E, D>>(&self, x: In::Data<E, D, T>) -> Result<In::Data<E, D, T>, Error> {
        In::map(x, |x| Ok(x * E::of(2.0)))
    }
}

impl<E: Element, D: Backend<E>> Build<E, D> for Double {
    fn build(_: &D) -> Result<Self, Error> {
        Ok(Self)
    }
}

impl<E: Element, D: Backend<E>> Parameters<E, D> for Double {}

#[model(input = (Batch, 4), output = (Batch, 2))]
struct Twice {
    double: Double,
    head: Dense<_, 2>,
}

fn main() {
    let model = Twice::build(&Cpu::default()).unwrap();
    println!("{}", model.to_json());
}
