//~lines 14
//~ a vocabulary is learned or listed: `Vocabulary::words().learn(texts)?`, `Vocabulary::words().list(words)?`
use kerata::data::Vocabulary;

fn main() {
    let vocabulary = Vocabulary::new(vec!["cat", "dog"]);
    println!("{vocabulary:?}");
}
