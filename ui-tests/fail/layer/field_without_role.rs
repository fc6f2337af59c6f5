//~ say what `rate` is: `#[weight(..)]`, `#[option(..)]`, `#[inner]` (a layer) or `#[cache]`
use kerata::layer;

#[layer(class = "Scale")]
pub struct Scale {
    pub rate: f64,
}

fn main() {}
