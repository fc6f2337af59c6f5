//! Places in the order of what stands there.

use std::cmp::Ordering;

/// Sorts places by a comparison of two of them; of equals the first stays the first. It is compiled once, for all comparisons.
pub(crate) fn sort_places(places: &mut [usize], mut compare: impl FnMut(usize, usize) -> Ordering) {
    fn sort(places: &mut [usize], compare: &mut dyn FnMut(usize, usize) -> Ordering) {
        places.sort_by(|&a, &b| compare(a, b));
    }
    sort(places, &mut compare);
}
