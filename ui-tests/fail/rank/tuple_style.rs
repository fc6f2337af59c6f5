//~lines 16
//~ one vector per sample is needed here
use kerata::model::Sequential;
use kerata::{Batch, Const, Dense, Lstm, Sequences};

struct Holder {
    net: Sequential<(Batch, Const<10>, Const<8>), (Lstm<8, 4, Sequences>, Dense<4, 2>)>,
}

fn main() {}
