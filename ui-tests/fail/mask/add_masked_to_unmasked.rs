//~lines 16
//~ all masked or none
//~ `Unmask` drops a mask on purpose
use kerata::{Add, Batch, Embedding, Ids, Lstm, MaskZero, Sequences, Unmask, model};

#[model(input = Ids<(Batch, 10)>)]
struct Net {
    embed: Embedding<100, 16, MaskZero>,
    lstm: Lstm<_, 16, Sequences>,
    #[from(embed)]
    plain: Unmask,
    #[from(lstm, plain)]
    sum: Add,
}

fn main() {}
