use std::fmt;

use crate::signal::Signal;

/// What kind of data travels on a [`AnySignal`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignalKind {
    /// Numbers.
    Numbers,
    /// A padded sequence and its mask.
    Padded,
    /// Token ids.
    Tokens,
}

/// A [`Signal`] as a value: what reaches a layer, where that is known at run time only.
///
/// The first size is the batch; a size that is not known is `None`.
///
/// ```
/// use kerata::{Batch, Const, Ids, config::{AnySignal, SignalKind}};
///
/// let wire = AnySignal::of::<Ids<(Batch, Const<8>)>>();
/// assert_eq!(wire.sizes, [None, Some(8)]);
/// assert_eq!(wire.kind, SignalKind::Tokens);
/// assert_eq!(wire.to_string(), "Ids<(Batch, 8)>");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnySignal {
    /// What the data is.
    pub kind: SignalKind,
    /// The sizes of the shape, the batch first.
    pub sizes: Vec<Option<usize>>,
}

impl AnySignal {
    /// Numbers of the given sizes.
    pub fn numbers(sizes: impl Into<Vec<Option<usize>>>) -> Self {
        Self { kind: SignalKind::Numbers, sizes: sizes.into() }
    }

    /// The wire that a signal names; of several side by side, the first.
    pub fn of<S: Signal>() -> Self {
        let (_, first) = Self::parts::<S>().swap_remove(0);
        first
    }

    /// The wires that a signal names, each with its place: `""` for one alone, `"0"` and `"1"` for two.
    pub(crate) fn parts<S: Signal>() -> Vec<(String, Self)> {
        S::parts().into_iter().map(|(place, name)| (place, Self::parse(&name))).collect()
    }

    /// Reads what [`Signal::display`] gives for one signal.
    fn parse(name: &str) -> Self {
        let kind = match name.split('<').next() {
            Some("Masked") => SignalKind::Padded,
            Some("Ids") => SignalKind::Tokens,
            _ => SignalKind::Numbers,
        };
        let inner = name.trim_start_matches(|c| c != '(').trim_matches(['(', ')', '>']);
        let dims = inner.split(',').map(str::trim).filter(|dim| !dim.is_empty());
        Self { kind, sizes: dims.map(|dim| dim.parse().ok()).collect() }
    }

    /// The same kind of data with other sizes.
    pub fn with(&self, sizes: impl Into<Vec<Option<usize>>>) -> Self {
        Self { kind: self.kind, sizes: sizes.into() }
    }

    /// The number of features, the last size.
    pub fn features(&self) -> Option<usize> {
        self.sizes.last().copied().flatten()
    }

    /// What a layer gets that is applied to each step: the steps as samples, without a mask. Steps of ids are ids.
    pub fn step(&self) -> Self {
        let sizes = self.sizes.iter().enumerate().filter(|(i, _)| *i != 1).map(|(_, n)| *n);
        let kind = match self.kind {
            SignalKind::Tokens => SignalKind::Tokens,
            _ => SignalKind::Numbers,
        };
        Self { kind, sizes: sizes.collect() }
    }

    /// Keras's name of the number type; `numbers` is that of what are no ids.
    pub(crate) fn dtype<'a>(&self, numbers: &'a str) -> &'a str {
        if self.kind == SignalKind::Tokens { "int32" } else { numbers }
    }

    /// Whether sizes agree, where both are known, beyond the batch.
    pub(crate) fn agrees(&self, sizes: &[Option<usize>]) -> bool {
        self.sizes.len() == sizes.len()
            && self.sizes.iter().zip(sizes).skip(1).all(|(a, b)| match (a, b) {
                (Some(a), Some(b)) => a == b,
                _ => true,
            })
    }
}

/// More dimensions than these are not printed; no layer takes as many.
const SHOWN: usize = 8;

impl fmt::Display for AnySignal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |(i, size): (usize, &Option<usize>)| match (size, i) {
            (_, 0) => "Batch".to_owned(),
            (Some(size), _) => size.to_string(),
            (None, _) => "Length".to_owned(),
        };
        // Of a hostile config there may be a million.
        let mut dims: Vec<String> = self.sizes.iter().enumerate().take(SHOWN).map(name).collect();
        if self.sizes.len() > SHOWN {
            dims.push("..".to_owned());
        }
        let shape = match dims.as_slice() {
            [one] => format!("({one},)"),
            many => format!("({})", many.join(", ")),
        };
        match self.kind {
            SignalKind::Numbers => f.write_str(&shape),
            SignalKind::Padded => write!(f, "Masked<{shape}>"),
            SignalKind::Tokens => write!(f, "Ids<{shape}>"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        shape::{Batch, Const, Length, Rank0},
        signal::{Ids, Masked},
    };

    #[test]
    fn every_signal_has_its_wire() {
        fn same<S: Signal>(sizes: &[Option<usize>]) {
            let wire = AnySignal::of::<S>();
            assert_eq!(wire.sizes, sizes);
            assert_eq!(wire.to_string(), S::display());
        }
        same::<(Batch,)>(&[None]);
        same::<Rank0>(&[]);
        same::<(Batch, Length, Const<3>)>(&[None, None, Some(3)]);
        same::<Masked<(Batch, Const<5>, Const<3>)>>(&[None, Some(5), Some(3)]);
        same::<Ids<(Batch, Length)>>(&[None, None]);
    }
}
