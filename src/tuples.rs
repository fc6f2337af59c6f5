//! Tuples, for which several traits are implemented alike: of layers, from one to twelve, and of signals.

/// Calls a macro once for each length of a tuple of layers.
///
/// It is handed the first type, then for each further one the type before it, the type and its index:
/// `L0 L0 L1 1 L1 L2 2`.
macro_rules! all_tuples {
    ($each:ident) => {
        $crate::tuples::all_tuples!(
            @longer $each [L0]
            [L0 L1 1] [L1 L2 2] [L2 L3 3] [L3 L4 4] [L4 L5 5] [L5 L6 6]
            [L6 L7 7] [L7 L8 8] [L8 L9 9] [L9 L10 10] [L10 L11 11]
        );
    };
    (@longer $each:ident [$($tuple:tt)*]) => {
        $each!($($tuple)*);
    };
    (@longer $each:ident [$($tuple:tt)*] [$($next:tt)*] $($rest:tt)*) => {
        $each!($($tuple)*);
        $crate::tuples::all_tuples!(@longer $each [$($tuple)* $($next)*] $($rest)*);
    };
}
pub(crate) use all_tuples;

/// Calls a macro once for each number of values side by side, from two to six, with each type and its index: `A 0 B 1`.
macro_rules! several {
    ($each:ident) => {
        $each!(A 0 B 1);
        $each!(A 0 B 1 C 2);
        $each!(A 0 B 1 C 2 F 3);
        $each!(A 0 B 1 C 2 F 3 G 4);
        $each!(A 0 B 1 C 2 F 3 G 4 H 5);
    };
}
pub(crate) use several;
