//~ axis 2 of `(usize, Size<5>, Size<3>)` and axis 1 of `(usize, Size<4>)` cannot be multiplied
//~lines 16
use kerata::{Batch, Dot, Inputs, model};

#[model(input = Inputs<((Batch, 5, 3), (Batch, 4))>)]
struct Net {
    scores: Dot<2, 1>,
}

fn main() {}
