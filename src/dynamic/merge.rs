//! Layers that make one value of several.

use dfdx::{shapes::HasShape, tensor::Cpu};

use super::{
    flow::{Flow, Flows, Numbers, Rows, as_rows},
    op::Op,
    options::Options,
    places::{spread, stretched},
    words::{self, refused},
};
use crate::{
    backend::{Backend, IntoShape, Operand, choose_rows, combine, join_rows, keep_rows},
    error::Error,
    fields::{AnySignal, SignalKind},
    signal::Mask,
};

/// What is done with the values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Merging {
    Sum,
    Difference,
    Product,
    Mean,
    Largest,
    Smallest,
}

/// Merges values number by number.
#[derive(Debug, Clone)]
pub(crate) struct Merge(Merging);

impl Merge {
    pub(crate) fn new(options: &mut Options<'_>) -> Result<Self, Error> {
        Ok(Self(match options.config.class_name.as_str() {
            "Subtract" => Merging::Difference,
            "Multiply" => Merging::Product,
            "Average" => Merging::Mean,
            "Maximum" => Merging::Largest,
            "Minimum" => Merging::Smallest,
            _ => Merging::Sum,
        }))
    }
}

/// Fails unless several values arrive.
fn several(arrive: &[AnySignal]) -> Result<(), Error> {
    arrive.iter().try_for_each(words::numbers)?;
    match arrive.len() {
        0 | 1 => Err(refused("several inputs are needed here, but one arrives")),
        _ => Ok(()),
    }
}

/// Inputs of which one has more rows than another, which a signal does not show.
fn other_rows(a: usize, b: usize) -> Error {
    refused(format!("inputs of as many rows are needed here, but {a} and {b} arrive"))
}

/// The sizes of what is made of values that are stretched to fit each other.
pub(super) fn common(arrive: &[AnySignal]) -> Result<Vec<Option<usize>>, Error> {
    let rank = arrive.iter().map(AnySignal::rank).max().unwrap_or(0);
    let mut common: Vec<Option<usize>> = vec![Some(1); rank];
    for one in arrive {
        let mut sizes = one.sizes.clone();
        while sizes.len() < rank {
            sizes.insert(sizes.len().min(1), Some(1));
        }
        for (axis, (common, size)) in common.iter_mut().zip(sizes).enumerate() {
            *common = match (*common, size) {
                (Some(1), size) => size,
                (common, Some(1)) => common,
                (Some(a), Some(b)) if a != b && axis == 0 => {
                    return Err(other_rows(a, b));
                }
                (Some(a), Some(b)) if a != b => {
                    let names: Vec<String> = arrive.iter().map(|one| format!("`{one}`")).collect();
                    let names = names.join(" and ");
                    return Err(refused(format!(
                        "inputs of one shape are needed here, but {names} arrive"
                    )));
                }
                (common, size) => common.or(size),
            };
        }
    }
    Ok(common)
}

/// Two values, number by number.
pub(super) fn merged(merging: Merging, a: Rows, b: Rows) -> Result<Rows, Error> {
    let shape = *a.shape();
    by_number(merging, [a, b].map(Operand::plain), shape, 1.0)
}

/// A function of each two values, as one of slices.
pub(super) fn each(function: impl Fn(f32, f32) -> f32) -> impl Fn([&[f32]; 2], &mut [f32]) {
    move |[a, b], y| {
        let values = a.iter().zip(b);
        y.iter_mut().zip(values).for_each(|(y, (&a, &b))| *y = function(a, b));
    }
}

/// Multiplies a gradient by the derivative to one of two values.
pub(super) fn slopes(
    to_a: impl Fn(f32, f32) -> f32,
    to_b: impl Fn(f32, f32) -> f32,
) -> impl Fn(usize, [&[f32]; 2], &mut [f32]) {
    move |i, [a, b], d| {
        let values = d.iter_mut().zip(a.iter().zip(b));
        match i {
            0 => values.for_each(|(d, (&a, &b))| *d *= to_a(a, b)),
            _ => values.for_each(|(d, (&a, &b))| *d *= to_b(a, b)),
        }
    }
}

/// Two values in their arrangements, number by number; sums by a factor.
pub(super) fn by_number(
    merging: Merging,
    operands: [Operand; 2],
    shape: (usize, usize),
    by: f32,
) -> Result<Rows, Error> {
    // Of two that are equal, each has half of the gradient.
    let share = |first: bool, a: f32, b: f32| match first {
        _ if a == b => 0.5,
        true => 1.0,
        false => 0.0,
    };
    match merging {
        Merging::Sum | Merging::Mean => {
            let (sum, slope) = (each(move |a, b| (a + b) * by), move |_, _| by);
            combine(operands, shape, sum, slopes(slope, slope))
        }
        Merging::Difference => {
            combine(operands, shape, each(|a, b| a - b), slopes(|_, _| 1.0, |_, _| -1.0))
        }
        Merging::Product => {
            combine(operands, shape, each(|a, b| a * b), slopes(|_, b| b, |a, _| a))
        }
        Merging::Largest => {
            let first = |a: f32, b: f32| a >= b || a.is_nan();
            let larger = each(move |a, b| if first(a, b) { a } else { b });
            let to_b = move |a, b| share(!first(a, b), a, b);
            combine(operands, shape, larger, slopes(move |a, b| share(first(a, b), a, b), to_b))
        }
        Merging::Smallest => {
            let first = |a: f32, b: f32| a <= b || a.is_nan();
            let smaller = each(move |a, b| if first(a, b) { a } else { b });
            let to_b = move |a, b| share(!first(a, b), a, b);
            combine(operands, shape, smaller, slopes(move |a, b| share(first(a, b), a, b), to_b))
        }
    }
}

/// Which steps are kept by one of the masks.
fn either(masks: &[Option<Mask>]) -> Result<Option<Mask>, Error> {
    let Some(masks) = masks.iter().map(Option::as_ref).collect::<Option<Vec<_>>>() else {
        return Ok(None);
    };
    let Some((first, rest)) = masks.split_first() else { return Ok(None) };
    rest.iter().try_fold((*first).clone(), |mask, other| mask.or(other)).map(Some)
}

impl Op for Merge {
    fn gives(&self, arrive: &[AnySignal]) -> Result<Vec<AnySignal>, Error> {
        several(arrive)?;
        if self.0 == Merging::Difference && arrive.len() != 2 {
            return Err(refused(format!(
                "two inputs are needed here, but {} arrive",
                arrive.len()
            )));
        }
        let sizes = common(arrive)?;
        let masked = arrive.iter().all(|one| one.kind == SignalKind::Padded);
        let kind = if masked { SignalKind::Padded } else { SignalKind::Numbers };
        Ok(vec![AnySignal { kind, sizes }])
    }

    fn apply(&self, x: Flows) -> Result<Flows, Error> {
        let signals: Vec<AnySignal> = x.iter().map(Flow::signal).collect();
        let sizes: Vec<usize> = common(&signals)?.into_iter().map(|n| n.unwrap_or(0)).collect();
        let (shape, count) = (as_rows(&sizes)?, x.len());
        let (mut values, mut masks) = (Vec::new(), Vec::new());
        for x in x {
            let Numbers { x, sizes: own, mask } = x.numbers()?;
            let x = Cpu::bounded_padding(x, mask.as_ref())?;
            masks.push(mask);
            values.push((x, own));
        }
        let mask = either(&masks)?;
        let chosen = matches!(self.0, Merging::Product | Merging::Largest | Merging::Smallest);
        let joined = if chosen && masks.iter().any(Option::is_some) {
            let whole = |(x, own)| stretched(Numbers { x, sizes: own, mask: None }, &sizes);
            let values = values.into_iter().map(whole).collect::<Result<Vec<Rows>, _>>()?;
            match self.0 {
                Merging::Product => product(values, &masks, mask.as_ref())?,
                other => extreme(other, values, masks)?,
            }
        } else {
            let mut values = values.into_iter().map(|(x, own)| spread(x, own, &sizes));
            let mut joined = values.next().ok_or(Error::Empty("the list of inputs"))??;
            for (i, x) in values.enumerate() {
                // The last sum is made the mean.
                let last = self.0 == Merging::Mean && i + 2 == count;
                let by = if last { 1.0 / count as f32 } else { 1.0 };
                let x = by_number(self.0, [joined, x?], shape, by)?;
                joined = Operand::plain(x);
            }
            joined.x
        };
        Ok(vec![Flow::Numbers(Numbers { x: joined, sizes, mask })])
    }
}

fn fold(
    values: Vec<Rows>,
    f: impl FnMut(Rows, Rows) -> Result<Rows, Error>,
) -> Result<Rows, Error> {
    let mut values = values.into_iter();
    let first = values.next().ok_or(Error::Empty("the list of inputs"))?;
    values.try_fold(first, f)
}

/// A step that a mask does not keep counts as 1; one that none of them keeps is 0, if all have a mask.
fn product(values: Vec<Rows>, masks: &[Option<Mask>], all: Option<&Mask>) -> Result<Rows, Error> {
    let mut kept = Vec::new();
    for (x, mask) in values.into_iter().zip(masks) {
        kept.push(match mask {
            Some(mask) => keep_rows(x, mask.as_slice(), 1.0)?,
            None => x,
        });
    }
    let product = fold(kept, |a, b| merged(Merging::Product, a, b))?;
    match all {
        Some(all) => keep_rows(product, all.as_slice(), 0.0),
        None => Ok(product),
    }
}

/// Where one of two is masked, the other takes its place.
fn extreme(merging: Merging, values: Vec<Rows>, masks: Vec<Option<Mask>>) -> Result<Rows, Error> {
    let mut masks = masks.into_iter();
    let mut seen = masks.next().flatten();
    fold(values, |mut a, mut b| {
        let mask = masks.next().flatten();
        if let Some(mask) = &mask {
            b = choose_rows(b, mask.as_slice(), a.retaped())?;
        }
        if let Some(seen) = &seen {
            a = choose_rows(a, seen.as_slice(), b.retaped())?;
        }
        seen = match (seen.take(), mask) {
            (Some(seen), Some(mask)) => Some(seen.or(&mask)?),
            _ => None,
        };
        merged(merging, a, b)
    })
}

/// Values one behind the other, along any dimension but the batch.
#[derive(Debug, Clone)]
pub(crate) struct Joining(i64);

impl Joining {
    pub(crate) fn new(options: &mut Options<'_>) -> Result<Self, Error> {
        let axis = options.value("axis");
        match axis.as_i64() {
            Some(axis) if axis != 0 => Ok(Self(axis)),
            _ => Err(options.misfit("axis", "a dimension behind the batch is needed", axis)),
        }
    }

    /// The dimension, counted from the front.
    fn axis(&self, rank: usize) -> Result<usize, Error> {
        let axis = if self.0 < 0 { self.0 + rank as i64 } else { self.0 };
        let axis = usize::try_from(axis).ok().filter(|axis| (1..rank).contains(axis));
        axis.ok_or_else(|| refused(format!("there is no axis {} of {rank} dimensions", self.0)))
    }
}

impl Op for Joining {
    fn gives(&self, arrive: &[AnySignal]) -> Result<Vec<AnySignal>, Error> {
        several(arrive)?;
        let rank = arrive[0].rank();
        let axis = self.axis(rank)?;
        let misfit = || {
            let names: Vec<String> = arrive.iter().map(|one| format!("`{one}`")).collect();
            let names = names.join(" and ");
            refused(format!(
                "inputs that differ in the axis {axis} only are needed here, but {names} arrive"
            ))
        };
        let (mut sizes, mut along) = (arrive[0].sizes.clone(), Some(0_usize));
        for one in arrive {
            if let (Some(a), Some(b)) = (arrive[0].sizes[0], one.sizes[0])
                && a != b
            {
                return Err(other_rows(a, b));
            }
            if one.rank() != rank {
                return Err(misfit());
            }
            for (i, (size, other)) in sizes.iter_mut().zip(&one.sizes).enumerate() {
                match (*size, *other) {
                    _ if i == axis => {}
                    (Some(a), Some(b)) if a != b => return Err(misfit()),
                    (None, other) => *size = other,
                    _ => {}
                }
            }
            along = match (along, one.sizes[axis]) {
                (Some(all), Some(size)) => {
                    let grown = all.checked_add(size);
                    Some(grown.ok_or_else(|| refused("the inputs are too large together"))?)
                }
                _ => None,
            };
        }
        sizes[axis] = along;
        let masked = arrive.iter().any(|one| one.kind == SignalKind::Padded);
        let kind = if masked { SignalKind::Padded } else { SignalKind::Numbers };
        Ok(vec![AnySignal { kind, sizes }])
    }

    fn apply(&self, x: Flows) -> Result<Flows, Error> {
        let signals: Vec<AnySignal> = x.iter().map(Flow::signal).collect();
        let mut gives = Op::gives(self, &signals)?;
        let gives = gives.pop().ok_or(Error::Empty("the list of inputs"))?;
        let sizes: Vec<usize> = gives.sizes.iter().map(|size| size.unwrap_or(0)).collect();
        let axis = self.axis(sizes.len())?;
        let outer: usize = sizes[..axis].iter().product();
        let (mut parts, mut masks) = (Vec::new(), Vec::new());
        for x in x {
            let Numbers { x, sizes, mask } = x.numbers()?;
            let x = Cpu::bounded_padding(x, mask.as_ref())?;
            if gives.kind == SignalKind::Padded {
                masks.push(match mask {
                    Some(mask) => mask,
                    None => Mask::try_full(sizes[0], sizes[1])?,
                });
            }
            parts.push(x.into_shape(&(outer, sizes[axis..].iter().product()))?);
        }
        let x = join_rows(parts)?.into_shape(&as_rows(&sizes)?)?;
        let mask = match axis {
            1 if sizes.len() > 2 => beside(&masks)?,
            _ => either(&masks.into_iter().map(Some).collect::<Vec<_>>())?,
        };
        Ok(vec![Flow::Numbers(Numbers { x, sizes, mask })])
    }
}

/// Masks one behind the other in time.
fn beside(masks: &[Mask]) -> Result<Option<Mask>, Error> {
    let Some(first) = masks.first() else { return Ok(None) };
    let (batch, length) = (first.batch(), masks.iter().map(Mask::length).sum());
    let rows = (0..batch).flat_map(|row| masks.iter().flat_map(move |mask| mask.row(row)));
    Mask::from_bools(rows.copied().collect::<Vec<bool>>(), batch, length).map(Some)
}
