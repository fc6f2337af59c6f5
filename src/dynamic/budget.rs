//! What the weights of a layer that is being built may take, all layers inside it together: a config of fifty bytes
//! may ask for any number of them.

use std::cell::Cell;

use crate::{error::Error, fields::Initializer};

/// An amount of memory and time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    /// How many values, of four bytes each.
    pub(super) values: usize,
    /// How many multiplications the orthogonal initial values take.
    multiplications: usize,
    /// Whether all weights are zeros, as others will take their place.
    blank: bool,
}

/// 1 GiB of weights, and an LSTM of 2048 units twice: some seconds.
pub(super) const MOST: Budget = Budget { values: 1 << 28, multiplications: 1 << 36, blank: false };

thread_local! {
    /// What is left for the layer that is being built on this thread.
    static LEFT: Cell<Option<Budget>> = const { Cell::new(None) };
}

/// Gives the budget back when a layer is built, whichever way that ends.
struct Building;

impl Drop for Building {
    fn drop(&mut self) {
        LEFT.set(None);
    }
}

/// Builds a layer. What is inside of it shares its budget.
pub(super) fn building<T>(build: impl FnOnce() -> T) -> T {
    within(MOST, build)
}

/// The same for weights that are zeros, and at most so many: those of a file will take their place.
#[cfg(feature = "keras")]
pub(super) fn blank<T>(most: usize, build: impl FnOnce() -> T) -> T {
    within(Budget { values: most.min(MOST.values), blank: true, ..MOST }, build)
}

fn within<T>(budget: Budget, build: impl FnOnce() -> T) -> T {
    if LEFT.get().is_some() {
        return build();
    }
    LEFT.set(Some(budget));
    let _building = Building;
    build()
}

/// How a weight is filled that may be read from a file afterwards.
pub(super) fn drawn(how: Initializer) -> Initializer {
    if LEFT.get().is_some_and(|left| left.blank) { Initializer::ZEROS } else { how }
}

/// Takes a weight from the budget.
pub(super) fn spend(sizes: &[usize], how: Initializer) -> Result<(), Error> {
    let left = LEFT.get().unwrap_or(MOST);
    let too_large = |expected| {
        let value = format!("{sizes:?}");
        Error::Invalid { name: "the shape of a weight", value, expected }
    };
    let product = |sizes: &[usize]| sizes.iter().try_fold(1_usize, |n, &size| n.checked_mul(size));
    let values = product(sizes).and_then(|values| left.values.checked_sub(values));
    let values = values.ok_or_else(|| {
        too_large(match left.blank {
            true => "the file is too short to hold the weights that its config asks for",
            false => "the weights of a dynamic layer hold at most 2^28 values",
        })
    })?;
    let multiplications = match (how, sizes) {
        (Initializer::Orthogonal(_), [rows @ .., columns]) if !left.blank => {
            let rows = product(rows);
            rows.and_then(|rows| product(&[rows, *columns, rows.min(*columns)]))
        }
        _ => Some(0),
    };
    let left_of = |n| left.multiplications.checked_sub(n);
    let multiplications = multiplications.and_then(left_of).ok_or_else(|| {
        too_large("orthogonal initial values of a dynamic layer take at most 2^36 multiplications")
    })?;
    if LEFT.get().is_some() {
        LEFT.set(Some(Budget { values, multiplications, ..left }));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layers_inside_share_a_budget() {
        let (zeros, orthogonal) = (Initializer::ZEROS, Initializer::ORTHOGONAL);
        for _ in 0..2 {
            building(|| {
                spend(&[1 << 13, 1 << 14], zeros).unwrap();
                building(|| spend(&[1 << 27], zeros)).unwrap();
                assert!(
                    spend(&[1], zeros).unwrap_err().to_string().contains("at most 2^28 values")
                );
                spend(&[0, 3], zeros).unwrap();
            });
            building(|| {
                spend(&[2048, 4 * 2048], orthogonal).unwrap();
                spend(&[4 * 2048, 2048], orthogonal).unwrap();
                let text = spend(&[3, 3], orthogonal).unwrap_err().to_string();
                assert!(text.contains("at most 2^36 multiplications"), "{text}");
                spend(&[3, 3], zeros).unwrap();
            });
        }
        // By itself, each weight has one.
        (0..3).for_each(|_| spend(&[1 << 27], zeros).unwrap());
        for sizes in [[usize::MAX, 2], [1 << 40, 1 << 40], [1 << 28, 2]] {
            assert!(spend(&sizes, orthogonal).is_err() && spend(&sizes, zeros).is_err());
        }
        assert!(spend(&[8000, 32000], orthogonal).is_err());
    }
}
