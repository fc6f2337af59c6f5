//~ numbers are needed here, but `In` arrives
//~ a layer that maps any numbers asks for `In: MaskTransparent`
use kerata::{Backend, Element, Error, model::Tape, prelude::*, signal::Signal};

#[derive(Debug, Clone)]
struct Double;

impl<In: Signal, E: Element, D: Backend<E>> Layer<In, E, D> for Double {
    type Out = In;

    fn call<T: Tape<E, D>>(&self, x: In::Data<E, D, T>) -> Result<In::Data<E, D, T>, Error> {
        In::map(x, |x| Ok(x * E::of(2.0)))
    }
}

fn main() {}
