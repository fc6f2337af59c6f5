//~ `String` cannot be an option of a layer
use kerata::layer;

#[layer(class = "Named")]
pub struct Named {
    #[option(default = String::new())]
    pub title: String,
}

fn main() {}
