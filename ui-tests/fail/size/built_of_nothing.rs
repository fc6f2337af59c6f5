//~lines 16
//~ a layer has at least 1 unit, not 0
use kerata::{Cpu, Lstm, prelude::*};

const NONE: usize = 0;

fn main() {
    let _ = Lstm::<2, NONE>::build(&Cpu::default());
}
