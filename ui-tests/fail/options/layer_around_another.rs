//~lines 13
//~ has no options that `#[with(..)]` could set
//~ set the fields of the one inside after `build`
use kerata::{Batch, Bidirectional, Lstm, model};

#[model(input = (Batch, 5, 4))]
struct Net {
    #[with(go_backwards = true)]
    head: Bidirectional<Lstm<_, 2>>,
}

fn main() {}
