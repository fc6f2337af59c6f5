//~ ids get their mask from the `Embedding` behind them
use kerata::{Batch, Dense, Embedding, Ids, Lstm, MaskZero, Masked, model};
#[model(input = Masked<Ids<(Batch, 10)>>, output = (Batch, 2))]
struct Net {
    embed: Embedding<100, 8, MaskZero>,
    lstm: Lstm<_, 8>,
    head: Dense<_, 2>,
}

fn main() {}
