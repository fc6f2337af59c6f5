//~ 4 * 6 = 24, not 25
use kerata::{Batch, Const, Reshape, model};

#[model(input = (Batch, 4, 6))]
struct Net {
    reshape: Reshape<(Const<5>, Const<5>)>,
}

fn main() {}
