//~ `causal` is called `use_causal_mask`, as in Keras: write `use_causal_mask = true`
//~ which steps are padding comes with the sequence, as from an `Embedding<.., MaskZero>`: leave `attention_mask` away
//~lines 5
use kerata::{Batch, MultiHeadAttention, model};

#[model(input = (Batch, 8, 16))]
struct Net {
    #[from(input, input)]
    #[with(causal = true)]
    first: MultiHeadAttention<_, 4, 4>,
    #[from(first, first)]
    #[with(attention_mask = true)]
    second: MultiHeadAttention<_, 4, 4>,
}

fn main() {}
