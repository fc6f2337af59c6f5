//~ batches are made by `fit`: `trainer.fit(&data, &Fit { batch_size: 64, ..Fit::epochs(10) })?`
use kerata::{Error, data::InMemory, prelude::*};

fn main() -> Result<(), Error> {
    let data = InMemory::new(vec![[0.5_f32; 4]; 3], vec![[1.0_f32]; 3])?;
    let batches = data.shuffle(1000).batch(32);
    Ok(())
}
