//! The parameters of a model by name, and the device that they are on.

use super::{Parameter, Parameters, Visitor};
use crate::{
    backend::{Backend, Element},
    error::Error,
};

/// What is known of a parameter without its numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The name within the model: that of the field, then that within the layer, `lstm1.kernel`.
    pub name: String,
    /// The sizes of its dimensions.
    pub shape: Vec<usize>,
    /// Whether an optimiser changes it.
    pub trainable: bool,
}

/// All parameters of a model, in the order of declaration.
pub(crate) fn list<M: Parameters<E, D>, E: Element, D: Backend<E>>(model: &M) -> Vec<Named> {
    #[derive(Default)]
    struct List {
        path: Vec<String>,
        found: Vec<Named>,
    }

    impl<E: Element, D: Backend<E>> Visitor<E, D> for List {
        #[inline(never)]
        fn visit(&mut self, parameter: Parameter<'_, E, D>) -> Result<(), Error> {
            self.path.push(parameter.name.to_owned());
            self.found.push(Named {
                name: self.path.join("."),
                shape: parameter.sizes(),
                trainable: parameter.trainable,
            });
            self.path.pop();
            Ok(())
        }

        fn enter(&mut self, name: &str) {
            self.path.push(name.to_owned());
        }

        fn leave(&mut self) {
            self.path.pop();
        }
    }

    let mut list = List::default();
    // The only errors are those of the visitor, and this one has none.
    let _ = model.clone().visit(&mut list);
    list.found
}

/// The values of all parameters, trained or not, in the order of the model.
pub(crate) fn values<M: Parameters<E, D>, E: Element, D: Backend<E>>(
    model: &M,
) -> Result<Vec<E>, Error> {
    struct Collect<E>(Vec<E>);

    impl<E: Element, D: Backend<E>> Visitor<E, D> for Collect<E> {
        #[inline(never)]
        fn visit(&mut self, parameter: Parameter<'_, E, D>) -> Result<(), Error> {
            self.0.extend(parameter.tensor.to_vec()?);
            Ok(())
        }
    }

    let mut all = Collect(Vec::new());
    // Tensors are shared, so that this copies no numbers.
    model.clone().visit(&mut all)?;
    Ok(all.0)
}

/// The device of a model: that of its first parameter, or a default one if it has none.
pub(crate) fn device<M: Parameters<E, D>, E: Element, D: Backend<E>>(model: &M) -> D {
    struct First<D>(Option<D>);

    impl<E: Element, D: Backend<E>> Visitor<E, D> for First<D> {
        #[inline(never)]
        fn visit(&mut self, parameter: Parameter<'_, E, D>) -> Result<(), Error> {
            self.0.get_or_insert_with(|| parameter.tensor.device().clone());
            Ok(())
        }
    }

    let mut first = First(None);
    match model.clone().visit(&mut first) {
        Ok(()) => first.0.unwrap_or_default(),
        Err(_) => D::default(),
    }
}
