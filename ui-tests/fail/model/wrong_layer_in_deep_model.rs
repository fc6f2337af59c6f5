//~ the number of features must be 9 here
//~ l17: Dense<9, 4>,
use kerata::{Batch, Dense, Dropout, model};

#[model(input = (Batch, 4))]
struct Net {
    l1: Dense<_, 4>,
    l2: Dropout<10>,
    l3: Dropout<10>,
    l4: Dropout<10>,
    l5: Dropout<10>,
    l6: Dropout<10>,
    l7: Dropout<10>,
    l8: Dense<_, 8>,
    l9: Dropout<10>,
    l10: Dropout<10>,
    l11: Dropout<10>,
    l12: Dropout<10>,
    l13: Dropout<10>,
    l14: Dropout<10>,
    l15: Dropout<10>,
    l16: Dense<_, 8>,
    l17: Dense<9, 4>,
    l18: Dropout<10>,
    l19: Dense<_, 4>,
    l20: Dropout<10>,
    l21: Dropout<10>,
    l22: Dropout<10>,
    l23: Dropout<10>,
    l24: Dense<_, 2>,
    l25: Dense<_, 4>,
}

fn main() {}
