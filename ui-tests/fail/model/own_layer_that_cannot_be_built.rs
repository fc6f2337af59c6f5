//~ `Double` is no layer of a model: it cannot be built
use kerata::{Backend, Batch, Dense, Element, Error, model, prelude::*};
use kerata::{model::Tape, signal::MaskTransparent};

#[derive(Debug, Clone)]
struct Double;

impl<In: MaskTransparent, E: Element, D: Backend<E>> Layer<In, E, D> for Double {
    type Out = In;

    fn call<T: Tape<E, D>>(&self, x: In::Data<E, D, T>) -> Result<In::Data<E, D, T>, Error> {
        In::map(x, |x| Ok(x * E::of(2.0)))
    }
}

impl<E: Element, D: Backend<E>> Parameters<E, D> for Double {}

#[model(input = (Batch, 8))]
struct Net {
    double: Double,
    head: Dense<_, 2>,
}

fn main() {}
