use dfdx::shapes::Dim;

use kerata::{
    Const,
    shape::{Causal, Same, Slide, Valid},
};
use seq_macro::seq;

/// How often a window stands wholly within `n`.
fn counted(n: usize, k: usize, stride: usize, dilation: usize) -> usize {
    (0..n).step_by(stride).filter(|start| start + (k - 1) * dilation < n).count()
}

/// The size by the type, that of a run-time size, and that by counting.
fn check<const K: usize, const S: usize, const D: usize, N>(n: N)
where
    N: Slide<K, S, D, Valid> + Slide<K, S, D, Same> + Slide<K, S, D, Causal>,
    usize: Slide<K, S, D, Valid, Out = usize>
        + Slide<K, S, D, Same, Out = usize>
        + Slide<K, S, D, Causal, Out = usize>,
{
    let size = n.size();
    let at = format!("{size} under a window of {K}, stride {S}, dilation {D}");
    // `slide` fails if the size of the type is another than that of run time.
    let typed = <N as Slide<K, S, D, Valid>>::slide(&n).expect(&at).size();
    assert_eq!(typed, counted(size, K, S, D), "{at}");
    assert_eq!(<usize as Slide<K, S, D, Valid>>::slide(&size).expect(&at), typed, "{at}");
    let typed = <N as Slide<K, S, D, Same>>::slide(&n).expect(&at).size();
    assert_eq!(typed, (0..size).step_by(S).count(), "{at}");
    assert_eq!(<usize as Slide<K, S, D, Same>>::slide(&size).expect(&at), typed, "{at}");
    let causal = <N as Slide<K, S, D, Causal>>::slide(&n).expect(&at).size();
    assert_eq!(causal, typed, "{at}");
    assert_eq!(<usize as Slide<K, S, D, Causal>>::slide(&size).expect(&at), typed, "{at}");
}

#[test]
fn sizes_of_the_types_are_those_of_run_time() {
    seq!(N in 9..=64 {
        check::<1, 1, 1, _>(Const::<N>);
        check::<2, 2, 1, _>(Const::<N>);
        check::<3, 1, 1, _>(Const::<N>);
        check::<3, 2, 1, _>(Const::<N>);
        check::<3, 1, 2, _>(Const::<N>);
        check::<5, 3, 2, _>(Const::<N>);
        check::<7, 4, 1, _>(Const::<N>);
    });
}

#[test]
fn a_dilated_window_that_does_not_fit_is_named_with_its_reach() {
    let error = <usize as Slide<3, 1, 2, Valid>>::slide(&4).unwrap_err();
    let words = "the size that a window slides along (at least): expected 5, found 4";
    assert_eq!(error.to_string(), words);
}
