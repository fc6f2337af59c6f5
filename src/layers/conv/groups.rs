use dfdx::shapes::Const;

use crate::shape::{Dim, Fault, Words, missing};

/// All filters see all channels, as without Keras's argument `groups`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OneGroup;

/// The channels are in `N` groups, and so are the filters, which see the channels of their own group only: Keras's
/// argument `groups`.
///
/// With as many groups as channels each filter sees one channel.
///
/// ```
/// use kerata::{Conv1d, Cpu, Error, Groups, Linear, Valid, prelude::*};
///
/// let mut conv = Conv1d::<2, 2, 1, Linear, Valid, 1, 1, Groups<2>>::build(&Cpu::default())?;
/// conv.kernel.copy_from(&[2.0, 3.0]); // one channel for each of two filters
/// let y = conv.forward(Cpu::default().tensor([[[1.0, 10.0]]]))?;
/// assert_eq!(y.array(), [[[2.0, 30.0]]]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Groups<const N: usize>;

/// In how many groups the channels of a convolution are: [`OneGroup`] or [`Groups`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no number of groups",
    note = "the groups of a convolution are `Groups<4>`, or `OneGroup`"
)]
pub trait Grouping: Default + Clone + std::fmt::Debug + 'static {
    /// Keras's argument `groups`.
    const GROUPS: usize;

    /// The dimension of the channels that a filter sees, of `I` channels.
    type Channels<const I: usize>: Dim;
}

impl Grouping for OneGroup {
    const GROUPS: usize = 1;
    type Channels<const I: usize> = Const<I>;
}

impl<const N: usize> Grouping for Groups<N> {
    const GROUPS: usize = N;
    // `I / N` is no `Const` on stable Rust.
    type Channels<const I: usize> = usize;
}

/// How many of some channels or filters are in a group.
pub(super) const fn in_group(all: usize, groups: usize) -> usize {
    match all.checked_div(groups) {
        Some(each) => each,
        None => all,
    }
}

/// What is wrong with a convolution that takes nothing or gives nothing, or whose channels cannot be in groups.
pub(super) const fn wrong_filters(channels: usize, filters: usize, groups: usize) -> Fault {
    let divided =
        if groups > 0 && !(channels.is_multiple_of(groups) && filters.is_multiple_of(groups)) {
            Fault::new(&[
                Words::Number(channels),
                Words::Text(" channels and "),
                Words::Number(filters),
                Words::Text(" filters cannot be in "),
                Words::Number(groups),
                Words::Text(" groups: both numbers have to be multiples of "),
                Words::Number(groups),
            ])
        } else {
            Fault::NONE
        };
    missing(channels, "a convolution takes at least 1 channel, not 0")
        .or(missing(filters, "a convolution has at least 1 filter, not 0"))
        .or(missing(groups, "a convolution has at least 1 group, not 0"))
        .or(divided)
}
