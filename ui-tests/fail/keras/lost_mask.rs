//~ the layer `near` (Conv1D) of `ui-tests/files/lost_mask.json`
//~ it would lose the mask of `words`, as in Keras
//~ write `unmask = ["near"]`
use kerata::{Cpu, model, prelude::*};

#[model(keras = "ui-tests/files/lost_mask.json")]
struct Tagger;

fn main() {
    let _ = Tagger::build(&Cpu::default());
}
