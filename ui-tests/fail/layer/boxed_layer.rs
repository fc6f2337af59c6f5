//~ `Layer` is not dyn compatible
//~ it requires `Self: Sized`
#![allow(unused_associated_type_bounds)]

use kerata::{Batch, Const, Layer};

type Vector = (Batch, Const<4>);

fn depth(layers: &[Box<dyn Layer<Vector, Out = Vector>>]) -> usize {
    layers.len()
}

fn main() {}
