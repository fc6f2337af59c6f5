//~ a list of texts is needed here, and `&str` is none
use kerata::{Error, data::Vocabulary};


fn main() -> Result<(), Error> {
    let _ = Vocabulary::words().learn("the cat sat")?;
    Ok(())
}
