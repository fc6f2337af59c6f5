//! Functions of Keras's that make one value of several along an axis more, or several of one.

use serde_json::{Map, Value};

use dfdx::tensor::{PutTape, SplitTape};

use super::{
    super::{
        custom::MAX_LAYERS,
        flow::{Flow, Flows, Numbers},
        places::{all, arranged},
        words::{self, refused},
    },
    table::Kind,
};
use crate::{error::Error, fields::AnySignal};

type Options = Map<String, Value>;

fn axis(options: &Options, usual: i64, rank: usize) -> Result<usize, Error> {
    let value = options.get("axis").filter(|one| !one.is_null());
    let wrong = |value: &Value| refused(format!("there is no axis {value} of {rank} dimensions"));
    let axis = value.map(|one| one.as_i64().ok_or_else(|| wrong(one))).transpose()?;
    match words::axis(axis.unwrap_or(usual), rank)? {
        0 => Err(refused("a function along the batch is not known here")),
        axis => Ok(axis),
    }
}

/// The new axis of values one behind the other, and the sizes of all together.
pub(super) fn stacked(
    arrive: &[AnySignal],
    options: &Options,
) -> Result<(usize, Vec<Option<usize>>), Error> {
    let axis = axis(options, 0, arrive[0].rank() + 1)?;
    let mut sizes = arrive[0].sizes.clone();
    for other in arrive {
        let fits = |(a, b): (&Option<usize>, &Option<usize>)| a.is_none() || b.is_none() || a == b;
        if other.rank() != sizes.len() || !sizes.iter().zip(&other.sizes).all(fits) {
            return Err(refused(format!("`{}` and `{other}` cannot be one", arrive[0])));
        }
        sizes.iter_mut().zip(&other.sizes).for_each(|(size, other)| *size = size.or(*other));
    }
    sizes.insert(axis, Some(arrive.len()));
    Ok((axis, sizes))
}

/// One of the outputs of a function.
pub(super) struct Taken {
    axis: usize,
    from: usize,
    to: usize,
    pub(super) sizes: Vec<Option<usize>>,
}

/// What the outputs are.
pub(super) fn of(kind: &Kind, arrives: &AnySignal, options: &Options) -> Result<Vec<Taken>, Error> {
    let axis = axis(options, 0, arrives.rank())?;
    let size = arrives.sizes[axis];
    let said = |key: &str| options.get(key).filter(|one| !one.is_null());
    let wrong = |key: &str, value: &Value| {
        refused(format!("`{key}` {value} makes no parts of axis {axis} of `{arrives}`"))
    };
    let few = |key: &str, value: &Value, count: Option<usize>| {
        let count = count.filter(|count| (1..=MAX_LAYERS).contains(count));
        count.ok_or_else(|| wrong(key, value))
    };
    let number = |value: &Value| usize::try_from(value.as_u64()?).ok();
    let mut ends: Vec<Option<usize>> = Vec::new();
    if let Kind::Unstack = kind {
        let value = said("num").cloned().or_else(|| size.map(Value::from)).unwrap_or_default();
        let count = few("num", &value, number(&value))?;
        if size.is_some_and(|size| size != count) {
            return Err(wrong("num", &value));
        }
        ends.extend((1..=count).map(Some));
    } else {
        let key = "indices_or_sections";
        match said(key).unwrap_or(&Value::Null) {
            Value::Array(list) => {
                few(key, &Value::from(list.len()), Some(list.len() + 1))?;
                for value in list {
                    let end = number(value).ok_or_else(|| wrong(key, value))?;
                    ends.push(Some(size.map_or(end, |size| end.min(size))));
                }
                ends.push(size);
            }
            value => {
                let count = few(key, value, number(value))?;
                let each = size.map(|size| size.is_multiple_of(count).then_some(size / count));
                let each = each.map(|each| each.ok_or_else(|| wrong(key, value))).transpose()?;
                ends.extend((1..=count).map(|i| each.map(|each| i * each)));
            }
        }
    }
    let mut start = Some(0);
    let mut parts = Vec::new();
    for end in ends {
        let (from, to) = (start.unwrap_or(0), end.unwrap_or(0));
        let long = end.zip(start).map(|(end, start)| end.saturating_sub(start));
        let mut sizes = arrives.sizes.clone();
        match kind {
            Kind::Unstack => drop(sizes.remove(axis)),
            _ => sizes[axis] = long,
        }
        parts.push(Taken { axis, from, to: to.max(from), sizes });
        start = end.map(|end| end.max(from));
    }
    Ok(parts)
}

/// Makes the outputs.
pub(super) fn split(kind: &Kind, x: Flow, options: &Options) -> Result<Flows, Error> {
    let signal = x.signal();
    let Numbers { x, sizes, .. } = x.numbers()?;
    let parts = of(kind, &signal, options)?;
    let (x, tape) = x.split_tape();
    let next = tape.beside();
    let mut flows = Vec::with_capacity(parts.len());
    let mut tape = Some(tape);
    for part in parts {
        let mut along = all(&sizes);
        along[part.axis].take((part.from..part.to).map(Some))?;
        // The tape of what was there before goes on with the first.
        let tape = tape.take().unwrap_or_else(|| next.beside());
        let (y, _) = arranged(x.clone().put_tape(tape), along)?;
        let sizes: Vec<usize> = part.sizes.iter().map(|size| size.unwrap_or(0)).collect();
        flows.push(Flow::plain(y, sizes)?);
    }
    Ok(flows)
}
