//~lines 16
//~ a layer has at least 1 unit, not 0
use kerata::{Cpu, Lstm, prelude::*};

fn main() {
    let _ = Lstm::<2, 0>::build(&Cpu::default());
}
