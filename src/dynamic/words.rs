//! What layers take, checked at run time, in the words that the compiler says for the kinds of signal.

use crate::{
    error::{Error, Words},
    fields::{AnySignal, SignalKind},
    layers::UNMASKED,
    shape::WINDOW,
    signal::{
        EACH_STEP, FEATURES, IMAGES, LAST_AXIS, NUMBERS, ONE_VECTOR, STEPS, TOKEN_IDS,
        UNMASKED_STEPS,
    },
};

/// An error of a layer whose name is not known yet.
pub(super) fn refused(message: impl Into<String>) -> Error {
    Error::Wiring { layer: String::new(), message: message.into() }
}

fn check(words: &Words<'_>, fits: bool, arrives: &AnySignal) -> Result<(), Error> {
    if fits { Ok(()) } else { Err(refused(words.of(&[("{Self}", arrives)]))) }
}

fn is(arrives: &AnySignal, kinds: &[SignalKind]) -> bool {
    kinds.contains(&arrives.kind)
}

const ANY_NUMBERS: [SignalKind; 2] = [SignalKind::Numbers, SignalKind::Padded];
const PLAIN: [SignalKind; 1] = [SignalKind::Numbers];

macro_rules! checks {
    ($($name:ident: $words:ident, $kinds:expr, $ranks:expr;)*) => {
        $(pub(super) fn $name(arrives: &AnySignal) -> Result<(), Error> {
            let rank = arrives.sizes.len();
            check(&$words, is(arrives, &$kinds) && $ranks.contains(&rank), arrives)
        })*
    };
}

checks! {
    numbers: NUMBERS, ANY_NUMBERS, 1..=6;
    one_vector: ONE_VECTOR, PLAIN, 2..=2;
    steps: STEPS, ANY_NUMBERS, 3..=3;
    each_step: EACH_STEP, ANY_NUMBERS, 3..=6;
    unmasked_steps: UNMASKED_STEPS, PLAIN, 3..=3;
    images: IMAGES, PLAIN, 4..=4;
    volumes: VOLUMES, PLAIN, 5..=5;
    unmasked: UNMASKED, PLAIN, 2..=6;
}

pub(super) fn token_ids(arrives: &AnySignal, masked: bool) -> Result<(), Error> {
    let rank = arrives.sizes.len();
    let fits = is(arrives, &[SignalKind::Tokens]) && (rank == 2 || (!masked && rank > 0));
    check(&TOKEN_IDS, fits, arrives)
}

const VOLUMES: Words<'static> = Words {
    message: "volumes are needed here, `(Batch, Depth, Height, Width, Channels)`, but `{Self}` arrives",
    notes: &[],
};

/// How many axes the class of a layer has behind the batch, but the channels: `Conv2D` has two.
pub(super) fn axes_of(class: &str) -> usize {
    let number = class.find(|c: char| c.is_ascii_digit());
    number.map_or(1, |at| usize::from(class.as_bytes()[at] - b'0'))
}

const SEQUENCE_OF_ROWS: Words<'static> = Words {
    message: "a sequence without a mask is needed here, `(Batch, Time, Length, Channels)`, but `{Self}` arrives",
    notes: &[],
};
const SEQUENCE_OF_IMAGES: Words<'static> = Words {
    message: "a sequence without a mask is needed here, `(Batch, Time, Height, Width, Channels)`, but `{Self}` arrives",
    notes: &[],
};
const SEQUENCE_OF_VOLUMES: Words<'static> = Words {
    message: "a sequence without a mask is needed here, `(Batch, Time, Depth, Height, Width, Channels)`, but `{Self}` arrives",
    notes: &[],
};

/// A sequence whose steps have places along so many axes.
pub(super) fn sequence_of(arrives: &AnySignal, axes: usize) -> Result<(), Error> {
    let words = match axes {
        1 => SEQUENCE_OF_ROWS,
        2 => SEQUENCE_OF_IMAGES,
        _ => SEQUENCE_OF_VOLUMES,
    };
    check(&words, is(arrives, &PLAIN) && arrives.sizes.len() == axes + 3, arrives)
}

/// Values at places along so many axes.
pub(super) fn places(arrives: &AnySignal, axes: usize) -> Result<(), Error> {
    match axes {
        1 => unmasked_steps(arrives),
        2 => images(arrives),
        _ => volumes(arrives),
    }
}

/// The last axis, which is not the batch.
pub(super) fn features_axis(arrives: &AnySignal) -> Result<(), Error> {
    last_axis(arrives)?;
    check(&LAST_AXIS, arrives.sizes.len() > 1, arrives)
}

pub(super) fn last_axis(arrives: &AnySignal) -> Result<(), Error> {
    numbers(arrives)?;
    let time = arrives.kind == SignalKind::Padded && arrives.sizes.len() == 2;
    check(&LAST_AXIS, !time, arrives)
}

/// The number of features, which a layer may have been built for.
pub(super) fn features(arrives: &AnySignal, takes: Option<usize>) -> Result<(), Error> {
    match (takes, arrives.features()) {
        (Some(takes), Some(found)) if takes != found => {
            let words = Words { notes: &[], ..FEATURES };
            Err(refused(words.of(&[("{N}", &takes), ("{Self}", &found)])))
        }
        _ => Ok(()),
    }
}

/// Whether the steps of a sequence are normalised together, in which its padding would count. Keras lets it.
pub(super) fn steps_apart(
    arrives: &AnySignal,
    together: &[usize],
    as_keras: bool,
) -> Result<(), Error> {
    if as_keras || !together.contains(&1) || !super::is_padded(arrives) {
        return Ok(());
    }
    Err(refused(format!(
        "the steps of `{arrives}` are normalised together, and its padding would count among them, as it does in Keras \
         (`masks_as_keras`)"
    )))
}

/// Different axes among some, counted from the front, to do something along.
pub(super) fn axes(
    given: &[i64],
    among: std::ops::Range<usize>,
    rank: usize,
    what: &str,
) -> Result<Vec<usize>, Error> {
    let mut axes = Vec::new();
    for &axis in given {
        let from_front = if axis < 0 { axis + rank as i64 } else { axis };
        let found = usize::try_from(from_front).ok().filter(|axis| among.contains(axis));
        let found = found.filter(|axis| !axes.contains(axis));
        axes.push(found.ok_or_else(|| {
            refused(format!("there is no axis {axis} of {rank} dimensions to {what}"))
        })?);
    }
    Ok(axes)
}

/// The states that a layer of `count` states begins with, if any are given.
pub(super) fn states_to_begin_with(
    given: &[AnySignal],
    count: usize,
    state: &AnySignal,
) -> Result<(), Error> {
    if !given.is_empty() && given.len() != count {
        let found = given.len();
        let message = format!("{count} states to begin with are needed here, not {found}");
        return Err(refused(message));
    }
    let fits = |given: &&AnySignal| given.kind == SignalKind::Numbers && state.agrees(&given.sizes);
    match given.iter().find(|given| !fits(given)) {
        None => Ok(()),
        Some(given) => {
            Err(refused(format!("a state to begin with is `{state}`, but `{given}` arrives")))
        }
    }
}

/// An axis, counted from the front.
pub(super) fn axis(axis: i64, rank: usize) -> Result<usize, Error> {
    let counted = if axis < 0 { axis + rank as i64 } else { axis };
    let found = usize::try_from(counted).ok().filter(|axis| *axis < rank);
    found.ok_or_else(|| refused(format!("there is no axis {axis} of {rank} dimensions")))
}

/// How many numbers there are along several dimensions, if all of them are known.
pub(super) fn product(sizes: &[Option<usize>]) -> Result<Option<usize>, Error> {
    let Some(known) = sizes.iter().copied().collect::<Option<Vec<usize>>>() else {
        return Ok(None);
    };
    let product = known.iter().try_fold(1_usize, |n, &size| n.checked_mul(size));
    product.map(Some).ok_or_else(|| refused(format!("the product of {known:?} is too large")))
}

/// Over how many places a window reaches along a size: padding makes the size longer by about as much, so there is a bound.
fn reach(size: usize, kernel: usize, dilation: usize) -> Result<usize, Error> {
    let reach = kernel.saturating_sub(1).checked_mul(dilation).and_then(|n| n.checked_add(1));
    let near = reach.filter(|&reach| reach <= size.saturating_mul(16).max(1 << 16));
    near.ok_or_else(|| {
        let places = format!("a window of {kernel} places, {dilation} apart");
        refused(format!("{places}, reaches too far beyond {size}"))
    })
}

/// Where a window is that slides along a size.
pub(super) struct Places {
    /// How many places it has.
    pub(super) count: usize,
    /// How much padding is in front.
    pub(super) before: usize,
    /// How much it covers at each of them, with what it leaves out in between.
    pub(super) reach: usize,
}

/// Where a window is that slides along a size.
pub(super) fn window(
    size: usize,
    kernel: usize,
    stride: usize,
    dilation: usize,
    padding: fn(usize, usize, usize) -> Option<(usize, usize)>,
) -> Result<Places, Error> {
    let reach = reach(size, kernel, dilation)?;
    let Some((count, before)) = padding(size, reach, stride) else {
        // What is said of the compiler is left out.
        let note = WINDOW.notes.first().and_then(|note| note.split(';').next());
        let words = Words { notes: &[note.unwrap_or_default()], ..WINDOW };
        let (stride, dilation) = (("{STRIDE}", &stride as _), ("{DILATION}", &dilation as _));
        return Err(refused(words.of(&[("{K}", &kernel), ("{Self}", &size), stride, dilation])));
    };
    Ok(Places { count, before, reach })
}
