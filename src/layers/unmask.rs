use dfdx::tensor::{Cpu, Tape, Tensor};
use serde_json::{Value, json};

use crate::{
    backend::{Backend, Element},
    error::Error,
    fields::{Configured, Fields, destroys_masks},
    layer,
    layer::Layer,
    shape::Sequence,
    signal::{HasMask, Masked},
    stream::handed_on,
};

/// Drops the mask, on purpose: every step counts behind it, padding included.
///
/// Keras drops the mask with a warning, or in silence, in front of a layer that knows no masks. Here
/// such a wiring does not compile, and this layer says that it is meant.
///
/// # Shapes
/// - input `Masked<S>`
/// - output `S`
///
/// ```
/// use kerata::{*, prelude::*};
///
/// let dev = Cpu::default();
/// let x = Masked::new(dev.tensor([[[2.0_f32], [4.0]]]), Mask::from_lengths(&[1], 2)?)?;
/// assert_eq!(Unmask.forward(x)?.array(), [[[2.0], [4.0]]]);
/// # Ok::<(), Error>(())
/// ```
#[layer]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unmask;

impl<In: HasMask, E: Element, D: Backend<E>> Layer<In, E, D> for Unmask {
    type Out = In::Values;

    const DROPS_MASK: bool = true;

    fn call<T: Tape<E, D>>(
        &self,
        x: In::Data<E, D, T>,
    ) -> Result<Tensor<In::Values, E, D, T>, Error> {
        Ok(In::values(x))
    }
}

handed_on!([S: Sequence] Unmask, Masked<S>, (values, _) => values);

impl Configured for Unmask {
    const CLASS: &'static str = "Unmask";
    type Element = f32;
    type Device = Cpu;

    /// In a model this is a layer of Keras's that repeats each step once, and drops the mask. A `Reshape` to the shape that is there
    /// already does so too, but not on JAX, where the very same array goes on.
    fn describe(&mut self, fields: &mut Fields) {
        let Some(wire) = fields.wire().cloned() else { return };
        fields.write_as(match wire.sizes.len() {
            3 => "UpSampling1D",
            4 => "UpSampling2D",
            _ => "Reshape",
        });
        match fields.class() {
            "UpSampling1D" => fields.fixed("size", 1),
            "UpSampling2D" => {
                fields.fixed("size", json!([1, 1]));
                fields.fixed("data_format", "channels_last");
                fields.fixed("interpolation", "nearest");
            }
            "Reshape" => {
                let same = wire.sizes.iter().skip(1);
                let same = same.map(|size| size.map_or(json!(-1), Value::from));
                fields.fixed("target_shape", same.collect::<Vec<_>>());
            }
            _ => {}
        }
    }

    fn accepts(class: &str) -> bool {
        class == Self::CLASS || ["UpSampling1D", "UpSampling2D", "Reshape"].contains(&class)
    }

    /// These layers of Keras drop a mask by themselves.
    fn may_be_missing(next: Option<&str>) -> bool {
        next.is_some_and(destroys_masks)
    }
}
