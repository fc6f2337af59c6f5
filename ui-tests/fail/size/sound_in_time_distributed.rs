//~ a window of 9 cannot slide along `Size<16000>`
//~ in a `TimeDistributed` the compiler calculates with sizes up to 1024
use kerata::{Batch, Conv1d, GlobalMaxPooling1d, Relu, TimeDistributed, model};
#[model(input = (Batch, 3, 16000, 1), output = (Batch, 3, 8))]
struct Net {
    conv: TimeDistributed<Conv1d<_, 8, 9, Relu>>,
    pool: TimeDistributed<GlobalMaxPooling1d>,
}
fn main() {}
