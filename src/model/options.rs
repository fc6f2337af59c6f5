//! What `#[with(..)]` is made of.

use const_panic::concat_panic;

use crate::error::Error;

/// The options of a layer. Written by `#[layer]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no options that `#[with(..)]` could set",
    label = "a layer without options",
    note = "`name` and `trainable` any layer has, `#[layer]` writes the others, and a layer around another has those of the one inside; of several layers in one field, set the fields after `build`"
)]
pub trait Options {
    /// Keras's class.
    const LAYER: &'static str;
    /// The options: their names, the least and the largest value, and that range in words.
    const OPTIONS: &'static [(&'static str, [Option<f64>; 2], &'static str)];
    /// The weights that may have a regularizer and a constraint: what their keys begin with, and their names.
    const WEIGHTS: &'static [(&'static str, &'static str)] = &[];
    /// The options that it sets by itself, so that `#[with(..)]` cannot, and the reason.
    const SET_BY_ITSELF: &'static [(&'static str, &'static str)] = &[];
}

/// The option of a layer in this place of [`Options::OPTIONS`].
pub trait Setting<const AT: usize> {
    /// What it may be.
    type Value;

    /// Sets it.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a value that is not in its range; those of an initializer.
    fn set(&mut self, value: Self::Value) -> Result<(), Error>;
}

/// A literal, or what is calculated of some, that is an option of the type `T`.
#[diagnostic::on_unimplemented(
    message = "this option takes a `{T}`, not a `{Self}`",
    label = "a number has a point, `1.0`, if it may be a fraction; a flag is `true` or `false`; nothing stands in quotes"
)]
pub trait ValueOf<T> {
    /// The same value.
    fn value(self) -> T;
}

/// What each literal is as well, so that none has one type only: then the compiler would say that types do not match.
struct Other;

macro_rules! value_of {
    ($($literal:ty)*) => {$(
        #[diagnostic::do_not_recommend]
        impl ValueOf<Other> for $literal {
            fn value(self) -> Other {
                Other
            }
        }

        #[diagnostic::do_not_recommend]
        impl ValueOf<$literal> for $literal {
            fn value(self) -> $literal {
                self
            }
        }
    )*};
}
value_of!(f64 f32 usize u64 u32 u16 u8 isize i64 i32 i16 i8 bool char &'static str);

/// How many letters must be put in, left out or changed to make one name of the other; of a long name, only the first letters count.
const fn distance(a: &str, b: &str) -> usize {
    const LONGEST: usize = 64;
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let (a_len, b_len) = (shorter(a.len(), LONGEST), shorter(b.len(), LONGEST));
    let (mut row, mut j) = ([0; LONGEST + 1], 0);
    while j <= b_len {
        row[j] = j;
        j += 1;
    }
    let mut i = 0;
    while i < a_len {
        let mut diagonal = row[0];
        row[0] = i + 1;
        j = 0;
        while j < b_len {
            let changed = diagonal + (a[i] != b[j]) as usize;
            diagonal = row[j + 1];
            row[j + 1] = shorter(shorter(changed, row[j] + 1), diagonal + 1);
            j += 1;
        }
        i += 1;
    }
    row[b_len]
}

const fn shorter(a: usize, b: usize) -> usize {
    if a < b { a } else { b }
}

const fn is_less(a: Option<f64>, b: Option<f64>) -> bool {
    matches!((a, b), (Some(a), Some(b)) if a < b)
}

/// The place of an option of a layer. Fails while the program is compiled if there is no such one, or if a number, which
/// is also given as it is written, is not in its range.
#[track_caller]
pub const fn option_of<L: Options>(name: &str, value: Option<f64>, text: &str) -> usize {
    let mut i = 0;
    while i < L::SET_BY_ITSELF.len() {
        let (other, reason) = L::SET_BY_ITSELF[i];
        if is_with(name, other, "") {
            concat_panic!("`", display: name, "` cannot be set here: ", display: reason);
        }
        i += 1;
    }
    let (options, mut i, mut near, mut least) = (L::OPTIONS, 0, "", usize::MAX);
    while i < options.len() {
        let (other, [low, high], expected) = options[i];
        let n = distance(other, name);
        if is_with(name, other, "") {
            if is_less(value, low) || is_less(high, value) {
                concat_panic!("`", display: name, "` is ", display: text, ": ", display: expected);
            }
            return i;
        }
        // One slip or two, as in `#[model]`.
        if n <= 1 + other.len() / 4 && n < least && !sets_by_itself::<L>(other) {
            (near, least) = (other, n);
        }
        i += 1;
    }
    if !near.is_empty() {
        concat_panic!(
            "`", display: L::LAYER, "` has no option `", display: name, "`: did you mean `", display: near, "`?"
        );
    }
    let (names, len) = names::<L>();
    let Ok(names) = std::str::from_utf8(names.split_at(len).0) else { unreachable!() };
    concat_panic!(
        "`", display: L::LAYER, "` has no option `", display: name, "`: there are ", display: names,
        "`name` and `trainable`"
    )
}

const fn sets_by_itself<L: Options>(option: &str) -> bool {
    let mut i = 0;
    while i < L::SET_BY_ITSELF.len() {
        if is_with(option, L::SET_BY_ITSELF[i].0, "") {
            return true;
        }
        i += 1;
    }
    false
}

/// The names of the options that can be set, each in quotes and with a comma, and how many bytes that are. Those that do not
/// fit are left out.
const fn names<L: Options>() -> ([u8; 1024], usize) {
    let (mut names, mut len, mut i) = ([0; 1024], 0, 0);
    while i < L::OPTIONS.len() {
        let name = L::OPTIONS[i].0;
        if !sets_by_itself::<L>(name) && len + name.len() + "``, ".len() <= names.len() {
            let mut parts: &[&str] = &["`", name, "`, "];
            while let [part, rest @ ..] = parts {
                let end = len + part.len();
                names.split_at_mut(end).0.split_at_mut(len).1.copy_from_slice(part.as_bytes());
                (len, parts) = (end, rest);
            }
        }
        i += 1;
    }
    (names, len)
}

/// Whether a text is one that begins another, which then goes on with an end.
const fn is_with(text: &str, begin: &str, end: &str) -> bool {
    let (text, begin, end) = (text.as_bytes(), begin.as_bytes(), end.as_bytes());
    if text.len() != begin.len() + end.len() {
        return false;
    }
    let mut i = 0;
    while i < text.len() {
        let of = if i < begin.len() { begin[i] } else { end[i - begin.len()] };
        if text[i] != of {
            return false;
        }
        i += 1;
    }
    true
}

/// The weight of a layer that a key such as `kernel_regularizer` is of. Fails while the program is compiled if there is no
/// such one.
#[track_caller]
pub const fn weight_of<L: Options>(key: &str) -> &'static str {
    let mut i = 0;
    while i < L::WEIGHTS.len() {
        let (begin, name) = L::WEIGHTS[i];
        if is_with(key, begin, "_regularizer") || is_with(key, begin, "_constraint") {
            return name;
        }
        i += 1;
    }
    let first = if L::WEIGHTS.is_empty() { "" } else { L::WEIGHTS[0].0 };
    concat_panic!(
        "`", display: L::LAYER, "` has no weight for `", display: key,
        "`: its weights begin with `", display: first, "`"
    )
}

/// Builds a layer with options, outside of a model: those of `#[with(..)]`.
///
/// ```
/// use kerata::{BatchNorm, Cpu, Dense, Error, build_with, config::Initializer, prelude::*};
///
/// let dev = Cpu::seed_from_u64(0);
/// let dense = build_with!(Dense<3, 4>, &dev, kernel_initializer = Initializer::HE_NORMAL)?;
/// let norm = build_with!(BatchNorm<4>, &dev, momentum = 0.9, epsilon = 1e-5)?;
/// assert_eq!(norm.momentum, 0.9);
/// assert!(build_with!(BatchNorm<4>, &dev, momentum = 2.0).is_err());
/// # Ok::<(), Error>(())
/// ```
#[macro_export]
macro_rules! build_with {
    ($layer:ty, $dev:expr $(, $option:ident = $value:expr)* $(,)?) => {
        <$layer as $crate::parameters::Build<_, _>>::build($dev)$(.and_then(|mut layer| {
            <$layer as $crate::model::Setting<
                { $crate::model::option_of::<$layer>(stringify!($option), None, "") },
            >>::set(&mut layer, $value)?;
            Ok(layer)
        }))*
    };
}
