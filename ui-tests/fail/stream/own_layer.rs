//~lines 13
//~ `Double` needs the end of the sequence
use kerata::{Backend, Batch, Cpu, Dense, Element, Error, Layer, layer, model, prelude::*, signal::MaskTransparent};
use kerata::tensor::Tape;

/// `2 x`.
#[layer]
struct Double;

impl<In: MaskTransparent, E: Element, D: Backend<E>> Layer<In, E, D> for Double {
    type Out = In;

    fn call<T: Tape<E, D>>(&self, x: In::Data<E, D, T>) -> Result<In::Data<E, D, T>, Error> {
        In::map(x, |x| Ok(x * E::of(2.0)))
    }
}

#[model(input = (Batch, 4), output = (Batch, 2))]
struct Twice {
    double: Double,
    head: Dense<_, 2>,
}

fn main() {
    let twice = Twice::build(&Cpu::default()).unwrap();
    let _ = twice.stream(1);
}
