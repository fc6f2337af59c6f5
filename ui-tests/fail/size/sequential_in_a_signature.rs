//~ `Dense<9, 1>` cannot take `(usize, Size<8>)`, which reaches it in the `Sequential`
use kerata::{Batch, Const, Dense, Error, model::Sequential, prelude::*};

fn first(net: &Sequential<(Batch, Const<4>), (Dense<4, 8>, Dense<9, 1>)>) -> Result<f32, Error> {
    Ok(net.predict(&vec![[0.5_f32; 4]], 1)?.as_vec()[0])
}

fn main() {}
