//~ `dtype` is `element` here: write `element = f64`
//~ what a model takes is called `input` here, and the shape that it gives `output`
//~ several outputs are named by their fields: write `outputs(a, b)`
//~ a file is embedded: write `keras = "net.keras", embed`
//~ `unmask` is for the layers of a file
//~ `input` has a value: write `input = (Batch, 10)`
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

#[model(inputs = (Batch, 4), outputs = (Batch, 2))]
struct Plural {
    head: Dense<_, 2>,
}

#[model(input = (Batch, 4), output(a, b))]
struct Singular {
    a: Dense<_, 2>,
    #[from(input)]
    b: Dense<_, 2>,
}

#[model(input)]
struct Bare {
    head: Dense<_, 2>,
}

#[model(input = (Batch, 4), embed)]
struct Embedded {
    head: Dense<_, 2>,
}

#[model(input = (Batch, 4), unmask = ["head"])]
struct Unmasked {
    head: Dense<_, 2>,
}

fn main() {}
