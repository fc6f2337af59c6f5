//! Pools whose windows follow from the sizes that are to leave: Keras's `AdaptiveAveragePooling2D` and the like.

use dfdx::tensor::Cpu;

use super::{
    flow::{Flow, Numbers},
    merge::{Merging, merged},
    op::OneToOne,
    options::Options,
    places::{all, arranged},
    scaling::constant,
    scores::affordable,
    words::{self, axes_of, refused},
};
use crate::{
    backend::{
        Backend, IntoShape, Pooling, Window,
        memory::{collected, elements},
    },
    error::Error,
    fields::AnySignal,
};

#[derive(Debug, Clone)]
pub(crate) struct AdaptivePool {
    /// What is to leave along each axis.
    gives: Vec<usize>,
    pooling: Pooling,
}

/// What each window covers of `size` places, if there are so many windows. Neighbours share a place where they do not divide it.
fn windows(size: usize, count: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    // In `u128`, as the product of two sizes may be too large for one.
    let edge = move |window: usize| window as u128 * size as u128;
    let count_of = count as u128;
    (0..count).map(move |window| {
        (edge(window) / count_of) as usize..edge(window + 1).div_ceil(count_of) as usize
    })
}

impl AdaptivePool {
    pub(crate) fn new(options: &mut Options<'_>) -> Result<Self, Error> {
        let class = &options.config.class_name;
        let pooling = if class.contains("Max") { Pooling::Max } else { Pooling::Average };
        let gives = match axes_of(class) {
            1 => options.sizes::<1>("output_size")?.to_vec(),
            2 => options.sizes::<2>("output_size")?.to_vec(),
            _ => options.sizes::<3>("output_size")?.to_vec(),
        };
        Ok(Self { gives, pooling })
    }

    /// What windows along one axis give: those of several axes are done one after the other.
    fn along(&self, x: Numbers, axis: usize, count: usize) -> Result<Numbers, Error> {
        let size = x.sizes[axis];
        if size == count {
            return Ok(x);
        }
        let longest = windows(size, count).map(|window| window.len()).max().unwrap_or(1);
        let mut spread = x.sizes.clone();
        spread[axis] = elements(&[count, longest])?;
        affordable(&spread.iter().copied().map(Some).collect::<Vec<_>>())?;

        // All windows become equally long: a maximum may see its last place again, a mean gets zeros and is scaled.
        let mut places = all(&x.sizes);
        let filler = |last: usize| (self.pooling == Pooling::Max).then_some(last);
        let from = windows(size, count).flat_map(|window| {
            let (more, last) = (longest - window.len(), window.end - 1);
            window.map(Some).chain(std::iter::repeat_n(filler(last), more))
        });
        places[axis].take(collected(&spread[axis..=axis], from)?)?;
        let (y, _) = arranged(x.x, places)?;

        let (outer, inner) = (elements(&spread[..axis])?, elements(&spread[axis + 1..])?);
        let window = Window {
            size: [spread[axis], 1],
            kernel: [longest, 1],
            stride: [longest, 1],
            dilation: [1, 1],
            before: [0, 0],
            places: [count, 1],
        };
        let y =
            Cpu::pool2d(y.into_shape(&(outer, spread[axis], 1, inner))?, self.pooling, &window)?;
        let mut sizes = spread;
        sizes[axis] = count;
        let y = Numbers::new(y, sizes, None)?;
        let are_alike = size.is_multiple_of(count) || count.is_multiple_of(size);
        if self.pooling == Pooling::Max || are_alike {
            return Ok(y);
        }
        let factor = |window: std::ops::Range<usize>| longest as f32 / window.len() as f32;
        let factors = collected(&[count], windows(size, count).map(factor))?;
        let mut own = vec![1; y.sizes.len()];
        own[axis] = count;
        let factors = constant(factors, &own, &y.sizes)?;
        Ok(Numbers { x: merged(Merging::Product, y.x, factors)?, ..y })
    }
}

impl OneToOne for AdaptivePool {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        words::places(arrives, self.gives.len())?;
        let mut sizes = arrives.sizes.clone();
        for (size, &gives) in sizes[1..].iter_mut().zip(&self.gives) {
            if size.replace(gives) == Some(0) {
                return Err(refused(format!("there is nothing to pool in `{arrives}`")));
            }
        }
        affordable(&sizes)?;
        Ok(AnySignal::numbers(sizes))
    }

    fn apply(&self, x: Flow) -> Result<Flow, Error> {
        let mut x = x.numbers()?;
        for (axis, &count) in self.gives.iter().enumerate() {
            x = self.along(x, axis + 1, count)?;
        }
        Ok(Flow::Numbers(x))
    }
}

#[cfg(test)]
mod tests {
    use super::windows;

    #[test]
    fn windows_cover_all_places() {
        assert_eq!(windows(7, 3).collect::<Vec<_>>(), [0..3, 2..5, 4..7]);
        assert_eq!(windows(6, 3).collect::<Vec<_>>(), [0..2, 2..4, 4..6]);
        assert_eq!(windows(2, 5).collect::<Vec<_>>(), [0..1, 0..1, 0..2, 1..2, 1..2]);
    }
}
