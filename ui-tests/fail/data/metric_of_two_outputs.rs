//~ `Net` has several outputs, and a metric measures one of them
//~ name the output: `metric_of(Net::NAME, ..)`
use kerata::{Batch, Cpu, Dense, Error, model, prelude::*};
use kerata::{data::InMemory, loss::MeanSquaredError, metric::MeanLoss, optim::Adam};
use kerata::train::{Fit, Trainer};

#[model(input = (Batch, 4), outputs(size, weight))]
struct Net {
    trunk: Dense<_, 8>,
    size: Dense<_, 1>,
    #[from(trunk)]
    weight: Dense<_, 1>,
}

fn main() -> Result<(), Error> {
    let data = InMemory::new(vec![[0.5_f32; 4]; 3], (vec![1.0_f32; 3], vec![2.0_f32; 3]))?;
    let net = Net::build(&Cpu::seed_from_u64(0))?;
    let losses = (MeanSquaredError, MeanSquaredError);
    let trainer = Trainer::new(net, losses, Adam::default())?.metric(MeanLoss(MeanSquaredError));
    { trainer }.fit(&data, &Fit::epochs(2))?;
    Ok(())
}
