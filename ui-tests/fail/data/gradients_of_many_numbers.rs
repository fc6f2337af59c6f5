//~ a loss is one number, and no gradients can be computed from
//~ prediction.backward()
use kerata::{Cpu, Dense, Error, prelude::*, tensor::{OwnedTape, PutTape}};

fn main() -> Result<(), Error> {
    let dev = Cpu::seed_from_u64(0);
    let mut net = Dense::<2, 1>::build(&dev)?;
    let prediction = net.forward_mut(dev.tensor([[1.0_f32, 2.0]]).put_tape(OwnedTape::default()))?;
    println!("{:?}", prediction.backward().get(&net.kernel).array());
    Ok(())
}
