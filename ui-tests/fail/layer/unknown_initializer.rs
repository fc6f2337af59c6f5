//~ `glorot_unifrom` is no initializer: did you mean `glorot_uniform`?
use kerata::{Cpu, Tensor, layer, tensor::Rank2};

#[layer(class = "Mix")]
pub struct Mix {
    #[weight(init = glorot_unifrom)]
    pub kernel: Tensor<Rank2<3, 3>, f32, Cpu>,
}

fn main() {}
