//~ `dtype` is `element` here: write `element = f64`
//~ what a model is trained by is said to its trainer: `Trainer::new(model, loss, optimizer)?`
use kerata::{Batch, Dense, model};

#[model(input = (Batch, 4), dtype = f64)]
struct Wide {
    head: Dense<_, 2>,
}

#[model(input = (Batch, 4), loss = "mse")]
struct Compiled {
    head: Dense<_, 2>,
}

fn main() {}
