//~ inputs that differ in their features only are needed here, but `Masked<(usize, Size<10>, Size<8>)>` and `(usize, Size<4>)` arrive
//~ both: Concatenate<_>,
use kerata::{Batch, Concatenate, Embedding, Ids, Lstm, MaskZero, model};

#[model(input = Ids<(Batch, 10)>)]
struct Net {
    embed: Embedding<100, 8, MaskZero>,
    lstm: Lstm<_, 4>,
    #[from(embed, lstm)]
    both: Concatenate<_>,
}

fn main() {}
