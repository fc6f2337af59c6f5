//! The weights of a dynamic layer: tensors whose sizes are values.

use dfdx::tensor::{Cpu, NoneTape, TensorFromVec};

use super::{budget, flow::Rows, op::Flat};
use crate::{
    backend::{IntoShape, to_values},
    error::{Error, OrDevice},
    fields::Initializer,
    memory::zeros_of,
    parameters::{Parameter, Visitor},
};

/// A parameter of a [`DynamicLayer`](super::DynamicLayer).
#[derive(Debug, Clone, PartialEq)]
pub struct LayerWeight {
    /// Its name, as in a weight file: `kernel`, or `0.kernel` inside of a model.
    pub name: String,
    /// The sizes of its shape.
    pub sizes: Vec<usize>,
    /// Its numbers, in the order of their indices.
    pub values: Vec<f32>,
}

impl LayerWeight {
    /// A parameter filled by an initialiser.
    ///
    /// # Errors
    /// [`Error::Invalid`] if it holds no value, if this or all weights of the layer that is being built hold more
    /// than 2^28 values, or if they take too long to draw; [`Error::Mismatch`] for more than six dimensions.
    pub fn new(
        dev: &Cpu,
        name: String,
        sizes: Vec<usize>,
        how: Initializer,
    ) -> Result<Self, Error> {
        budget::spend(&sizes, how)?;
        let values = to_values(&draw(dev, &sizes, budget::drawn(how))?)?;
        Ok(Self { name, sizes, values })
    }
}

fn draw(dev: &Cpu, sizes: &[usize], how: Initializer) -> Result<Flat, Error> {
    if sizes.contains(&0) {
        let expected = "each size of a weight is at least 1";
        let value = format!("{sizes:?}");
        return Err(Error::Invalid { name: "the shape of a weight", value, expected });
    }
    let count = (sizes.iter().product(),);
    if how == Initializer::ZEROS {
        // Memory that is not written to, until a file is read into it, is none.
        return dev.try_tensor_from_vec(zeros_of(sizes)?, count).or_device();
    }
    let values = match sizes {
        [] => how.values(dev, &[1])?,
        [_, _, _, _, _, _, _, ..] => {
            return Err(Error::mismatch("the dimensions of a weight", "0 to 6", sizes.len()));
        }
        _ => how.values(dev, sizes)?,
    };
    dev.try_tensor_from_vec(values, count).or_device()
}

/// What becomes of a weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// An optimiser changes it.
    Trained,
    /// The training pass changes it.
    Statistic,
    /// It stands in for one that the layer does without.
    Constant,
}

#[derive(Debug, Clone)]
struct Weight {
    name: &'static str,
    role: Role,
    sizes: Vec<usize>,
    values: Flat,
}

/// A weight that is to be made.
pub(crate) type Wanted<'a> = (&'static str, &'a [usize], Initializer, Role);

/// A weight that a layer may do without: what stands in for it then changes nothing.
pub(crate) fn optional<'a>(
    name: &'static str,
    sizes: &'a [usize],
    how: Initializer,
    there: bool,
) -> Wanted<'a> {
    match (there, name) {
        (true, _) => (name, sizes, how, Role::Trained),
        (false, "gamma") => (name, sizes, Initializer::ONES, Role::Constant),
        (false, _) => (name, sizes, Initializer::ZEROS, Role::Constant),
    }
}

/// The weights of one layer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Weights(Vec<Weight>);

impl Weights {
    /// Draws all weights. If one is too large, none is drawn.
    pub(crate) fn draw(dev: &Cpu, wanted: &[Wanted<'_>]) -> Result<Self, Error> {
        wanted.iter().try_for_each(|&(_, sizes, how, _)| budget::spend(sizes, how))?;
        let make = |&(name, sizes, how, role): &Wanted<'_>| {
            let how = if role == Role::Constant { how } else { budget::drawn(how) };
            Ok(Weight { name, role, sizes: sizes.to_vec(), values: draw(dev, sizes, how)? })
        };
        Ok(Self(wanted.iter().map(make).collect::<Result<_, Error>>()?))
    }

    /// Sets the bias of the forget gates, the second of the gates of so many units, to ones.
    pub(crate) fn forget_nothing(&mut self, units: usize) -> Result<(), Error> {
        let mut values = to_values(&self.flat("bias")?)?;
        values[units..2 * units].fill(1.0);
        self.set("bias", &values);
        Ok(())
    }

    /// All values of a weight. It is the weight itself, under another shape.
    pub(crate) fn flat(&self, name: &'static str) -> Result<Flat, Error> {
        let weight = self.0.iter().find(|weight| weight.name == name);
        Ok(weight.ok_or(Error::Empty("the list of weights"))?.values.clone())
    }

    /// A weight as a matrix of so many columns.
    pub(crate) fn matrix(
        &self,
        name: &'static str,
        columns: usize,
    ) -> Result<Rows<NoneTape>, Error> {
        let values = self.flat(name)?;
        let count = dfdx::shapes::HasShape::shape(&values).0;
        values.into_shape(&(count.checked_div(columns).unwrap_or(0), columns))
    }

    /// Puts other values into a weight. In place, so that it stays the one that optimisers know.
    pub(crate) fn set(&mut self, name: &'static str, values: &[f32]) {
        if let Some(weight) = self.0.iter_mut().find(|weight| weight.name == name) {
            weight.values.copy_from(values);
        }
    }

    pub(crate) fn visit(&mut self, visitor: &mut dyn Visitor<f32, Cpu>) -> Result<(), Error> {
        let shown = self.0.iter_mut().filter(|weight| weight.role != Role::Constant);
        for Weight { name, role, sizes, values } in shown {
            let trainable = *role == Role::Trained;
            visitor.visit(Parameter::new(name, trainable, values).sized(sizes))?;
        }
        Ok(())
    }
}

/// Values that are no tensor, as one.
pub(crate) fn tensor(values: Vec<f32>) -> Result<Flat, Error> {
    let count = (values.len(),);
    Cpu::default().try_tensor_from_vec(values, count).or_device()
}
