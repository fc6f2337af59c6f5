//~ nothing was recorded on the way to this loss
//~lines 13
use kerata::{Cpu, Dense, Error, loss::MeanSquaredError, optim::{Adam, State}, prelude::*};

fn main() -> Result<(), Error> {
    let dev = Cpu::seed_from_u64(0);
    let (mut net, mut state, adam) = (Dense::<2, 1>::build(&dev)?, State::default(), Adam::new(0.1));
    let (x, y) = (dev.tensor([[1.0, 2.0]]), dev.tensor([[1.0]]));
    state.attempt(&adam, &mut net, |net| MeanSquaredError.compute(net.forward_mut(x)?, y))?;
    Ok(())
}
