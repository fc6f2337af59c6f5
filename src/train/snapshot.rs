use crate::{
    backend::{Backend, Element},
    error::Error,
    io::{self, Weight},
    parameters::{self, Named, Parameter, Parameters, Visitor},
};

/// The values of all parameters of a model at some time: Keras's `get_weights` and `set_weights`.
///
/// ```
/// use kerata::{Cpu, Dense, Error, prelude::*, train::Snapshot};
///
/// let mut dense = Dense::<2, 3>::build(&Cpu::seed_from_u64(1))?;
/// let (before, kernel) = (Snapshot::of(&dense)?, dense.kernel.array());
/// dense.kernel.copy_from(&[0.0; 6]);
/// before.restore(&mut dense)?;
/// assert_eq!(dense.kernel.array(), kernel);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot(pub(super) Vec<Weight>);

impl Snapshot {
    /// Copies the values of a model.
    ///
    /// # Errors
    /// [`Error::Device`] if there is no memory.
    pub fn of<M: Parameters<E, D>, E: Element, D: Backend<E>>(model: &M) -> Result<Self, Error> {
        io::collect(model).map(Self)
    }

    /// Gives a model these values.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if it is another model, [`Error::Device`] without memory. Then it is as it was before.
    pub fn restore<M: Parameters<E, D>, E: Element, D: Backend<E>>(
        &self,
        model: &mut M,
    ) -> Result<(), Error> {
        let names = parameters::list(model);
        if names.len() != self.0.len() {
            let what = "the parameters of a snapshot";
            return Err(Error::mismatch(what, names.len(), self.0.len()));
        }
        // Tensors are shared, and copied when they are written to.
        let mut restored = model.clone();
        restored.visit(&mut Restore { names: names.iter(), weights: &self.0 })?;
        *model = restored;
        Ok(())
    }
}

struct Restore<'a> {
    names: std::slice::Iter<'a, Named>,
    weights: &'a [Weight],
}

impl<E: Element, D: Backend<E>> Visitor<E, D> for Restore<'_> {
    #[inline(never)]
    fn visit(&mut self, parameter: Parameter<'_, E, D>) -> Result<(), Error> {
        let name = self.names.next().map(|named| named.name.as_str()).unwrap_or_default();
        let sizes = parameter.sizes();
        let fits = |weight: &&Weight| weight.name == name && weight.sizes == sizes;
        match self.weights.iter().find(fits) {
            Some(weight) => parameter.tensor.assign(&weight.values.elements::<E>()?),
            None => Err(Error::mismatch("a parameter of a snapshot", (name, sizes), "another")),
        }
    }
}
