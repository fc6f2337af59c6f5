//~ `Layer` is not dyn compatible
//~ it requires `Self: Sized`
use kerata::{Batch, Const, Layer};

type Boxed = Box<dyn Layer<(Batch, Const<4>), Out = (Batch, Const<4>)>>;

struct Stack {
    layers: Vec<Boxed>,
}

fn main() {}
