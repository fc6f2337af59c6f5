//~ `GlobalMaxPooling1d` needs the end of the sequence
use kerata::{Batch, Const, Dense, GlobalMaxPooling1d, Length, model::Sequential, prelude::*};

type Net = Sequential<(Batch, Length, Const<4>), (GlobalMaxPooling1d, Dense<4, 3>)>;

fn streams(net: &Net) {
    let _ = net.stream(1);
}

fn main() {
    let _ = streams;
}
