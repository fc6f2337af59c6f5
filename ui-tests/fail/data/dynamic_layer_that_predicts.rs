//~ `DynamicLayer` is no model
//~ `layer.typed::<(Batch, Const<4>), (Batch, Const<2>)>()?`
use kerata::{Error, keras, config::CustomObjects, prelude::*};
fn main() -> Result<(), Error> {
    let net = keras::load("net.keras", &CustomObjects::new())?;
    println!("{:?}", net.predict(&vec![[0.5_f32; 4]], 1)?);
    Ok(())
}
