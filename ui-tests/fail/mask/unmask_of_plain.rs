//~ there is no mask to drop in `(usize, Size<10>, Size<8>)`
use kerata::{Batch, Unmask, model};

#[model(input = (Batch, 10, 8))]
struct Net {
    unmask: Unmask,
}

fn main() {}
