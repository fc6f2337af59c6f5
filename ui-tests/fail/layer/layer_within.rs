//~ write `Inner<Dense<..>>`: a layer within a layer then takes part in the training pass
use kerata::{Dense, layer};

#[layer(class = "Block")]
pub struct Block {
    #[inner]
    pub dense: Dense<3, 3>,
}

fn main() {}
