//~ `#[layer]` stands on the struct of a layer
use kerata::layer;

#[layer(class = "Either")]
pub enum Either {
    One,
    Other,
}

fn main() {}
