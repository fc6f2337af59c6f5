//~ no words are known yet
//~lines 13
use kerata::{Error, data::Vocabulary};

fn main() -> Result<(), Error> {
    let vocabulary = Vocabulary::words().unknown("[UNK]");
    println!("{:?}", vocabulary.encode("a film")?);
    Ok(())
}
