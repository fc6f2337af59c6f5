//~ token ids are needed here, `Ids<(Batch, Length)>`, but `(usize, Size<12>, Size<8>)` arrives
use kerata::{Batch, Dense, Embedding, Ids, Lstm, model};
#[model(input = Ids<(Batch, 12)>)]
struct Net {
    a: Embedding<100, 8>,
    b: Embedding<100, 8>,
    l: Lstm<_, 4>,
    head: Dense<_, 3>,
}

fn main() {}
