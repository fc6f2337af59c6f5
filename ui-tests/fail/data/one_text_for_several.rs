//~ several texts are learned from, but `&str` is no list of texts
use kerata::{Error, data::Vocabulary};


fn main() -> Result<(), Error> {
    let _ = Vocabulary::words().learn("the cat sat")?;
    Ok(())
}
