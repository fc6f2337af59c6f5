//! Functions of Keras's that arrange values, or make one of several along an axis.

use serde_json::{Map, Value, json};

use super::super::{
    flow::Rows,
    places::{all, arranged, inverse, permuted},
    words::{self, product, refused},
};
use crate::{error::Error, fields::AnySignal};

/// What is done with the dimensions.
#[derive(Debug, Clone, Copy)]
pub(in crate::dynamic) enum Reshaping {
    /// One of size 1 more.
    Expand,
    /// One of size 1 less.
    Squeeze,
    /// Other sizes.
    Sizes,
    /// Another order.
    Order,
    /// Two in each other's place.
    Swap,
    /// Some at other places.
    Move,
    /// Some of the values: `x[:, 1:3, 0]`.
    Items,
}

type Options = Map<String, Value>;

fn axis(value: &Value, rank: usize) -> Result<usize, Error> {
    let wrong = || refused(format!("there is no axis {value} of {rank} dimensions"));
    words::axis(value.as_i64().ok_or_else(wrong)?, rank)
}

/// The axes that an option names, one or a list of them.
pub(super) fn axes(options: &Options, key: &str, rank: usize) -> Result<Vec<usize>, Error> {
    match options.get(key) {
        Some(Value::Array(list)) => list.iter().map(|one| axis(one, rank)).collect(),
        Some(Value::Null) | None => {
            Err(refused(format!("`{key}` of a function has to be given, as the batch stays")))
        }
        Some(one) => Ok(vec![axis(one, rank)?]),
    }
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
                let more = options.get("axis").and_then(Value::as_array).map_or(1, Vec::len);
                let mut places = axes(options, "axis", rank + more)?;
                places.sort_unstable();
                places.dedup();
                if places.len() != more {
                    return Err(refused("new axes, each once, are needed"));
                }
                places.into_iter().for_each(|place| sizes.insert(place, Some(1)));
            }
            Self::Squeeze => {
                let mut gone = match options.get("axis") {
                    None | Some(Value::Null) => {
                        (1..rank).filter(|&axis| sizes[axis] == Some(1)).collect()
                    }
                    _ => axes(options, "axis", rank)?,
                };
                gone.sort_unstable();
                gone.dedup();
                for axis in gone.into_iter().rev() {
                    if sizes[axis].is_some_and(|size| size != 1) {
                        return Err(refused(format!(
                            "axis {axis} of `{arrives}` is not of size 1"
                        )));
                    }
                    sizes.remove(axis);
                }
            }
            Self::Order | Self::Swap | Self::Move => {
                let order = self.order(rank, options)?;
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

    pub(super) fn apply(
        self,
        x: Rows,
        sizes: Vec<usize>,
        options: &Options,
    ) -> Result<(Rows, Vec<usize>), Error> {
        let known: Vec<Option<usize>> = sizes.iter().copied().map(Some).collect();
        let arrives = AnySignal::numbers(known);
        let gives = self.gives(&arrives, options)?;
        let gives: Vec<usize> = gives.into_iter().map(|size| size.unwrap_or(0)).collect();
        match self {
            Self::Order | Self::Swap | Self::Move => {
                permuted(x, &sizes, &self.order(sizes.len(), options)?)
            }
            Self::Items => {
                let mut along = all(&sizes);
                let items = items(&arrives.sizes, options)?;
                for (along, item) in along.iter_mut().zip(items.iter().filter(|one| !one.new)) {
                    along.take(item.places().map(Some))?;
                }
                Ok((arranged(x, along)?.0, gives))
            }
            _ => Ok((x, gives)),
        }
    }
}

impl Reshaping {
    /// The order of the dimensions.
    fn order(self, rank: usize, options: &Options) -> Result<Vec<usize>, Error> {
        let order = match self {
            Self::Swap => {
                let one = |key: &str| axis(options.get(key).unwrap_or(&Value::Null), rank);
                let mut order: Vec<usize> = (0..rank).collect();
                order.swap(one("axis1")?, one("axis2")?);
                order
            }
            Self::Move => {
                let (from, to) =
                    (axes(options, "source", rank)?, axes(options, "destination", rank)?);
                let mut places: Vec<Option<usize>> = vec![None; rank];
                from.iter().zip(&to).for_each(|(&from, &to)| places[from] = Some(to));
                let mut rest = (0..rank).filter(|place| !to.contains(place));
                let places = places.into_iter().map(|place| place.or_else(|| rest.next()));
                let places: Vec<usize> = places.flatten().collect();
                is_order(&places)?;
                inverse(&places)
            }
            _ => axes(options, "axes", rank)?,
        };
        if order.len() != rank {
            return Err(refused("an order of all dimensions is needed"));
        }
        is_order(&order)?;
        Ok(order)
    }
}

/// Fails unless these are all dimensions, the batch first.
fn is_order(order: &[usize]) -> Result<(), Error> {
    let mut sorted = order.to_vec();
    sorted.sort_unstable();
    if sorted.into_iter().ne(0..order.len()) || order.first() != Some(&0) {
        return Err(refused("an order of the dimensions is needed, the batch first"));
    }
    Ok(())
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
    count: usize,
    /// How far it is from one to the next; backwards, if it is negative.
    step: isize,
    /// Whether the axis is gone: one value is taken.
    drops: bool,
    known: bool,
    /// Whether this is an axis of size 1 more.
    new: bool,
}

impl Item {
    fn size(&self) -> Option<usize> {
        self.known.then_some(self.count)
    }

    fn places(&self) -> impl Iterator<Item = usize> + use<> {
        let (from, step) = (self.from, self.step);
        (0..self.count).map(move |i| from.wrapping_add_signed(step * i as isize))
    }
}

/// What `x[..]` takes along each axis.
fn items(sizes: &[Option<usize>], options: &Options) -> Result<Vec<Item>, Error> {
    let key = options.get("key").or(options.get("items")).unwrap_or(&Value::Null);
    let mut list = match key {
        Value::Array(list) => list.clone(),
        one => vec![one.clone()],
    };
    let unknown = || refused(format!("`x[{key}]` is not known here"));
    let all = json!({"class_name": "__slice__", "config": {}});
    let dots = |one: &Value| one.get("class_name").and_then(Value::as_str) == Some("__ellipsis__");
    let said = list.iter().filter(|one| !one.is_null() && !dots(one)).count();
    let rest = sizes.len().checked_sub(said).ok_or_else(unknown)?;
    match list.iter().position(dots) {
        Some(at) => drop(list.splice(at..=at, vec![all; rest])),
        None => list.extend(vec![all; rest]),
    }
    let (mut items, mut axis) = (Vec::new(), 0);
    for one in &list {
        if one.is_null() && axis > 0 {
            items.push(Item { from: 0, count: 1, step: 1, drops: false, known: true, new: true });
            continue;
        }
        let size = *sizes.get(axis).ok_or_else(unknown)?;
        let known = size.is_some();
        let size = size.unwrap_or(0);
        let whole = Item { from: 0, count: size, step: 1, drops: false, known, new: false };
        let at = |value: i64| if value < 0 { value + size as i64 } else { value };
        items.push(match one {
            Value::Number(number) if axis > 0 => {
                let at = number.as_i64().map(at).and_then(|at| usize::try_from(at).ok());
                match at.filter(|at| *at < size || !known) {
                    Some(at) => Item { from: at, count: 1, drops: true, ..whole },
                    // Where the size is not known, the number is looked at again when something arrives.
                    None if !known => Item { drops: true, ..whole },
                    None => {
                        return Err(refused(format!("there is no {number} in an axis of {size}")));
                    }
                }
            }
            slice if slice.get("class_name").and_then(Value::as_str) == Some("__slice__") => {
                let part = |key: &str| slice.get("config").and_then(|config| config.get(key));
                let number = |key: &str| match part(key) {
                    None | Some(Value::Null) => Ok(None),
                    Some(value) => value.as_i64().map(Some).ok_or_else(unknown),
                };
                let (start, stop, step) = (number("start")?, number("stop")?, number("step")?);
                if axis == 0 && (start.unwrap_or(0), stop, step.unwrap_or(1)) != (0, None, 1) {
                    return Err(refused("some samples of a batch cannot be taken"));
                }
                let step = isize::try_from(step.unwrap_or(1)).map_err(|_| unknown())?;
                // Backwards it begins at the last place, and ends in front of the first one.
                let (first, end) = if step < 0 { (-1, size as i64 - 1) } else { (0, size as i64) };
                let bound = |value: i64| at(value).clamp(first, end);
                let (first, end) = if step < 0 { (end, first) } else { (first, end) };
                let (from, to) = (start.map_or(first, bound), stop.map_or(end, bound));
                let far = if step < 0 { from - to } else { to - from };
                let count = (far.max(0) as usize).div_ceil(step.unsigned_abs().max(1));
                match step {
                    0 => return Err(unknown()),
                    step => Item { from: from.max(0) as usize, count, step, ..whole },
                }
            }
            _ => return Err(unknown()),
        });
        axis += 1;
    }
    Ok(items)
}
