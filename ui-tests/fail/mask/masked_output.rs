//~ the model gives `Masked<(usize, Size<4>, Size<5>)>`, but `(usize, Size<4>, Size<5>)` is declared as its output: `Masked` is one of them only
//~ a field `unmask: Unmask` behind the last layer drops the mask
use kerata::{Batch, Embedding, Ids, Lstm, MaskZero, Sequences, model};

#[model(input = Ids<(Batch, 4)>, output = (Batch, 4, 5))]
struct Net {
    embed: Embedding<100, 16, MaskZero>,
    lstm: Lstm<_, 5, Sequences>,
}

fn main() {}
