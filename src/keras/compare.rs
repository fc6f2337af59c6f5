//! A dynamic model against the config in a file.

use std::collections::BTreeSet;

use super::places::{Place, places};
use crate::{error::Difference, fields::Config};

/// Differences of two architectures, and which layer is which.
pub(super) type Compared = (Vec<Difference>, Vec<(Vec<String>, Vec<String>)>);

/// Compares the classes of all layers.
pub(super) fn compare_classes(here: &[Place], file: &Config) -> Compared {
    let mut there = places(file, &[]).unwrap_or_default();
    // By their names where they are the same, else by their order.
    let names = |places: &[Place]| -> BTreeSet<Vec<String>> {
        places.iter().map(|place| place.names.clone()).collect()
    };
    if names(here) == names(&there) && here.len() == there.len() {
        there.sort_by_key(|place| here.iter().position(|ours| ours.names == place.names));
    }
    let (mut differences, mut matches) = (Vec::new(), Vec::new());
    for i in 0..here.len().max(there.len()) {
        let (ours, theirs) = (here.get(i), there.get(i));
        let class =
            |place: Option<&Place>| place.map_or("nothing".to_owned(), |place| place.class.clone());
        if class(ours) != class(theirs) {
            differences.push(Difference {
                place: format!("layer {i}"),
                expected: format!("the model has {}", class(ours)),
                found: format!("the file has {}", class(theirs)),
            });
        } else if let (Some(ours), Some(theirs)) = (ours, theirs) {
            matches.push((ours.visited.clone(), theirs.names.clone()));
        }
    }
    (differences, matches)
}
