//~lines 28
//~ holds no samples that a batch can be made of
//~ rows of different lengths go through `pad_sequences`
use kerata::{Error, data::InMemory};

fn main() -> Result<(), Error> {
    InMemory::new(vec![vec![1_usize, 2], vec![3]], vec![0_usize, 1])?;
    Ok(())
}
