//~ one vector per sample is needed here
use kerata::{Cpu, Dense, Error, Lstm, Sequences, prelude::*};

fn main() -> Result<(), Error> {
    let dev = Cpu::default();
    let lstm = Lstm::<8, 4, Sequences>::build(&dev)?;
    let dense = Dense::<4, 2>::build(&dev)?;
    let sequence = lstm.forward(dev.tensor([[[0.0_f32; 8]; 10]]))?;
    dense.forward(sequence)?;
    Ok(())
}
