//~ a model whose layers are known at run time takes tensors of `f32` or ids, and `Vec<[f32; 4]>` is none
//~ for several inputs a tuple, or `DynamicValue::Several(vec![..])`
use kerata::{Error, config::DynamicLayer};

fn run(model: &mut DynamicLayer) -> Result<(), Error> {
    model.run(vec![[0.5_f32; 4]; 2])?;
    Ok(())
}

fn main() {}
