use dfdx::{
    shapes::{HasShape, Shape},
    tensor::{Cpu, NoneTape, Tensor},
};

use crate::{
    backend::numbers,
    error::{Error, OrDevice},
    fields::{AnySignal, SignalKind},
    shape::Sequence,
    signal::{Ids, Mask, Masked, Signal},
};

/// Data whose shape is known at run time only: what goes into a [`DynamicLayer`](super::DynamicLayer)
/// and comes out of it.
///
/// ```
/// use kerata::{Const, Cpu, Error, Tensor, config::DynamicValue, prelude::*};
///
/// let value = DynamicValue::from(Cpu::default().tensor([[1.0_f32, 2.0]]));
/// assert_eq!(value.sizes(), [1, 2]);
/// let back: Tensor<(usize, Const<2>), f32, Cpu> = value.tensor()?;
/// assert_eq!(back.as_vec(), [1.0, 2.0]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum DynamicValue {
    /// Numbers, in the order of their indices; a padded sequence has a mask.
    Numbers {
        /// The sizes of the shape, the batch first.
        sizes: Vec<usize>,
        /// The numbers.
        values: Vec<f32>,
        /// Which steps are real.
        mask: Option<Mask>,
    },
    /// Token ids.
    Tokens {
        /// The sizes of the shape, the batch first.
        sizes: Vec<usize>,
        /// The ids.
        ids: Vec<usize>,
    },
}

impl DynamicValue {
    /// Numbers without a mask. There must be as many as the sizes say.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if there are more or fewer.
    pub fn numbers(sizes: impl Into<Vec<usize>>, values: Vec<f32>) -> Result<Self, Error> {
        let sizes = sizes.into();
        count(&sizes, values.len())?;
        Ok(Self::Numbers { sizes, values, mask: None })
    }

    /// Token ids. There must be as many as the sizes say.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if there are more or fewer.
    pub fn ids(sizes: impl Into<Vec<usize>>, ids: Vec<usize>) -> Result<Self, Error> {
        let sizes = sizes.into();
        count(&sizes, ids.len())?;
        Ok(Self::Tokens { sizes, ids })
    }

    /// The same numbers under a mask.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if the mask has another batch or length, or this is no sequence of numbers.
    pub fn with_mask(mut self, steps: Mask) -> Result<Self, Error> {
        match &mut self {
            Self::Numbers { mask, .. } => *mask = Some(steps),
            Self::Tokens { .. } => {
                return Err(Error::mismatch("what is masked", "numbers", self.signal()));
            }
        }
        self.check()?;
        Ok(self)
    }

    /// The sizes of the shape, the batch first.
    pub fn sizes(&self) -> &[usize] {
        match self {
            Self::Numbers { sizes, .. } | Self::Tokens { sizes, .. } => sizes,
        }
    }

    /// The numbers; none if these are ids.
    pub fn values(&self) -> &[f32] {
        match self {
            Self::Numbers { values, .. } => values,
            Self::Tokens { .. } => &[],
        }
    }

    /// The mask, if there is one.
    pub fn mask(&self) -> Option<&Mask> {
        match self {
            Self::Numbers { mask, .. } => mask.as_ref(),
            Self::Tokens { .. } => None,
        }
    }

    /// What travels here.
    pub fn signal(&self) -> AnySignal {
        let kind = match self {
            Self::Numbers { mask: None, .. } => SignalKind::Numbers,
            Self::Numbers { .. } => SignalKind::Padded,
            Self::Tokens { .. } => SignalKind::Tokens,
        };
        AnySignal { kind, sizes: self.sizes().iter().copied().map(Some).collect() }
    }

    /// The numbers as a tensor of a shape that is known.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if this has another shape.
    pub fn tensor<S: Shape>(self) -> Result<Tensor<S, f32, Cpu>, Error> {
        let shape = shape(self.sizes())?;
        Cpu::default().try_tensor_from_vec_checked(self.into_values(), shape)
    }

    /// Whether there are as many numbers and steps as the sizes say: the fields are everybody's.
    pub(super) fn check(&self) -> Result<(), Error> {
        match self {
            Self::Numbers { sizes, values, mask } => {
                count(sizes, values.len())?;
                let steps = mask.as_ref().map(|mask| [mask.batch(), mask.length()]);
                match steps {
                    Some(steps) if sizes.get(..2) != Some(&steps) => {
                        Err(Error::mismatch("the batch and length of a mask", sizes, steps))
                    }
                    _ => Ok(()),
                }
            }
            Self::Tokens { sizes, ids } => count(sizes, ids.len()),
        }
    }

    pub(super) fn into_values(self) -> Vec<f32> {
        match self {
            Self::Numbers { values, .. } => values,
            Self::Tokens { .. } => Vec::new(),
        }
    }
}

fn count(sizes: &[usize], found: usize) -> Result<(), Error> {
    let expected = sizes.iter().try_fold(1_usize, |n, &size| n.checked_mul(size));
    if expected == Some(found) {
        return Ok(());
    }
    Err(Error::mismatch("the numbers of a value", sizes, found))
}

/// A shape of the given sizes.
fn shape<S: Shape>(sizes: &[usize]) -> Result<S, Error> {
    let misfit = || Error::mismatch("the shape of a value", crate::shape::display::<S>(), sizes);
    if sizes.len() != S::NUM_DIMS {
        return Err(misfit());
    }
    let mut concrete = S::Concrete::default();
    for (i, &size) in sizes.iter().enumerate() {
        concrete[i] = size;
    }
    S::from_concrete(&concrete).ok_or_else(misfit)
}

trait Checked {
    fn try_tensor_from_vec_checked<S: Shape, E: dfdx::prelude::Unit>(
        &self,
        values: Vec<E>,
        shape: S,
    ) -> Result<Tensor<S, E, Cpu>, Error>
    where
        Cpu: dfdx::tensor::TensorFromVec<E>;
}

impl Checked for Cpu {
    /// dfdx panics where the numbers do not fill the shape.
    fn try_tensor_from_vec_checked<S: Shape, E: dfdx::prelude::Unit>(
        &self,
        values: Vec<E>,
        shape: S,
    ) -> Result<Tensor<S, E, Cpu>, Error>
    where
        Cpu: dfdx::tensor::TensorFromVec<E>,
    {
        let expected = shape.num_elements();
        if values.len() != expected {
            return Err(Error::mismatch("the numbers of a value", expected, values.len()));
        }
        dfdx::tensor::TensorFromVec::try_tensor_from_vec(self, values, shape).or_device()
    }
}

fn sizes<S: Shape>(shape: &S) -> Vec<usize> {
    shape.concrete().into()
}

fn from_numbers<S: Shape>(
    x: &Tensor<S, f32, Cpu>,
    mask: Option<Mask>,
) -> Result<DynamicValue, Error> {
    Ok(DynamicValue::Numbers { sizes: sizes(x.shape()), values: numbers(x)?, mask })
}

fn from_ids<S: Shape>(ids: &Tensor<S, usize, Cpu>) -> Result<DynamicValue, Error> {
    Ok(DynamicValue::Tokens { sizes: sizes(ids.shape()), ids: numbers(ids)? })
}

fn or_panic(value: Result<DynamicValue, Error>) -> DynamicValue {
    value.unwrap_or_else(|error| panic!("{error}"))
}

/// Panics if there is no memory for the copy; [`FromDynamic::try_into_dynamic`] gives an error then.
impl<S: Shape> From<Tensor<S, f32, Cpu>> for DynamicValue {
    fn from(x: Tensor<S, f32, Cpu>) -> Self {
        or_panic(from_numbers(&x, None))
    }
}

/// Panics if there is no memory for the copy; [`FromDynamic::try_into_dynamic`] gives an error then.
impl<S: Shape> From<Tensor<S, usize, Cpu>> for DynamicValue {
    fn from(ids: Tensor<S, usize, Cpu>) -> Self {
        or_panic(from_ids(&ids))
    }
}

/// Panics if there is no memory for the copy; [`FromDynamic::try_into_dynamic`] gives an error then.
impl<S: Sequence> From<Masked<Tensor<S, f32, Cpu>>> for DynamicValue {
    fn from(x: Masked<Tensor<S, f32, Cpu>>) -> Self {
        let (x, mask) = x.into_parts();
        or_panic(from_numbers(&x, Some(mask)))
    }
}

/// A signal whose data can be had from a [`DynamicValue`], and turned into one.
pub trait FromDynamic: Signal {
    /// The data, if the value is of this signal.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if it is of another one.
    fn from_dynamic(value: DynamicValue) -> Result<Self::Data<f32, Cpu, NoneTape>, Error>;

    /// The value.
    ///
    /// # Errors
    /// [`Error::Device`] if there is no memory for it.
    fn try_into_dynamic(data: Self::Data<f32, Cpu, NoneTape>) -> Result<DynamicValue, Error>;

    /// The value.
    ///
    /// # Panics
    /// If there is no memory for it; [`try_into_dynamic`](Self::try_into_dynamic) gives an error then.
    fn into_dynamic(data: Self::Data<f32, Cpu, NoneTape>) -> DynamicValue {
        or_panic(Self::try_into_dynamic(data))
    }
}

fn other<S: Signal, T>(value: &DynamicValue) -> Result<T, Error> {
    Err(Error::mismatch("the kind of a value", AnySignal::of::<S>(), value.signal()))
}

impl<S: Shape> FromDynamic for S {
    fn from_dynamic(value: DynamicValue) -> Result<Tensor<S, f32, Cpu>, Error> {
        match value {
            DynamicValue::Numbers { mask: None, .. } => value.tensor(),
            _ => other::<S, _>(&value),
        }
    }

    fn try_into_dynamic(data: Tensor<S, f32, Cpu>) -> Result<DynamicValue, Error> {
        from_numbers(&data, None)
    }
}

impl<S: Sequence> FromDynamic for Masked<S> {
    fn from_dynamic(mut value: DynamicValue) -> Result<Masked<Tensor<S, f32, Cpu>>, Error> {
        let mask = match &mut value {
            DynamicValue::Numbers { mask, .. } => mask.take(),
            DynamicValue::Tokens { .. } => None,
        };
        match mask {
            Some(mask) => Masked::new(value.tensor()?, mask),
            None => other::<Masked<S>, _>(&value),
        }
    }

    fn try_into_dynamic(data: Masked<Tensor<S, f32, Cpu>>) -> Result<DynamicValue, Error> {
        let (x, mask) = data.into_parts();
        from_numbers(&x, Some(mask))
    }
}

impl<S: Shape> FromDynamic for Ids<S> {
    fn from_dynamic(value: DynamicValue) -> Result<Tensor<S, usize, Cpu>, Error> {
        match value {
            DynamicValue::Tokens { sizes, ids } => {
                Cpu::default().try_tensor_from_vec_checked(ids, shape(&sizes)?)
            }
            _ => other::<Ids<S>, _>(&value),
        }
    }

    fn try_into_dynamic(data: Tensor<S, usize, Cpu>) -> Result<DynamicValue, Error> {
        from_ids(&data)
    }
}
