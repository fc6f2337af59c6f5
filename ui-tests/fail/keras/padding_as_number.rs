//~ the padding is `Valid` or `Same`; 1 at each side is a layer in front, `ZeroPadding2d<1>`
use kerata::{Batch, Conv2d, Dense, GlobalAveragePooling2d, Relu, Softmax, model};
#[model(input = (Batch, 28, 28, 1), output = (Batch, 10))]
struct Net {
    conv: Conv2d<_, 32, 3, 3, Relu, 1>,
    pool: GlobalAveragePooling2d,
    head: Dense<_, 10, Softmax>,
}

fn main() {}
