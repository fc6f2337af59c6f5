//~ a `Sequential` is made of a tuple of layers, and `Dense<4, 1>` is none
//~ one layer is a tuple with a comma: `(Dense<4, 1>,)`
#![allow(unused_parens)]
use kerata::{Batch, Const, Dense, Error, model::Sequential, prelude::*};

fn first(net: &Sequential<(Batch, Const<4>), (Dense<4, 1>)>) -> Result<f32, Error> {
    Ok(net.predict(&vec![[0.5_f32; 4]], 1)?.as_vec()[0])
}

fn main() {}
