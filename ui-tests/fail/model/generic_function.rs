//~lines 14
//~ a generic function names what the model takes and gives, `M: Model<Input = .., Output = ..>`
//~ the data holds `(usize, Size<4>)`, but the model takes `<M as Model>::Input`
use kerata::{Error, data::InMemory, loss::MeanSquaredError, model::Model, optim::Adam, train::{Fit, Trainer}};

fn train<M: Model>(net: M) -> Result<(), Error> {
    let data = InMemory::new(vec![[0.5_f32; 4]; 3], vec![1.0_f32; 3])?;
    let mut trainer = Trainer::new(net, MeanSquaredError, Adam::new(0.01))?;
    trainer.fit(&data, &Fit::epochs(2))?;
    Ok(())
}

fn main() {}
