//! Functions of Keras's that take the values of an axis at other places.

use serde_json::{Map, Value};

use super::{
    super::{
        flow::Rows,
        places::{all, arranged},
        words::{self, refused},
    },
    reshape::axes,
};
use crate::{backend::NOWHERE, error::Error};

/// Which values are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::dynamic) enum Arrangement {
    /// From behind.
    Flip,
    /// With zeros before and behind.
    Pad,
    /// Each several times.
    Repeat,
    /// What goes out behind comes in before.
    Roll,
    /// Those of a list.
    Take,
    /// All of them several times.
    Tile,
}

type Options = Map<String, Value>;

/// Whole numbers, one or a list of them.
fn whole(options: &Options, key: &str) -> Result<Vec<i64>, Error> {
    let value = options.get(key).unwrap_or(&Value::Null);
    let list: Option<Vec<i64>> = match value {
        Value::Array(list) => list.iter().map(Value::as_i64).collect(),
        one => one.as_i64().map(|one| vec![one]),
    };
    list.ok_or_else(|| refused(format!("`{key}` {value} of a function is not known here")))
}

impl Arrangement {
    pub(super) fn options(self) -> &'static [&'static str] {
        match self {
            Self::Flip => &["axis"],
            Self::Pad => &["pad_width", "mode", "constant_values"],
            Self::Repeat => &["repeats", "axis"],
            Self::Roll => &["shift", "axis"],
            Self::Take => &["indices", "axis"],
            Self::Tile => &["repeats"],
        }
    }

    /// How long each axis is then.
    pub(super) fn gives(
        self,
        sizes: &[Option<usize>],
        options: &Options,
    ) -> Result<Vec<Option<usize>>, Error> {
        let mut gives = sizes.to_vec();
        for (axis, change) in self.changes(sizes.len(), options)? {
            let size = sizes[axis].map(|size| change.size(size));
            gives[axis] = match (size, &change) {
                (None, Change::Taken(list)) => Some(list.len()),
                (None, _) => None,
                (Some(size), _) => {
                    let fits = size.filter(|&size| size < NOWHERE as usize);
                    let wrong = || refused(format!("axis {axis} of {sizes:?} would be too large"));
                    Some(fits.ok_or_else(wrong)?)
                }
            };
            if let (Some(size), Change::Taken(list)) = (sizes[axis], &change)
                && let Some(place) = list.iter().find(|place| at(**place, size).is_none())
            {
                return Err(refused(format!("there is no {place} in an axis of {size}")));
            }
        }
        Ok(gives)
    }

    /// What happens to the axes that change.
    fn changes(self, rank: usize, options: &Options) -> Result<Vec<(usize, Change)>, Error> {
        let amount = |value: i64| {
            let wrong = || refused(format!("{value} times is not possible for values"));
            usize::try_from(value).map_err(|_| wrong())
        };
        let changes = match self {
            Self::Flip => axes(options, "axis", rank)?
                .into_iter()
                .map(|axis| (axis, Change::Turned))
                .collect(),
            Self::Pad => padding(rank, options)?,
            Self::Repeat => {
                let [times] = whole(options, "repeats")?[..] else {
                    return Err(refused("each value is repeated as often as the others here"));
                };
                let times = amount(times)?;
                let axes = axes(options, "axis", rank)?;
                axes.into_iter().map(|axis| (axis, Change::Repeated(times))).collect()
            }
            Self::Roll => {
                let (shifts, axes) = (whole(options, "shift")?, axes(options, "axis", rank)?);
                if shifts.len() != 1 && shifts.len() != axes.len() {
                    return Err(refused("a shift is needed for each axis"));
                }
                let shift = |i: usize| shifts.get(i).copied().unwrap_or(shifts[0]);
                let each = axes.into_iter().enumerate();
                each.map(|(i, axis)| (axis, Change::Shifted(shift(i)))).collect()
            }
            Self::Take => {
                let axes = axes(options, "axis", rank)?;
                let scalar = options.get("indices").is_some_and(Value::is_number);
                let (&[axis], false) = (axes.as_slice(), scalar) else {
                    return Err(refused("a list of places is needed along one axis"));
                };
                vec![(axis, Change::Taken(whole(options, "indices")?))]
            }
            Self::Tile => {
                let times = whole(options, "repeats")?;
                let first = rank.checked_sub(times.len());
                let first =
                    first.ok_or_else(|| refused("tiles of more dimensions than there are"))?;
                let each = times.into_iter().enumerate();
                each.map(|(i, times)| Ok((first + i, Change::Tiled(amount(times)?))))
                    .collect::<Result<Vec<_>, Error>>()?
            }
        };
        let changes: Vec<(usize, Change)> =
            changes.into_iter().filter(|(_, change)| !change.is_none()).collect();
        match changes.iter().any(|(axis, _)| *axis == 0) {
            true => Err(refused("a function along the batch is not known here")),
            false => Ok(changes),
        }
    }

    pub(super) fn apply(
        self,
        x: Rows,
        sizes: &[usize],
        options: &Options,
    ) -> Result<(Rows, Vec<usize>), Error> {
        let known: Vec<Option<usize>> = sizes.iter().copied().map(Some).collect();
        self.gives(&known, options)?;
        let mut along = all(sizes);
        for (axis, change) in self.changes(sizes.len(), options)? {
            let size = sizes[axis];
            along[axis].take((0..change.size(size).unwrap_or(0)).map(|i| change.from(i, size)))?;
        }
        arranged(x, along)
    }
}

/// What happens to an axis.
enum Change {
    Turned,
    Padded(usize, usize),
    Repeated(usize),
    Shifted(i64),
    Taken(Vec<i64>),
    Tiled(usize),
}

/// A place, counted from the front.
fn at(place: i64, size: usize) -> Option<usize> {
    words::axis(place, size).ok()
}

impl Change {
    fn is_none(&self) -> bool {
        matches!(self, Self::Tiled(1) | Self::Repeated(1) | Self::Padded(0, 0))
    }

    fn size(&self, size: usize) -> Option<usize> {
        match self {
            Self::Turned | Self::Shifted(_) => Some(size),
            Self::Padded(before, behind) => size.checked_add(*before)?.checked_add(*behind),
            Self::Repeated(times) | Self::Tiled(times) => size.checked_mul(*times),
            Self::Taken(list) => Some(list.len()),
        }
    }

    /// The place that a new value is taken from.
    fn from(&self, new: usize, size: usize) -> Option<usize> {
        match self {
            Self::Turned => Some(size - 1 - new),
            Self::Padded(before, _) => new.checked_sub(*before).filter(|&at| at < size),
            Self::Repeated(times) => Some(new / times),
            Self::Shifted(by) => {
                let from = (new as i64).checked_sub(by % size.max(1) as i64)?;
                usize::try_from(from.rem_euclid(size.max(1) as i64)).ok()
            }
            Self::Taken(list) => at(list[new], size),
            Self::Tiled(_) => Some(new % size.max(1)),
        }
    }
}

/// `[[0, 0], [1, 2]]`, a pair for all axes, or a number.
fn padding(rank: usize, options: &Options) -> Result<Vec<(usize, Change)>, Error> {
    let value = options.get("pad_width").unwrap_or(&Value::Null);
    let wrong = || refused(format!("`pad_width` {value} of a function is not known here"));
    for (key, usual) in [("mode", Value::from("constant")), ("constant_values", Value::from(0))] {
        let zero = |value: &Value| value.as_f64() == Some(0.0);
        match options.get(key) {
            None | Some(Value::Null) => {}
            Some(one) if *one == usual || (key != "mode" && zero(one)) => {}
            Some(one) => {
                return Err(refused(format!("`{key}` {one} of a function is not known here")));
            }
        }
    }
    let size = |value: &Value| usize::try_from(value.as_u64()?).ok();
    let pair = |value: &Value| match value.as_array()?.as_slice() {
        [both] => Some([size(both)?; 2]),
        [before, behind] => Some([size(before)?, size(behind)?]),
        _ => None,
    };
    let each: Option<Vec<[usize; 2]>> = match value {
        Value::Array(list) if list.iter().any(Value::is_array) => list.iter().map(pair).collect(),
        Value::Array(_) => pair(value).map(|pair| vec![pair]),
        one => size(one).map(|size| vec![[size; 2]]),
    };
    let each = each.ok_or_else(wrong)?;
    let each = match each.as_slice() {
        &[one] => vec![one; rank],
        list if list.len() == rank => each,
        _ => return Err(wrong()),
    };
    let change =
        |(axis, [before, behind]): (usize, [usize; 2])| (axis, Change::Padded(before, behind));
    Ok(each.into_iter().enumerate().map(change).collect())
}
