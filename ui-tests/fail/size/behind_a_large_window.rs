//~ one vector per sample is needed here, `(Batch, Features)`, but `(usize, Size<999>, Size<8>)` arrives
//~ head: Dense<_, 3>,
use kerata::{Batch, Conv1d, Dense, MaxPool1d, Relu, Valid, model};
#[model(input = (Batch, 16000, 1), output = (Batch, 3))]
struct Net {
    conv: Conv1d<_, 8, 9, Relu, Valid, 4>,
    pool: MaxPool1d<4>,
    head: Dense<_, 3>,
}
fn main() {}
