//! Vector code, by the crate `pulp`: AVX-512, AVX2 with FMA, NEON or plain code, chosen at run time.

pub use pulp::{Arch, Simd, WithSimd};

/// Makes a function of plain loops that the compiler turns into vector code for the machine that it runs on.
/// What the loops call has to be inlined.
#[macro_export]
macro_rules! vectorized {
    (@output) => { () };
    (@output $result:ty) => { $result };
    ($(#[$doc:meta])* $visible:vis fn $name:ident<$a:lifetime>($($argument:ident: $type:ty),* $(,)?) $(-> $result:ty)? $body:block) => {
        $(#[$doc])*
        $visible fn $name<$a>($($argument: $type),*) $(-> $result)? {
            struct Loops<$a> {
                $($argument: $type,)*
            }

            impl $crate::simd::WithSimd for Loops<'_> {
                type Output = $crate::vectorized!(@output $($result)?);

                #[inline(always)]
                fn with_simd<S: $crate::simd::Simd>(self, _: S) -> Self::Output {
                    let Self { $($argument),* } = self;
                    $body
                }
            }

            $crate::simd::Arch::new().dispatch(Loops { $($argument),* })
        }
    };
}
pub use vectorized;

/// The lanes of a slice from `at` on, filled up with zeros at its end.
#[inline(always)]
pub(crate) fn load<S: Simd>(simd: S, values: &[f32], at: usize) -> S::f32s {
    match values.get(at..at + S::F32_LANES) {
        Some(lanes) => S::as_simd_f32s(lanes).0[0],
        None => simd.partial_load_f32s(&values[at..]),
    }
}

/// Writes lanes into a slice from `at` on, as far as it goes.
#[inline(always)]
pub(crate) fn store<S: Simd>(simd: S, values: &mut [f32], at: usize, lanes: S::f32s) {
    match values.get_mut(at..at + S::F32_LANES) {
        Some(place) => S::as_mut_simd_f32s(place).0[0] = lanes,
        None => simd.partial_store_f32s(&mut values[at..], lanes),
    }
}

/// What `exp` is made of: `exp(x + tail) = power * (1 + q)`, where `power` is `2^(n + more)` and `n` whole. The part `q`
/// keeps its digits where it is small. `n + more` has to stay within the exponents of normal numbers.
///
/// Some vectors at a time, step by step, so that none waits for itself, and each constant is read once.
#[inline(always)]
fn split_exp<S: Simd, const N: usize>(
    simd: S,
    x: [S::f32s; N],
    tail: Option<[S::f32s; N]>,
    more: f32,
) -> ([S::f32s; N], [S::f32s; N]) {
    /// The Taylor coefficients of `exp` from the second on, bent a little to fit the whole interval.
    const POLYNOMIAL: [f32; 6] =
        [1.987_569_1e-4, 1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5];
    // Adding 1.5 * 2^23 rounds to a whole number, which then stands in the low bits; 127 is the bias of the
    // exponent.
    let shift = simd.splat_f32s(12_582_912.0 + 127.0 + more);
    let log2_e = simd.splat_f32s(std::f32::consts::LOG2_E);
    let mut power = x;
    for power in &mut power {
        *power = simd.mul_add_e_f32s(*power, log2_e, shift);
    }
    // `ln 2` in two parts, so that `r`, at most half of `ln 2`, keeps its digits.
    let (high, low) = (simd.splat_f32s(-0.693_359_4), simd.splat_f32s(2.121_944_4e-4));
    let mut r = x;
    for (r, &shifted) in r.iter_mut().zip(&power) {
        let n = simd.sub_f32s(shifted, shift);
        *r = simd.mul_add_e_f32s(n, low, simd.mul_add_e_f32s(n, high, *r));
    }
    if let Some(tail) = tail {
        for (r, tail) in r.iter_mut().zip(tail) {
            *r = simd.add_f32s(*r, tail);
        }
    }
    for power in &mut power {
        let bits = simd.transmute_u32s_f32s(*power);
        *power = simd.transmute_f32s_u32s(simd.wrapping_dyn_shl_u32s(bits, simd.splat_u32s(23)));
    }
    // In pairs of terms, so that fewer sums wait for one another.
    let [a, b, c, d, e, f] = POLYNOMIAL;
    let (mut sum, mut pair) = (r, r);
    let pair_of = |pair: &mut [S::f32s; N], a: f32, b: f32| {
        let (a, b) = (simd.splat_f32s(a), simd.splat_f32s(b));
        for (pair, &r) in pair.iter_mut().zip(&r) {
            *pair = simd.mul_add_e_f32s(a, r, b);
        }
    };
    let next = |sum: &mut [S::f32s; N], pair: &[S::f32s; N]| {
        for ((sum, &pair), &r) in sum.iter_mut().zip(pair).zip(&r) {
            *sum = simd.mul_add_e_f32s(*sum, simd.mul_f32s(r, r), pair);
        }
    };
    pair_of(&mut sum, a, b);
    pair_of(&mut pair, c, d);
    next(&mut sum, &pair);
    pair_of(&mut pair, e, f);
    next(&mut sum, &pair);
    next(&mut sum, &r);
    (power, sum)
}

/// The larger of each element and a limit. NaN stays: no comparison with it is true.
#[inline(always)]
fn at_least<S: Simd>(simd: S, x: S::f32s, limit: f32) -> S::f32s {
    let limit = simd.splat_f32s(limit);
    simd.select_f32s(simd.less_than_f32s(x, limit), limit, x)
}

/// `-|x|`.
#[inline(always)]
fn negative<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    simd.or_f32s(x, simd.splat_f32s(-0.0))
}

/// `exp(x - most)` of `x <= most`, to 1e-7 of the result.
#[inline(always)]
pub(crate) fn exp_below<S: Simd, const N: usize>(
    simd: S,
    x: [S::f32s; N],
    most: S::f32s,
) -> [S::f32s; N] {
    let (mut differences, mut tails) = (x, x);
    for ((difference, tail), x) in differences.iter_mut().zip(&mut tails).zip(x) {
        *difference = simd.sub_f32s(x, most);
        // What rounding took from the difference (Knuth's two-sum): where the difference is -80, that is more
        // than the last digits of its `exp`.
        let change = simd.sub_f32s(*difference, x);
        *tail = simd.sub_f32s(
            simd.sub_f32s(x, simd.sub_f32s(*difference, change)),
            simd.add_f32s(most, change),
        );
    }
    exp_of_negative(simd, differences, Some(tails))
}

/// `exp(x + tail)` of `x <= 0`, to 1e-7 of the result; below the normal numbers to their last bit, and then 0.
#[inline(always)]
fn exp_of_negative<S: Simd, const N: usize>(
    simd: S,
    mut x: [S::f32s; N],
    mut tail: Option<[S::f32s; N]>,
) -> [S::f32s; N] {
    /// `exp` of it is less than half of the smallest number.
    const LEAST: f32 = -104.0;
    if let Some(tail) = &mut tail {
        for (tail, &x) in tail.iter_mut().zip(&x) {
            let below = simd.less_than_f32s(x, simd.splat_f32s(LEAST));
            *tail = simd.select_f32s(below, simd.splat_f32s(0.0), *tail);
        }
    }
    for x in &mut x {
        *x = at_least(simd, *x, LEAST);
    }
    // The power is kept 2^64 too large, so that only the last product can leave the normal numbers.
    let (power, mut q) = split_exp(simd, x, tail, 64.0);
    let scale = simd.splat_f32s(1.0 / 18_446_744_073_709_551_616.0);
    for (q, power) in q.iter_mut().zip(power) {
        *q = simd.mul_f32s(simd.mul_add_e_f32s(*q, power, power), scale);
    }
    q
}

/// `tanh`, to 2e-7 of the result: `-t / (2 + t)` with `t = exp(-2 |x|) - 1`, and the sign of `x`.
#[inline(always)]
pub(crate) fn tanh<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    // Beyond 9.5 it is 1 to the last bit.
    let y = at_least(simd, simd.mul_f32s(negative(simd, x), simd.splat_f32s(2.0)), -19.0);
    let ([power], [q]) = split_exp(simd, [y], None, 0.0);
    // The difference is exact, so `t` is as good as `q`.
    let t = simd.mul_add_e_f32s(q, power, simd.sub_f32s(power, simd.splat_f32s(1.0)));
    let size = simd.div_f32s(t, simd.add_f32s(simd.splat_f32s(2.0), t));
    let sign = simd.and_f32s(x, simd.splat_f32s(-0.0));
    simd.or_f32s(simd.abs_f32s(size), sign)
}

/// `1 / (1 + exp(-x))`, to 2e-7 of the result, by `exp(-|x|)`: so it reaches 0 as slowly as it should.
#[inline(always)]
pub(crate) fn sigmoid<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let [y] = sigmoids(simd, [x]);
    y
}

/// The same of some vectors at a time.
#[inline(always)]
pub(crate) fn sigmoids<S: Simd, const N: usize>(simd: S, x: [S::f32s; N]) -> [S::f32s; N] {
    let mut e = x;
    for e in &mut e {
        *e = negative(simd, *e);
    }
    let mut e = exp_of_negative(simd, e, None);
    let one = simd.splat_f32s(1.0);
    for (e, x) in e.iter_mut().zip(x) {
        let below = simd.less_than_f32s(x, simd.splat_f32s(0.0));
        *e = simd.div_f32s(simd.select_f32s(below, *e, one), simd.add_f32s(one, *e));
    }
    e
}

#[cfg(test)]
mod tests {
    use pulp::{Arch, WithSimd};

    use super::*;

    struct All<'a> {
        x: &'a [f32],
        tanh: &'a mut [f32],
        sigmoid: &'a mut [f32],
        exp: &'a mut [f32],
    }

    impl WithSimd for All<'_> {
        type Output = ();
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            for at in (0..self.x.len()).step_by(S::F32_LANES) {
                let x = load(simd, self.x, at);
                store(simd, self.tanh, at, tanh(simd, x));
                store(simd, self.sigmoid, at, sigmoid(simd, x));
                let [exp] = exp_of_negative(simd, [negative(simd, x)], None);
                store(simd, self.exp, at, exp);
            }
        }
    }

    /// How far a result is from the right one: of a normal one the relative error, in 2^-24; of a subnormal one the
    /// error in the smallest of numbers.
    fn error(found: f32, right: f64) -> f64 {
        if found.is_nan() || right.is_nan() {
            return if found.is_nan() && right.is_nan() { 0.0 } else { f64::INFINITY };
        }
        let difference = (f64::from(found) - right).abs();
        if right.abs() < f64::from(f32::MIN_POSITIVE) {
            difference / f64::from(f32::from_bits(1))
        } else {
            difference / right.abs() * 16_777_216.0
        }
    }

    /// Every 997th number that there is, and the edges.
    fn values() -> Vec<f32> {
        let edges = [0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, f32::MAX, f32::MIN];
        (0..=u32::MAX).step_by(997).map(f32::from_bits).chain(edges).collect()
    }

    #[test]
    fn all_elements_keep_their_digits() {
        let x = values();
        let mut y = [vec![0.0; x.len()], vec![0.0; x.len()], vec![0.0; x.len()]];
        let [tanh, sigmoid, exp] = &mut y;
        Arch::new().dispatch(All { x: &x, tanh, sigmoid, exp });
        let mut most = [(0.0, 0.0); 3];
        for (i, &x) in x.iter().enumerate() {
            let double = f64::from(x);
            let logistic = match double {
                x if x < 0.0 => x.exp() / (1.0 + x.exp()),
                x => 1.0 / (1.0 + (-x).exp()),
            };
            let right = [double.tanh(), logistic, (-double.abs()).exp()];
            for ((y, right), most) in y.iter().zip(right).zip(&mut most) {
                let error = error(y[i], right);
                if error > most.0 {
                    *most = (error, x);
                }
            }
            assert!(x.is_nan() || y[0][i].is_sign_negative() == x.is_sign_negative(), "tanh({x})");
        }
        // 4 * 2^-24 is 2.4e-7.
        assert!(most.iter().all(|(error, _)| *error < 4.0), "{most:?}");
    }
}
