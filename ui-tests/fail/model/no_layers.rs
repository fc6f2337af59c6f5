//~ `usize` is no layer: each field of a model is one, such as `Dense<_, 10>`
//~ `Vec<Dense<8, 8>>` is no layer
//~ `[Dense<8, 8> ; 3]` is no layer
//~ `Option<Dense<8, 8>>` is no layer
//~ `&'a str` is no layer
//~ `Vocabulary` is no layer
//~ keep it beside the model, in a struct that holds both
//~lines 7
#![allow(unused_imports)]
use kerata::{Batch, Dense, data::Vocabulary, model};

#[model(input = (Batch, 8))]
struct Net<'a> {
    units: usize,
    many: Vec<Dense<8, 8>>,
    three: [Dense<8, 8>; 3],
    perhaps: Option<Dense<8, 8>>,
    name: &'a str,
    words: Vocabulary,
    head: Dense<8, 2>,
}

fn main() {}
