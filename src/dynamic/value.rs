use dfdx::{
    prelude::Unit,
    shapes::HasShape,
    tensor::{Cpu, NoneTape, PutTape, SplitTape, Tape, Tensor, TensorFromVec},
};

use super::flow::{Flow, Flows, Numbers};
use crate::{
    backend::{IntoShape, to_values},
    error::{Error, OrDevice},
    fields::{AnySignal, SignalKind},
    shape::{Sequence, Shape},
    signal::{Ids, Inputs, Mask, Masked, Signal},
    tuples::several,
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
    /// What goes into a model of several inputs, or comes out of one of several outputs, in their order.
    Several(Vec<DynamicValue>),
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
            _ => return Err(Error::mismatch("what is masked", "numbers", self.signal())),
        }
        self.check()?;
        Ok(self)
    }

    /// Several values, for a model of several inputs.
    ///
    /// ```
    /// use kerata::{Error, config::DynamicValue};
    ///
    /// let words = DynamicValue::ids([1, 2], vec![3, 0])?;
    /// let numbers = DynamicValue::numbers([1, 3], vec![0.5; 3])?;
    /// assert_eq!(DynamicValue::several([words, numbers]).parts().len(), 2);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn several(values: impl Into<Vec<Self>>) -> Self {
        Self::Several(values.into())
    }

    /// The values that are here: one, or those of [`Several`](Self::Several).
    pub fn parts(&self) -> &[Self] {
        match self {
            Self::Several(parts) => parts,
            one => std::slice::from_ref(one),
        }
    }

    /// The values that are here: one, or those of [`Several`](Self::Several).
    pub fn into_parts(self) -> Vec<Self> {
        match self {
            Self::Several(parts) => parts,
            one => vec![one],
        }
    }

    /// The sizes of the shape, the batch first; none of several values.
    pub fn sizes(&self) -> &[usize] {
        match self {
            Self::Numbers { sizes, .. } | Self::Tokens { sizes, .. } => sizes,
            Self::Several(_) => &[],
        }
    }

    /// The numbers; none if these are ids, or several values.
    pub fn values(&self) -> &[f32] {
        match self {
            Self::Numbers { values, .. } => values,
            _ => &[],
        }
    }

    /// The mask, if there is one.
    pub fn mask(&self) -> Option<&Mask> {
        match self {
            Self::Numbers { mask, .. } => mask.as_ref(),
            _ => None,
        }
    }

    /// What travels here; of several values, the first.
    pub fn signal(&self) -> AnySignal {
        let kind = match self {
            Self::Numbers { mask: None, .. } => SignalKind::Numbers,
            Self::Numbers { .. } => SignalKind::Padded,
            Self::Tokens { .. } => SignalKind::Tokens,
            Self::Several(parts) => match parts.first() {
                Some(first) if !matches!(first, Self::Several(_)) => return first.signal(),
                _ => SignalKind::Numbers,
            },
        };
        AnySignal { kind, sizes: self.sizes().iter().copied().map(Some).collect() }
    }

    /// The numbers as a tensor of a shape that is known.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if this has another shape.
    pub fn tensor<S: Shape>(self) -> Result<Tensor<S, f32, Cpu>, Error> {
        let shape = shape(self.sizes())?;
        let values = if let Self::Numbers { values, .. } = self { values } else { Vec::new() };
        made(values, shape)
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
            // Their own checks are made where they are taken apart.
            Self::Several(_) => Ok(()),
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

/// A tensor of the values. dfdx panics where they do not fill the shape.
fn made<S: Shape, E: Unit>(values: Vec<E>, shape: S) -> Result<Tensor<S, E, Cpu>, Error>
where
    Cpu: TensorFromVec<E>,
{
    let expected = shape.num_elements();
    if values.len() != expected {
        return Err(Error::mismatch("the numbers of a value", expected, values.len()));
    }
    Cpu::default().try_tensor_from_vec(values, shape).or_device()
}

fn sizes<S: Shape>(shape: &S) -> Vec<usize> {
    shape.concrete().into()
}

fn or_panic(value: Result<DynamicValue, Error>) -> DynamicValue {
    value.unwrap_or_else(|error| panic!("{error}"))
}

/// A signal whose data can be had from a [`DynamicValue`], and turned into one.
pub trait FromDynamic: Signal {
    /// The data, if the value is of this signal.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if it is of another one.
    fn from_dynamic(value: DynamicValue) -> Result<Self::Data<f32, Cpu, NoneTape>, Error> {
        from_flows::<Self, NoneTape>(into_flows(value)?)
    }

    /// The value.
    ///
    /// # Errors
    /// [`Error::Device`] if there is no memory for it.
    fn try_into_dynamic(data: Self::Data<f32, Cpu, NoneTape>) -> Result<DynamicValue, Error> {
        from_outputs(Self::into_flows(data)?)
    }

    /// The value.
    ///
    /// # Panics
    /// If there is no memory for it; [`try_into_dynamic`](Self::try_into_dynamic) gives an error then.
    fn into_dynamic(data: Self::Data<f32, Cpu, NoneTape>) -> DynamicValue {
        or_panic(Self::try_into_dynamic(data))
    }

    /// The data on its tape, without a copy; of several values, what it needs of the next ones.
    #[doc(hidden)]
    fn from_parts<T: Tape<f32, Cpu>>(
        parts: &mut std::vec::IntoIter<Flow<T>>,
    ) -> Result<Self::Data<f32, Cpu, T>, Error>;

    /// The way back.
    #[doc(hidden)]
    fn into_flows<T: Tape<f32, Cpu>>(data: Self::Data<f32, Cpu, T>) -> Result<Flows<T>, Error>;
}

/// The data of a signal, which are all of these values.
pub(super) fn from_flows<S: FromDynamic + ?Sized, T: Tape<f32, Cpu>>(
    flows: Flows<T>,
) -> Result<S::Data<f32, Cpu, T>, Error> {
    let mut parts = flows.into_iter();
    let data = S::from_parts(&mut parts)?;
    match parts.len() {
        0 => Ok(data),
        more => {
            let expected = S::display();
            Err(Error::mismatch("the kind of a value", expected, format!("{more} values more")))
        }
    }
}

/// The values that reach a layer.
pub(super) fn into_flows(value: DynamicValue) -> Result<Flows<NoneTape>, Error> {
    value.into_parts().into_iter().map(Flow::try_from).collect()
}

/// What leaves a layer, one value or several.
pub(super) fn from_outputs(flows: Flows<NoneTape>) -> Result<DynamicValue, Error> {
    let mut values: Vec<DynamicValue> =
        flows.into_iter().map(DynamicValue::try_from).collect::<Result<_, _>>()?;
    match (values.len(), values.pop()) {
        (1, Some(one)) => Ok(one),
        (_, last) => {
            values.extend(last);
            Ok(DynamicValue::Several(values))
        }
    }
}

/// The next value, for a signal that is one.
fn next<S: Signal, T: Tape<f32, Cpu>>(
    parts: &mut std::vec::IntoIter<Flow<T>>,
) -> Result<Flow<T>, Error> {
    let missing = || Error::mismatch("the kind of a value", AnySignal::of::<S>(), "nothing");
    parts.next().ok_or_else(missing)
}

fn other<S: Signal, R, T: Tape<f32, Cpu>>(flow: &Flow<T>) -> Result<R, Error> {
    Err(Error::mismatch("the kind of a value", AnySignal::of::<S>(), flow.signal()))
}

impl<S: Shape> FromDynamic for S {
    fn from_parts<T: Tape<f32, Cpu>>(
        parts: &mut std::vec::IntoIter<Flow<T>>,
    ) -> Result<Tensor<S, f32, Cpu, T>, Error> {
        match next::<S, T>(parts)? {
            Flow::Numbers(Numbers { x, sizes, mask: None }) => x.into_shape(&shape(&sizes)?),
            flow => other::<S, _, T>(&flow),
        }
    }

    fn into_flows<T: Tape<f32, Cpu>>(data: Tensor<S, f32, Cpu, T>) -> Result<Flows<T>, Error> {
        let sizes = sizes(data.shape());
        Ok(vec![Flow::plain(data, sizes)?])
    }
}

impl<S: Sequence> FromDynamic for Masked<S> {
    fn from_parts<T: Tape<f32, Cpu>>(
        parts: &mut std::vec::IntoIter<Flow<T>>,
    ) -> Result<Masked<Tensor<S, f32, Cpu, T>>, Error> {
        match next::<Self, T>(parts)? {
            Flow::Numbers(Numbers { x, sizes, mask: Some(mask) }) => {
                Masked::new(x.into_shape(&shape::<S>(&sizes)?)?, mask)
            }
            flow => other::<Masked<S>, _, T>(&flow),
        }
    }

    fn into_flows<T: Tape<f32, Cpu>>(
        data: Masked<Tensor<S, f32, Cpu, T>>,
    ) -> Result<Flows<T>, Error> {
        let (x, mask) = data.into_parts();
        let sizes = sizes(x.shape());
        Ok(vec![Flow::Numbers(Numbers::new(x, sizes, Some(mask))?)])
    }
}

impl<S: Shape> FromDynamic for Ids<S> {
    fn from_parts<T: Tape<f32, Cpu>>(
        parts: &mut std::vec::IntoIter<Flow<T>>,
    ) -> Result<Tensor<S, usize, Cpu, T>, Error> {
        match next::<Self, T>(parts)? {
            Flow::Tokens { sizes, ids, tape } => Ok(made(ids, shape(&sizes)?)?.put_tape(tape)),
            flow @ Flow::Numbers(_) => other::<Ids<S>, _, T>(&flow),
        }
    }

    fn into_flows<T: Tape<f32, Cpu>>(data: Tensor<S, usize, Cpu, T>) -> Result<Flows<T>, Error> {
        let (data, tape) = data.split_tape();
        Ok(vec![Flow::Tokens { sizes: sizes(data.shape()), ids: to_values(&data)?, tape }])
    }
}

macro_rules! side_by_side {
    ($($S:ident $at:tt)*) => {
        impl<$($S: FromDynamic),*> FromDynamic for Inputs<($($S,)*)> {
            fn from_parts<T: Tape<f32, Cpu>>(
                parts: &mut std::vec::IntoIter<Flow<T>>,
            ) -> Result<Self::Data<f32, Cpu, T>, Error> {
                Ok(($($S::from_parts(parts)?,)*))
            }

            fn into_flows<T: Tape<f32, Cpu>>(
                data: Self::Data<f32, Cpu, T>,
            ) -> Result<Flows<T>, Error> {
                let mut flows = Vec::new();
                $(flows.extend($S::into_flows(data.$at)?);)*
                Ok(flows)
            }
        }
    };
}
several!(side_by_side);
