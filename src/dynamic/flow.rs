//! What runs from layer to layer: a tensor with its tape and its sizes. Another shape of it costs nothing.

use dfdx::{
    shapes::HasShape,
    tensor::{Cpu, Merge, NoneTape, PutTape, SplitTape, Tape, Tensor, TensorFromVec},
};

use super::{DynamicValue, words};
use crate::{
    backend::{
        Backend, IntoShape, Recorder,
        memory::{elements, filled},
        to_values,
    },
    error::{Error, OrDevice},
    fields::{AnySignal, SignalKind},
    shape::Shape,
    signal::Mask,
};

/// Rows of the values along the last axis.
pub(crate) type Rows<T = Recorder> = Tensor<(usize, usize), f32, Cpu, T>;

/// What runs from layer to layer.
// Typed code, which has other tapes, names its own.
#[allow(private_interfaces)]
pub enum Flow<T = Recorder> {
    /// Numbers.
    #[allow(private_interfaces)]
    Numbers(Numbers<T>),
    /// Token ids.
    Tokens {
        /// The sizes of the shape, the batch first.
        sizes: Vec<usize>,
        /// The ids.
        ids: Vec<usize>,
        /// What is recorded from here on.
        tape: T,
    },
}

/// What reaches a layer of several inputs, or leaves one of several outputs.
pub(super) type Flows<T = Recorder> = Vec<Flow<T>>;

/// Takes the tapes of some values, as one.
pub(crate) fn join_tapes<T: Tape<f32, Cpu>>(x: Flows<T>) -> (Flows<NoneTape>, T) {
    let mut tape: Option<T> = None;
    let x = x.into_iter().map(|x| {
        let (x, more) = x.split_tape();
        tape = Some(match tape.take() {
            Some(tape) => tape.merge(more),
            None => more,
        });
        x
    });
    (x.collect(), tape.unwrap_or_default())
}

/// Puts a tape on the first of some values, and a new one beside it on each of the others.
pub(crate) fn put_first(x: Flows<NoneTape>, tape: Recorder) -> Flows {
    let beside = tape.beside();
    let mut tape = Some(tape);
    let mut next = || tape.take().unwrap_or_else(|| beside.beside());
    x.into_iter().map(|x| x.put_tape(next())).collect()
}

/// The same values, on a tape beside this one.
pub(super) fn beside<S: Shape>(
    x: &Tensor<S, f32, Cpu>,
    tape: &Recorder,
) -> Tensor<S, f32, Cpu, Recorder> {
    x.clone().put_tape(tape.beside())
}

/// The same values, on a tape that also holds what was recorded on another.
pub(super) fn with_tape<S: Shape>(
    x: Tensor<S, f32, Cpu, Recorder>,
    more: Recorder,
) -> Tensor<S, f32, Cpu, Recorder> {
    let (x, tape) = x.split_tape();
    x.put_tape(tape.merge(more))
}

/// Runs a pass of a typed layer, with a tape where it records.
pub(super) fn in_pass<L>(
    layer: L,
    x: Flows,
    plain: fn(L, Flows<NoneTape>) -> Result<Flows<NoneTape>, Error>,
    taped: fn(L, Flows) -> Result<Flows, Error>,
) -> Result<Flows, Error> {
    let (x, tape) = join_tapes(x);
    match tape.is_on() {
        true => taped(layer, put_first(x, tape)),
        false => Ok(put_first(plain(layer, x)?, tape)),
    }
}

/// Numbers of any rank, and the mask of a padded sequence.
pub(crate) struct Numbers<T = Recorder> {
    pub(crate) x: Rows<T>,
    pub(crate) sizes: Vec<usize>,
    pub(crate) mask: Option<Mask>,
}

/// How many rows of how many values there are of these sizes.
pub(super) fn as_rows(sizes: &[usize]) -> Result<(usize, usize), Error> {
    match sizes.split_last() {
        Some((&last, rest)) => {
            elements(sizes)?;
            Ok((elements(rest)?, last))
        }
        None => Ok((1, 1)),
    }
}

impl<T: Tape<f32, Cpu>> Numbers<T> {
    /// A tensor of any shape that has as many elements as the sizes say.
    pub(crate) fn new<S: Shape>(
        y: Tensor<S, f32, Cpu, T>,
        sizes: impl Into<Vec<usize>>,
        mask: Option<Mask>,
    ) -> Result<Self, Error> {
        let sizes = sizes.into();
        Ok(Self { x: y.into_shape(&as_rows(&sizes)?)?, sizes, mask })
    }

    /// Changes the rows, which may become longer or shorter; the mask stays. What stands in the padding and could
    /// spoil a gradient counts as 0.
    pub(crate) fn map(
        self,
        f: impl FnOnce(Rows<T>) -> Result<Rows<T>, Error>,
    ) -> Result<Flow<T>, Error> {
        let Self { x, mut sizes, mask } = self;
        let x = f(Cpu::bounded_padding(x, mask.as_ref())?)?;
        if let Some(last) = sizes.last_mut() {
            *last = x.shape().1;
        }
        Ok(Flow::Numbers(Self { x, sizes, mask }))
    }

    /// A sequence as batch, length and features.
    pub(crate) fn steps(
        self,
    ) -> Result<(Tensor<(usize, usize, usize), f32, Cpu, T>, Option<Mask>), Error> {
        match *self.sizes {
            [batch, length, features] => {
                Ok((self.x.into_shape(&(batch, length, features))?, self.mask))
            }
            _ => Err(words::refused(format!("no sequence: {:?}", self.sizes))),
        }
    }
}

impl Flow {
    /// Whether gradients may be asked for.
    pub(crate) fn recorded(self) -> (Self, bool) {
        let (x, tape) = self.split_tape();
        let recorded = tape.is_on();
        (x.put_tape(tape), recorded)
    }
}

impl<T: Tape<f32, Cpu>> Flow<T> {
    /// Numbers without a mask.
    pub(crate) fn plain<S: Shape>(
        y: Tensor<S, f32, Cpu, T>,
        sizes: impl Into<Vec<usize>>,
    ) -> Result<Self, Error> {
        Ok(Self::Numbers(Numbers::new(y, sizes, None)?))
    }

    pub(crate) fn sizes(&self) -> &[usize] {
        match self {
            Self::Numbers(Numbers { sizes, .. }) | Self::Tokens { sizes, .. } => sizes,
        }
    }

    pub(crate) fn signal(&self) -> AnySignal {
        let kind = match self {
            Self::Numbers(Numbers { mask: None, .. }) => SignalKind::Numbers,
            Self::Numbers(_) => SignalKind::Padded,
            Self::Tokens { .. } => SignalKind::Tokens,
        };
        AnySignal { kind, sizes: self.sizes().iter().copied().map(Some).collect() }
    }

    pub(crate) fn numbers(self) -> Result<Numbers<T>, Error> {
        match self {
            Self::Numbers(numbers) => Ok(numbers),
            Self::Tokens { .. } => {
                words::numbers(&self.signal())?;
                Err(Error::mismatch("the kind of a value", "numbers", self.signal()))
            }
        }
    }

    pub(crate) fn mask(&self) -> Option<&Mask> {
        match self {
            Self::Numbers(numbers) => numbers.mask.as_ref(),
            Self::Tokens { .. } => None,
        }
    }

    /// Puts a mask on numbers, or takes it off.
    pub(crate) fn set_mask(&mut self, mask: Option<Mask>) {
        if let Self::Numbers(numbers) = self {
            numbers.mask = mask;
        }
    }

    pub(crate) fn split_tape(self) -> (Flow<NoneTape>, T) {
        match self {
            Self::Numbers(Numbers { x, sizes, mask }) => {
                let (x, tape) = x.split_tape();
                (Flow::Numbers(Numbers { x, sizes, mask }), tape)
            }
            Self::Tokens { sizes, ids, tape } => {
                (Flow::Tokens { sizes, ids, tape: NoneTape }, tape)
            }
        }
    }
}

/// Zeros of the sizes that leave a layer, on the tapes of what reaches it: what layers are not asked for if that is empty.
pub(crate) fn emptied(x: Flows, gives: &[AnySignal]) -> Result<Flows, Error> {
    let mask = x.first().and_then(Flow::mask).cloned();
    let zeros = |gives: &AnySignal| {
        let sizes: Vec<usize> = gives.sizes.iter().map(|size| size.unwrap_or(0)).collect();
        let mask = match (gives.kind, sizes.as_slice(), &mask) {
            (SignalKind::Padded, &[batch, length, ..], None) => {
                Some(Mask::from_bools(filled(&[batch, length], false)?, batch, length)?)
            }
            (SignalKind::Padded, _, mask) => mask.clone(),
            _ => None,
        };
        // One of several outputs may have values.
        let values = filled(&sizes, 0.0)?;
        let x = Cpu::default().try_tensor_from_vec(values, as_rows(&sizes)?).or_device()?;
        Ok(Flow::Numbers(Numbers { x, sizes, mask }))
    };
    let zeros = gives.iter().map(zeros).collect::<Result<Flows<NoneTape>, Error>>()?;
    Ok(put_first(zeros, join_tapes(x).1))
}

impl Clone for Numbers<NoneTape> {
    /// The values are shared.
    fn clone(&self) -> Self {
        Self { x: self.x.clone(), sizes: self.sizes.clone(), mask: self.mask.clone() }
    }
}

impl Numbers<NoneTape> {
    pub(crate) fn put_tape<T: Tape<f32, Cpu>>(self, tape: T) -> Numbers<T> {
        Numbers { x: self.x.put_tape(tape), sizes: self.sizes, mask: self.mask }
    }
}

impl Clone for Flow<NoneTape> {
    /// The values are shared.
    fn clone(&self) -> Self {
        match self {
            Self::Numbers(numbers) => Self::Numbers(numbers.clone()),
            Self::Tokens { sizes, ids, .. } => {
                Self::Tokens { sizes: sizes.clone(), ids: ids.clone(), tape: NoneTape }
            }
        }
    }
}

impl Flow<NoneTape> {
    pub(crate) fn put_tape<T: Tape<f32, Cpu>>(self, tape: T) -> Flow<T> {
        match self {
            Self::Numbers(numbers) => Flow::Numbers(numbers.put_tape(tape)),
            Self::Tokens { sizes, ids, .. } => Flow::Tokens { sizes, ids, tape },
        }
    }
}

impl TryFrom<DynamicValue> for Flow<NoneTape> {
    type Error = Error;

    fn try_from(value: DynamicValue) -> Result<Self, Error> {
        value.check()?;
        Ok(match value {
            DynamicValue::Numbers { sizes, values, mask } => {
                let x = Cpu::default().try_tensor_from_vec(values, as_rows(&sizes)?).or_device()?;
                Self::Numbers(Numbers { x, sizes, mask })
            }
            DynamicValue::Tokens { sizes, ids } => Self::Tokens { sizes, ids, tape: NoneTape },
            DynamicValue::Several(parts) => {
                return Err(Error::mismatch("the inputs of a layer", "one", parts.len()));
            }
        })
    }
}

impl TryFrom<Flow<NoneTape>> for DynamicValue {
    type Error = Error;

    fn try_from(flow: Flow<NoneTape>) -> Result<Self, Error> {
        Ok(match flow {
            Flow::Numbers(Numbers { x, sizes, mask }) => {
                Self::Numbers { sizes, values: to_values(&x)?, mask }
            }
            Flow::Tokens { sizes, ids, .. } => Self::Tokens { sizes, ids },
        })
    }
}
