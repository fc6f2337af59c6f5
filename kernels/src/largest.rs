//! The largest magnitude.

use crate::{simd::vectorized, threads::parallel};

/// How many values are a job at least.
const JOB: usize = 256 << 10;

vectorized! {
    /// The largest magnitude, as bits: among those of floats without a sign, infinity is larger than all numbers and
    /// NaN larger than infinity.
    fn largest_bits<'a>(values: &'a [f32], largest: &'a mut u32) {
        // As plain as it is, the compiler makes four vectors of it. Lanes by hand were read one value at a time.
        *largest = values.iter().fold(0, |most, value| (value.to_bits() & 0x7FFF_FFFF).max(most));
    }
}

/// The largest magnitude of some values: NaN if one of them is NaN, 0 if there are none.
pub fn largest(values: &[f32]) -> f32 {
    let jobs = values.chunks(JOB).collect();
    let of_each = parallel(jobs, |values| {
        let mut largest = 0;
        largest_bits(values, &mut largest);
        largest
    });
    f32::from_bits(of_each.into_iter().fold(0, u32::max))
}

#[cfg(test)]
mod tests {
    use super::largest;

    #[test]
    fn nan_is_larger_than_all() {
        assert_eq!(largest(&[]), 0.0);
        for n in [1, 63, 64, 200, 600_000] {
            for at in [0, n / 2, n - 1] {
                let mut values = vec![-0.5; n];
                values[at] = -7.0;
                assert_eq!(largest(&values), 7.0);
                values[n / 3] = f32::NEG_INFINITY;
                assert_eq!(largest(&values), f32::INFINITY);
                values[at] = -f32::NAN;
                assert!(n == 1 || largest(&values).is_nan());
            }
        }
    }
}
