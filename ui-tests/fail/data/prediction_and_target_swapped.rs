//~ `Ids<(usize,)>` is no prediction
//~ the prediction comes first and the target second: `loss.compute(prediction, target)?`
use kerata::{Batch, Cpu, Dense, Error, model, loss::SparseCategoricalCrossentropy, prelude::*};

#[model(input = (Batch, 4), output = (Batch, 3))]
struct Net {
    head: Dense<_, 3>,
}

fn main() -> Result<(), Error> {
    let dev = Cpu::default();
    let net = Net::build(&dev)?;
    let x = dev.tensor_from_vec(vec![0.5; 8], (2, kerata::Const));
    let y = dev.tensor_from_vec(vec![0_usize, 1], (2,));
    let loss = SparseCategoricalCrossentropy::from_logits().compute(y, net.forward(x)?)?;
    println!("{}", loss.array());
    Ok(())
}
