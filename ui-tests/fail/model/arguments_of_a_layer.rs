//~ the shape of what the layer takes is needed: write `input = (Batch, F)`
//~ a key has a name and says what it holds: write `keys(units: size(F))`
//~ it stands by itself: write `infer`
//~ what an option may be is a range: write `range = 0.0..=1.0`
//~ an argument has a name: write `default = 2.0`
use kerata::{Batch, Const, Cpu, Tensor, layer};

#[layer(class = "Text", input = "(Batch, F)")]
struct Text<const F: usize> {
    #[weight(init = zeros)]
    bias: Tensor<(Const<F>,), f32, Cpu>,
}

#[layer(class = "Keys", input = (Batch, F), keys(F))]
struct Keys<const F: usize> {
    #[weight(init = zeros)]
    bias: Tensor<(Const<F>,), f32, Cpu>,
}

#[layer(class = "Infer", input = (Batch, F), infer = true)]
struct Infer<const F: usize> {
    #[weight(init = zeros)]
    bias: Tensor<(Const<F>,), f32, Cpu>,
}

#[layer(class = "Range")]
struct Range {
    #[option(default = 0.5, range = (0.0, 1.0))]
    rate: f32,
}

#[layer(class = "Value")]
struct Value {
    #[option(2.0)]
    rate: f32,
}

fn main() {}
