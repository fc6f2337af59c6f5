//~ `#[model]` stands on a struct with one layer a field
use kerata::{Batch, model};

#[model(input = (Batch, 8))]
enum Net {
    Dense,
}

fn main() {}
