//~ no method named `szie` found
use kerata::layer;

#[layer(class = "Repeat", keys(n: szie(3)))]
pub struct Repeat;

fn main() {}
