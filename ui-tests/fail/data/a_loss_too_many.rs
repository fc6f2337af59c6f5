//~lines 14
//~ the model has the outputs
use kerata::{data::InMemory, loss::MeanSquaredError, model, optim::Sgd, prelude::*, train::{Fit, Trainer}, Batch, Cpu, Dense, Error};

#[model(input = (Batch, 2), outputs(size, color))]
struct TwoHeads {
    size: Dense<_, 1>,
    #[from(input)]
    color: Dense<_, 3>,
}

fn main() -> Result<(), Error> {
    let model = TwoHeads::build(&Cpu::seed_from_u64(0))?;
    let (sizes, colors) = (vec![[1.0_f32]; 4], vec![[0.5_f32; 3]; 4]);
    let data = InMemory::new(vec![[0.0_f32; 2]; 4], (sizes, colors))?;
    let losses = (MeanSquaredError, MeanSquaredError, MeanSquaredError);
    let mut trainer = Trainer::new(model, losses, Sgd::new(0.1))?;
    trainer.fit(&data, &Fit::default())?;
    Ok(())
}
