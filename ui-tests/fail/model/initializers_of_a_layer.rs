//~ an initializer stands behind `init`: write `init = zeros`
//~ an argument stands behind `=`: write `init = zeros`
//~ an initializer is a name: write `init = zeros`
//~ `random_normal` has no arguments here: `fill = ..` names a function of your own
use kerata::{Batch, Const, Cpu, Tensor, layer};

type Bias<const F: usize> = Tensor<(Const<F>,), f32, Cpu>;

#[layer(class = "Alone", input = (Batch, F))]
struct Alone<const F: usize> {
    #[weight(zeros, shape = (F,))]
    bias: Bias<F>,
}

#[layer(class = "Colon", input = (Batch, F))]
struct Colon<const F: usize> {
    #[weight(init: zeros, shape = (F,))]
    bias: Bias<F>,
}

#[layer(class = "Number", input = (Batch, F))]
struct Number<const F: usize> {
    #[weight(init = 0.0, shape = (F,))]
    bias: Bias<F>,
}

#[layer(class = "Random", input = (Batch, F))]
struct Random<const F: usize> {
    #[weight(init = random_normal(0.0, 0.05), shape = (F,))]
    bias: Bias<F>,
}

fn main() {}
