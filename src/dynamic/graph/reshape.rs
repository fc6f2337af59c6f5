//! Functions of Keras's that arrange values, or make one of several along an axis.

use dfdx::{
    prelude::{HasShape, TryMul},
    tensor::{Cpu, PutTape, SplitTape, TensorFromVec},
};
use serde_json::{Map, Value};

use super::{
    super::{
        flow::Rows,
        op::Pass,
        places::{all, arranged, permuted},
        words::{product, refused},
    },
    function::Reduction,
};
use crate::{
    backend::{IntoShape, pick_values, row_sums, to_values},
    error::{Error, OrDevice},
    fields::AnySignal,
};

/// What is done with the dimensions.
#[derive(Debug, Clone, Copy)]
pub(super) enum Reshaping {
    /// One of size 1 more.
    Expand,
    /// One of size 1 less.
    Squeeze,
    /// Other sizes.
    Sizes,
    /// Another order.
    Order,
    /// Some of the values: `x[:, 1:3, 0]`.
    Items,
}

type Options = Map<String, Value>;

/// An axis, counted from the front.
fn axis(value: &Value, rank: usize) -> Result<usize, Error> {
    let counted = value.as_i64().map(|axis| if axis < 0 { axis + rank as i64 } else { axis });
    let axis = counted.and_then(|axis| usize::try_from(axis).ok()).filter(|axis| *axis < rank);
    axis.ok_or_else(|| refused(format!("there is no axis {value} of {rank} dimensions")))
}

fn axes(options: &Options, key: &str, rank: usize) -> Result<Vec<usize>, Error> {
    match options.get(key) {
        Some(Value::Array(list)) => list.iter().map(|one| axis(one, rank)).collect(),
        Some(Value::Null) | None => {
            Err(refused(format!("`{key}` of a function has to be given, as the batch stays")))
        }
        Some(one) => Ok(vec![axis(one, rank)?]),
    }
}

/// Along which axes values become one, and the sizes of what is left.
pub(super) fn reduced(
    arrives: &AnySignal,
    options: &Options,
) -> Result<(Vec<usize>, Vec<Option<usize>>), Error> {
    let axes = axes(options, "axis", arrives.rank())?;
    if axes.contains(&0) {
        return Err(refused("a function along the batch is not known here"));
    }
    let keep = options.get("keepdims") == Some(&Value::Bool(true));
    let sizes =
        arrives.sizes.iter().enumerate().filter_map(|(i, &size)| match (axes.contains(&i), keep) {
            (false, _) => Some(size),
            (true, true) => Some(Some(1)),
            (true, false) => None,
        });
    Ok((axes.clone(), sizes.collect()))
}

/// Makes one value of those along some axes.
pub(super) fn reduce<T: Pass>(
    reduction: Reduction,
    x: Rows<T>,
    sizes: &[usize],
    options: &Options,
) -> Result<(Rows<T>, Vec<usize>), Error> {
    let known: Vec<Option<usize>> = sizes.iter().copied().map(Some).collect();
    let (axes, left) = reduced(&AnySignal::numbers(known), options)?;
    let left: Vec<usize> = left.into_iter().map(|size| size.unwrap_or(0)).collect();
    let order: Vec<usize> =
        (0..sizes.len()).filter(|i| !axes.contains(i)).chain(axes.iter().copied()).collect();
    let along: usize = axes.iter().map(|&axis| sizes[axis]).product();
    let rows: usize = left.iter().product();
    let (x, _) = permuted(x, sizes, &order)?;
    let x = x.into_shape(&(rows, along))?;
    let y = match reduction {
        Reduction::Sum => row_sums(x)?,
        Reduction::Mean => row_sums(x)?.try_mul(1.0 / along as f32).or_device()?,
        Reduction::Largest | Reduction::Smallest => {
            let better =
                |a: f32, b: f32| if reduction == Reduction::Largest { a > b } else { a < b };
            let (x, tape) = x.split_tape();
            let values = to_values(&x)?;
            let best = values.chunks(along.max(1)).enumerate().map(|(row, values)| {
                let best = (0..values.len()).fold(0, |best, i| {
                    if better(values[i], values[best]) || values[i].is_nan() { i } else { best }
                });
                u32::try_from(row * along + best).unwrap_or(u32::MAX)
            });
            let best: Vec<u32> = best.collect();
            pick_values(x.put_tape(tape), best.into(), (rows,))?
        }
        Reduction::Any | Reduction::All => {
            let (x, tape) = x.split_tape();
            let (values, all) = (to_values(&x)?, reduction == Reduction::All);
            let flags = values.chunks(along.max(1)).map(|row| {
                let found = row.iter().any(|&value| (value == 0.0) == all);
                f32::from(u8::from(found != all))
            });
            let y = Cpu::default().try_tensor_from_vec(flags.collect(), (rows,)).or_device()?;
            y.put_tape(tape)
        }
    };
    let count = y.shape().0;
    Ok((y.into_shape(&(count, 1))?, left))
}

/// Along which axis values are put one behind the other, and the sizes of all together.
pub(super) fn joined(
    arrive: &[AnySignal],
    options: &Options,
) -> Result<(usize, Vec<Option<usize>>), Error> {
    let rank = arrive[0].rank();
    let axis = axis(options.get("axis").unwrap_or(&Value::from(-1)), rank)?;
    let mut sizes = arrive[0].sizes.clone();
    let other = arrive.iter().find(|one| {
        let fits = |(i, (a, b)): (usize, (&Option<usize>, &Option<usize>))| {
            i == axis || a.is_none() || b.is_none() || a == b
        };
        one.rank() != rank || !sizes.iter().zip(&one.sizes).enumerate().all(fits)
    });
    if let Some(other) = other {
        return Err(refused(format!("`{}` and `{other}` cannot be one", arrive[0])));
    }
    let along = arrive.iter().try_fold(0_usize, |sum, one| sum.checked_add(one.sizes[axis]?));
    sizes[axis] = along;
    Ok((axis, sizes))
}

impl Reshaping {
    pub(super) fn gives(
        self,
        arrives: &AnySignal,
        options: &Options,
    ) -> Result<Vec<Option<usize>>, Error> {
        let (rank, mut sizes) = (arrives.rank(), arrives.sizes.clone());
        match self {
            Self::Expand => {
                let mut places = axes(options, "axis", rank + 1)?;
                places.sort_unstable();
                let [place] = places.as_slice() else {
                    return Err(refused("one axis more is possible here"));
                };
                sizes.insert(*place, Some(1));
            }
            Self::Squeeze => {
                for axis in axes(options, "axis", rank)?.into_iter().rev() {
                    if sizes[axis].is_some_and(|size| size != 1) {
                        return Err(refused(format!(
                            "axis {axis} of `{arrives}` is not of size 1"
                        )));
                    }
                    sizes.remove(axis);
                }
            }
            Self::Order => {
                let order = axes(options, "axes", rank)?;
                let mut sorted = order.clone();
                sorted.sort_unstable();
                if sorted.into_iter().ne(0..rank) || order.first() != Some(&0) {
                    return Err(refused("an order of the dimensions is needed, the batch first"));
                }
                sizes = order.into_iter().map(|axis| arrives.sizes[axis]).collect();
            }
            Self::Sizes => return other_sizes(arrives, options),
            Self::Items => {
                let items = items(&arrives.sizes, options)?;
                sizes = items.iter().filter(|item| !item.drops).map(|item| item.size()).collect();
            }
        }
        Ok(sizes)
    }

    pub(super) fn apply<T: Pass>(
        self,
        x: Rows<T>,
        sizes: Vec<usize>,
        options: &Options,
    ) -> Result<(Rows<T>, Vec<usize>), Error> {
        let known: Vec<Option<usize>> = sizes.iter().copied().map(Some).collect();
        let arrives = AnySignal::numbers(known);
        let gives = self.gives(&arrives, options)?;
        let gives: Vec<usize> = gives.into_iter().map(|size| size.unwrap_or(0)).collect();
        match self {
            Self::Order => permuted(x, &sizes, &axes(options, "axes", sizes.len())?),
            Self::Items => {
                let mut along = all(&sizes);
                for (along, item) in along.iter_mut().zip(items(&arrives.sizes, options)?) {
                    along.take(item.places().map(Some));
                }
                Ok((arranged(x, &along)?.0, gives))
            }
            _ => Ok((x, gives)),
        }
    }
}

/// The sizes of `newshape`, of which one may be -1, or the batch that is not known.
fn other_sizes(arrives: &AnySignal, options: &Options) -> Result<Vec<Option<usize>>, Error> {
    let shape = options.get("newshape").or(options.get("shape"));
    let list = shape.and_then(Value::as_array);
    let list = list.ok_or_else(|| refused("a list of sizes is needed for another shape"))?;
    let open = |size: &Value| size.is_null() || size.as_i64() == Some(-1);
    let size = |size: &Value| usize::try_from(size.as_u64()?).ok();
    let mut sizes: Vec<Option<usize>> = list.iter().map(size).collect();
    let wrong = || refused(format!("`{arrives}` cannot become {}", Value::from(list.clone())));
    if list.iter().any(|one| !open(one) && size(one).is_none()) {
        return Err(wrong());
    }
    let Some(place) = list.iter().position(open) else {
        return match product(&arrives.sizes)? {
            Some(all) if product(&sizes)? == Some(all) => Ok(sizes),
            None => Ok(sizes),
            _ => Err(wrong()),
        };
    };
    if list.iter().filter(|one| open(one)).count() > 1 {
        return Err(wrong());
    }
    let given = sizes.iter().flatten().try_fold(1_usize, |n, &size| n.checked_mul(size));
    let given = given.filter(|&given| given > 0).ok_or_else(wrong)?;
    sizes[place] = match product(&arrives.sizes)? {
        Some(all) if all % given == 0 => Some(all / given),
        Some(_) => return Err(wrong()),
        None => None,
    };
    Ok(sizes)
}

/// What is taken along one axis.
struct Item {
    from: usize,
    to: usize,
    step: usize,
    /// Whether the axis is gone: one value is taken.
    drops: bool,
    known: bool,
}

impl Item {
    fn size(&self) -> Option<usize> {
        self.known.then(|| self.places().count())
    }

    fn places(&self) -> impl Iterator<Item = usize> + use<> {
        (self.from..self.to).step_by(self.step)
    }
}

/// What `x[..]` takes along each axis.
fn items(sizes: &[Option<usize>], options: &Options) -> Result<Vec<Item>, Error> {
    let key = options.get("key").or(options.get("items")).unwrap_or(&Value::Null);
    let list = match key {
        Value::Array(list) => list.clone(),
        one => vec![one.clone()],
    };
    let unknown = || refused(format!("`x[{key}]` is not known here"));
    if list.len() > sizes.len() {
        return Err(unknown());
    }
    let mut items = Vec::new();
    for (axis, &size) in sizes.iter().enumerate() {
        let known = size.is_some();
        let size = size.unwrap_or(0);
        let whole = Item { from: 0, to: size, step: 1, drops: false, known };
        let at = |value: i64| if value < 0 { value + size as i64 } else { value };
        items.push(match list.get(axis) {
            None => whole,
            Some(Value::Number(number)) if axis > 0 => {
                let at = number.as_i64().map(at).and_then(|at| usize::try_from(at).ok());
                match at.filter(|at| *at < size || !known) {
                    Some(at) => Item { from: at, to: at + 1, step: 1, drops: true, known },
                    // Where the size is not known, the number is looked at again when something arrives.
                    None if !known => Item { drops: true, ..whole },
                    None => {
                        return Err(refused(format!("there is no {number} in an axis of {size}")));
                    }
                }
            }
            Some(slice) if slice.get("class_name").and_then(Value::as_str) == Some("__slice__") => {
                let part = |key: &str| slice.get("config").and_then(|config| config.get(key));
                let number = |key: &str| match part(key) {
                    None | Some(Value::Null) => Ok(None),
                    Some(value) => value.as_i64().map(Some).ok_or_else(unknown),
                };
                let (start, stop, step) = (number("start")?, number("stop")?, number("step")?);
                let step = usize::try_from(step.unwrap_or(1)).ok().filter(|step| *step > 0);
                let bound = |value: i64| at(value).clamp(0, size as i64) as usize;
                let from = start.map_or(0, bound);
                let to = stop.map_or(size, bound).max(from);
                let whole = from == 0 && stop.is_none() && step == Some(1);
                if axis == 0 && !whole {
                    return Err(refused("some samples of a batch cannot be taken"));
                }
                Item { from, to, step: step.ok_or_else(unknown)?, drops: false, known }
            }
            Some(_) => return Err(unknown()),
        });
    }
    Ok(items)
}
