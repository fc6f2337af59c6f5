//~ how to fit is said by fields: `Fit { batch_size: 64, shuffle: false, ..Fit::epochs(12) }`
use kerata::{prelude::*, train::Fit};

fn main() {
    let fit = Fit::epochs(3).batch_size(64);
    println!("{fit:?}");
}
