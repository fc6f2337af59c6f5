//! Values on their way into a file, and the place of one in a message.

use super::dtype::TooLarge;
use crate::{
    backend::{Element, memory::collected},
    error::Error,
};

/// A parameter with its name and its values.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Weight {
    pub(crate) name: String,
    pub(crate) sizes: Vec<usize>,
    pub(crate) values: Values,
}

impl Weight {
    #[inline(never)]
    pub(crate) fn new<E: Element>(
        name: String,
        sizes: Vec<usize>,
        values: impl Iterator<Item = E>,
    ) -> Result<Self, Error> {
        let values = Values::collect(&sizes, values)?;
        Ok(Self { name, sizes, values })
    }

    /// A copy of another name.
    pub(crate) fn called(&self, name: String) -> Result<Self, Error> {
        let values = match &self.values {
            Values::F32(values) => Values::collect(&[values.len()], values.iter().copied())?,
            Values::F64(values) => Values::collect(&[values.len()], values.iter().copied())?,
        };
        Ok(Self { name, sizes: self.sizes.clone(), values })
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Values {
    F32(Vec<f32>),
    F64(Vec<f64>),
}

impl Values {
    fn collect<E: Element>(
        sizes: &[usize],
        values: impl Iterator<Item = E>,
    ) -> Result<Self, Error> {
        let values = values.map(E::as_f64);
        Ok(match size_of::<E>() {
            4 => Self::F32(collected(sizes, values.map(|value| value as f32))?),
            _ => Self::F64(collected(sizes, values)?),
        })
    }

    pub(super) fn to_le_bytes(&self) -> Vec<u8> {
        match self {
            Self::F32(values) => {
                values.iter().map(|v| v.to_le_bytes()).collect::<Vec<_>>().into_flattened()
            }
            Self::F64(values) => {
                values.iter().map(|v| v.to_le_bytes()).collect::<Vec<_>>().into_flattened()
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::F64(values) => values.len(),
        }
    }

    /// Copies them into a slice of the same length.
    pub(crate) fn copy_to<E: Element>(&self, to: &mut [E]) {
        match self {
            Self::F32(values) => {
                to.iter_mut().zip(values).for_each(|(to, &v)| *to = E::of(f64::from(v)));
            }
            Self::F64(values) => to.iter_mut().zip(values).for_each(|(to, &v)| *to = E::of(v)),
        }
    }

    /// A copy.
    #[inline(never)]
    pub(crate) fn elements<E: Element>(&self) -> Result<Vec<E>, Error> {
        let mut elements = collected(&[self.len()], std::iter::repeat(E::zero()))?;
        self.copy_to(&mut elements);
        Ok(elements)
    }

    #[inline(never)]
    pub(crate) fn into_elements<E: Element>(self) -> Vec<E> {
        match self {
            Self::F32(values) => values.into_iter().map(|v| E::of(f64::from(v))).collect(),
            Self::F64(values) => values.into_iter().map(E::of).collect(),
        }
    }
}

/// That a value is too large, and where it is in an array of these sizes.
pub(crate) fn too_large<E: Element>(e: TooLarge, sizes: &[usize], fortran_order: bool) -> String {
    let (mut index, mut rest) = (vec![0; sizes.len()], e.index);
    let mut place = |axis: usize| {
        index[axis] = rest % sizes[axis].max(1);
        rest /= sizes[axis].max(1);
    };
    if fortran_order {
        (0..sizes.len()).for_each(&mut place);
    } else {
        (0..sizes.len()).rev().for_each(&mut place);
    }
    let (place, value) = (shape(&index), e.value);
    format!("the value at {place} is {value:e}, too large for {}", std::any::type_name::<E>())
}

/// Sizes, or indices, as Python writes them.
pub(crate) fn shape(sizes: &[usize]) -> String {
    match sizes {
        [one] => format!("({one},)"),
        sizes => {
            let list: Vec<String> = sizes.iter().map(usize::to_string).collect();
            format!("({})", list.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_those_of_the_array() {
        let says = |index, sizes: &[usize], fortran_order| {
            too_large::<f32>(TooLarge { index, value: 1e300 }, sizes, fortran_order)
        };
        assert_eq!(says(4, &[2, 3], false), "the value at (1, 1) is 1e300, too large for f32");
        assert_eq!(says(4, &[2, 3], true), "the value at (0, 2) is 1e300, too large for f32");
        assert_eq!(says(4, &[7], false), "the value at (4,) is 1e300, too large for f32");
        assert_eq!(says(0, &[], false), "the value at () is 1e300, too large for f32");
    }
}
