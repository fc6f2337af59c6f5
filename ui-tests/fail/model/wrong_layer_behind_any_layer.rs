//~ the number of features must be 9 here
//~ head: Dense<9, 3, Linear, E, D>,
use std::fmt::Debug;

use kerata::{Add, Backend, Batch, Const, Dense, Element, Layer, Linear, model, prelude::*};

#[model(input = (Batch, 8), output = (Batch, 3), element = E, device = D)]
struct Net<E: Element, D: Backend<E>, L>
where
    L: Layer<(Batch, Const<8>), E, D, Out = (Batch, Const<8>)> + Build<E, D> + Parameters<E, D> + Debug,
{
    hidden: L,
    #[from(hidden, input)]
    sum: Add,
    head: Dense<9, 3, Linear, E, D>,
}

fn main() {}
