//~ a window does not fit into a size of 1100
//~ conv: Conv1d<_, 8, 1200, Relu>,
use kerata::{Batch, Conv1d, Relu, model};
#[model(input = (Batch, 1100, 1), output = (Batch, 3, 8))]
struct Net {
    conv: Conv1d<_, 8, 1200, Relu>,
}
fn main() {}
