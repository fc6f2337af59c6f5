//~ `Layer` is not dyn compatible
//~ it requires `Self: Sized`
#![allow(dead_code, unused_associated_type_bounds)]

use kerata::{Batch, Const, Layer};

type Vector = (Batch, Const<4>);

struct Stack {
    layers: Vec<Box<dyn Layer<Vector, Out = Vector>>>,
}

fn main() {}
