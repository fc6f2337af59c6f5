//~ `Dense<4, 2>` cannot take `(usize, Size<10>, Size<4>)`, which reaches it in the `Sequential`
use kerata::model::Sequential;
use kerata::{Batch, Const, Dense, Lstm, Sequences};

struct Holder {
    net: Sequential<(Batch, Const<10>, Const<8>), (Lstm<8, 4, Sequences>, Dense<4, 2>)>,
}

fn main() {}
