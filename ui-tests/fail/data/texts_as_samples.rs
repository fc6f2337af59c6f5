//~ `Vec<Vec<String>>` holds no samples that a batch can be made of
//~ sequences of different lengths go into a `Ragged`
//~lines 13
use kerata::{Error, data::InMemory};

fn main() -> Result<(), Error> {
    InMemory::new(vec![vec!["a".to_owned()], vec![]], vec![0_usize, 1])?;
    Ok(())
}
