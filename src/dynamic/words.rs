//! What layers take, checked at run time, in the words that the compiler says for the kinds of signal.

use crate::{
    error::Error,
    fields::{AnySignal, SignalKind},
};

const VANISHES: &str = "behind this layer a padding mask would silently be gone; `Unmask` in front of it drops the mask on purpose";

/// The words of a kind: its message, in which `{Self}` arrives, and its notes.
struct Words {
    message: &'static str,
    notes: &'static [&'static str],
}

impl Words {
    fn check(&self, fits: bool, arrives: &AnySignal) -> Result<(), Error> {
        if fits {
            return Ok(());
        }
        let mut message = self.message.replace("{Self}", &arrives.to_string());
        self.notes.iter().for_each(|note| message.push_str(&format!("\n  note: {note}")));
        Err(refused(message))
    }
}

/// An error of a layer whose name is not known yet.
pub(super) fn refused(message: impl Into<String>) -> Error {
    Error::Wiring { layer: String::new(), message: message.into() }
}

const NUMBERS: Words = Words {
    message: "numbers are needed here, but `{Self}` arrives",
    notes: &["token ids become numbers in an `Embedding`"],
};
const LAST_AXIS: Words = Words {
    message: "features on the last axis are needed here, but `{Self}` arrives",
    notes: &["in a `Masked<(Batch, Length)>` the last axis is time, and padding would be mixed in"],
};
const ONE_VECTOR: Words = Words {
    message: "one vector a sample is needed here, `(Batch, Features)`, but `{Self}` arrives",
    notes: &[
        "one answer for a whole sequence: let the recurrent layer before this one return its last state, `Lstm<_, N>` in place of `Lstm<_, N, Sequences>`",
        "one answer for each step: wrap this layer, `TimeDistributed<Dense<..>>`; a mask passes through it",
    ],
};
const STEPS: Words = Words {
    message: "a sequence is needed here, `(Batch, Length, Features)`, but `{Self}` arrives",
    notes: &[
        "if a recurrent layer stands before this one, it must hand on its sequence: `Lstm<_, N, Sequences>` in place of `Lstm<_, N>`",
        "token ids become a sequence in an `Embedding`",
    ],
};
const EACH_STEP: Words = Words {
    message: "a sequence is needed here, `(Batch, Length, ..)`, but `{Self}` arrives",
    notes: &[
        "without time steps there is nothing to distribute over: use the layer inside by itself",
    ],
};
const TOKEN_IDS: Words = Words {
    message: "token ids are needed here, `Ids<(Batch, Length)>`, but `{Self}` arrives",
    notes: &[
        "ids are whole numbers: feed a tensor of `usize`",
        "one-hot rows need no `Embedding`: feed them to the next layer as they are, or turn them into ids",
    ],
};
const UNMASKED_STEPS: Words = Words {
    message: "an unmasked sequence is needed here, `(Batch, Length, Features)`, but `{Self}` arrives",
    notes: &[VANISHES],
};
const IMAGES: Words = Words {
    message: "images are needed here, `(Batch, Height, Width, Channels)`, but `{Self}` arrives",
    notes: &["channels come last, also where there is one: `(Batch, 28, 28, 1)`"],
};
const UNMASKED: Words = Words {
    message: "numbers without a mask are needed here, `(Batch, ..)`, but `{Self}` arrives",
    notes: &[VANISHES],
};

fn is(arrives: &AnySignal, kinds: &[SignalKind]) -> bool {
    kinds.contains(&arrives.kind)
}

const ANY_NUMBERS: [SignalKind; 2] = [SignalKind::Numbers, SignalKind::Padded];
const PLAIN: [SignalKind; 1] = [SignalKind::Numbers];

macro_rules! checks {
    ($($name:ident: $words:ident, $kinds:expr, $ranks:expr;)*) => {
        $(pub(super) fn $name(arrives: &AnySignal) -> Result<(), Error> {
            $words.check(is(arrives, &$kinds) && $ranks.contains(&arrives.sizes.len()), arrives)
        })*
    };
}

checks! {
    numbers: NUMBERS, ANY_NUMBERS, 1..=6;
    one_vector: ONE_VECTOR, PLAIN, 2..=2;
    steps: STEPS, ANY_NUMBERS, 3..=3;
    each_step: EACH_STEP, ANY_NUMBERS, 3..=5;
    unmasked_steps: UNMASKED_STEPS, PLAIN, 3..=3;
    images: IMAGES, PLAIN, 4..=4;
    unmasked: UNMASKED, PLAIN, 2..=5;
}

pub(super) fn token_ids(arrives: &AnySignal, masked: bool) -> Result<(), Error> {
    let rank = arrives.sizes.len();
    let fits = is(arrives, &[SignalKind::Tokens]) && (rank == 2 || (rank == 1 && !masked));
    TOKEN_IDS.check(fits, arrives)
}

/// The last axis, which is not the batch.
pub(super) fn features_axis(arrives: &AnySignal) -> Result<(), Error> {
    last_axis(arrives)?;
    LAST_AXIS.check(arrives.sizes.len() > 1, arrives)
}

pub(super) fn last_axis(arrives: &AnySignal) -> Result<(), Error> {
    numbers(arrives)?;
    let time = arrives.kind == SignalKind::Padded && arrives.sizes.len() == 2;
    LAST_AXIS.check(!time, arrives)
}

/// The number of features, which a layer may have been built for.
pub(super) fn features(arrives: &AnySignal, takes: Option<usize>) -> Result<(), Error> {
    match (takes, arrives.features()) {
        (Some(takes), Some(found)) if takes != found => {
            let message = format!("{takes} features are needed here, but `{found}` arrives");
            Err(refused(message))
        }
        _ => Ok(()),
    }
}

/// How many numbers there are along several dimensions, if all of them are known.
pub(super) fn product(sizes: &[Option<usize>]) -> Result<Option<usize>, Error> {
    let Some(known) = sizes.iter().copied().collect::<Option<Vec<usize>>>() else {
        return Ok(None);
    };
    let product = known.iter().try_fold(1_usize, |n, &size| n.checked_mul(size));
    product.map(Some).ok_or_else(|| refused(format!("the product of {known:?} is too large")))
}

/// The number of places that a window takes along a size.
pub(super) fn window(
    size: Option<usize>,
    kernel: usize,
    stride: usize,
    dilation: usize,
    padding: fn(usize, usize, usize) -> Option<(usize, usize)>,
) -> Result<Option<usize>, Error> {
    let Some(size) = size else { return Ok(None) };
    let reach = kernel.saturating_sub(1).checked_mul(dilation).and_then(|n| n.checked_add(1));
    match reach.and_then(|reach| padding(size, reach, stride)) {
        Some((places, _)) => Ok(Some(places)),
        None => Err(refused(format!(
            "a window of {kernel} does not fit into `{size}` (stride {stride}, dilation {dilation})\n  \
             note: `Same` in the place of `Valid` pads with zeros"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_those_of_the_compiler() {
        let kinds = [
            include_str!("../signal/kinds.rs"),
            include_str!("../signal/images.rs"),
            include_str!("../layers/reshape/flatten.rs"),
        ]
        .concat();
        for words in [
            NUMBERS,
            LAST_AXIS,
            ONE_VECTOR,
            STEPS,
            EACH_STEP,
            TOKEN_IDS,
            UNMASKED_STEPS,
            IMAGES,
            UNMASKED,
        ] {
            for text in words.notes.iter().chain([&words.message]) {
                assert!(kinds.contains(&format!("\"{text}\"")), "{text}");
            }
        }
        assert!(kinds.contains("{N} features are needed here, but `{Self}` arrives"));
        let window = include_str!("../shape/window.rs");
        let message =
            "a window of {K} does not fit into `{Self}` (stride {STRIDE}, dilation {DILATION})";
        assert!(window.contains(message));
    }
}
