//~ read its values by `values().array()`
use kerata::{Cpu, Embedding, Error, MaskZero, prelude::*};


fn main() -> Result<(), Error> {
    let embed = Embedding::<9, 2, MaskZero>::build(&Cpu::default())?;
    println!("{:?}", embed.forward(Cpu::default().tensor([[1_usize, 0]]))?.array());
    Ok(())
}
