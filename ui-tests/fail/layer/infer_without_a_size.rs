//~ `infer` is for a size that `_` stands for: write `struct Name<const F: usize>`
use kerata::{layer};

#[layer(infer)]
struct Scale;

fn main() {}
