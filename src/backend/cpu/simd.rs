//! Vector code, by the crate `pulp`: AVX-512, AVX2 with FMA, NEON or plain code, chosen at run time.

use pulp::Simd;

pub(crate) use super::sums::sum;

/// Makes a function of plain loops that the compiler turns into vector code for the machine that it runs on.
/// What the loops call has to be inlined.
macro_rules! vectorized {
    ($(#[$doc:meta])* $visible:vis fn $name:ident<$a:lifetime>($($argument:ident: $type:ty),* $(,)?) $body:block) => {
        $(#[$doc])*
        $visible fn $name<$a>($($argument: $type),*) {
            struct Loops<$a> {
                $($argument: $type,)*
            }

            impl pulp::WithSimd for Loops<'_> {
                type Output = ();

                #[inline(always)]
                fn with_simd<S: pulp::Simd>(self, _: S) {
                    let Self { $($argument),* } = self;
                    $body
                }
            }

            pulp::Arch::new().dispatch(Loops { $($argument),* });
        }
    };
}
pub(super) use vectorized;

/// The lanes of a slice from `at` on, filled up with zeros at its end.
#[inline(always)]
pub(crate) fn load<S: Simd>(simd: S, numbers: &[f32], at: usize) -> S::f32s {
    let rest = &numbers[at..];
    if rest.len() >= S::F32_LANES {
        S::as_simd_f32s(&rest[..S::F32_LANES]).0[0]
    } else {
        simd.partial_load_f32s(rest)
    }
}

/// Writes lanes into a slice from `at` on, as far as it goes.
#[inline(always)]
pub(crate) fn store<S: Simd>(simd: S, numbers: &mut [f32], at: usize, lanes: S::f32s) {
    let rest = &mut numbers[at..];
    if rest.len() >= S::F32_LANES {
        S::as_mut_simd_f32s(&mut rest[..S::F32_LANES]).0[0] = lanes;
    } else {
        simd.partial_store_f32s(rest, lanes);
    }
}

/// `exp` of numbers in [-87, 87], to about 1e-7 of the result: `2^n * exp(r)`, with `r` at most half of `ln 2`.
#[inline(always)]
pub(crate) fn exp<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    /// The Taylor coefficients of `exp` from the second on, bent a little to fit the whole interval.
    const POLYNOMIAL: [f32; 6] =
        [1.987_569_1e-4, 1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5];
    // Adding 1.5 * 2^23 rounds to a whole number, which then stands in the low bits; 127 is the bias of the
    // exponent.
    let shift = simd.splat_f32s(12_582_912.0 + 127.0);
    let shifted = simd.mul_add_e_f32s(x, simd.splat_f32s(std::f32::consts::LOG2_E), shift);
    let n = simd.sub_f32s(shifted, shift);
    let bits = simd.transmute_u32s_f32s(shifted);
    let power = simd.transmute_f32s_u32s(simd.wrapping_dyn_shl_u32s(bits, simd.splat_u32s(23)));
    // `ln 2` in two parts, so that `r` keeps its digits.
    let r = simd.mul_add_e_f32s(n, simd.splat_f32s(-0.693_359_4), x);
    let r = simd.mul_add_e_f32s(n, simd.splat_f32s(2.121_944_4e-4), r);
    let mut sum = simd.splat_f32s(POLYNOMIAL[0]);
    for &c in &POLYNOMIAL[1..] {
        sum = simd.mul_add_e_f32s(sum, r, simd.splat_f32s(c));
    }
    let one = simd.splat_f32s(1.0);
    let exp = simd.add_f32s(simd.mul_add_e_f32s(sum, simd.mul_f32s(r, r), r), one);
    simd.mul_f32s(exp, power)
}

/// Numbers brought into [-limit, limit].
#[inline(always)]
pub(crate) fn clamp<S: Simd>(simd: S, x: S::f32s, limit: f32) -> S::f32s {
    let clamped = simd.max_f32s(x, simd.splat_f32s(-limit));
    let clamped = simd.min_f32s(clamped, simd.splat_f32s(limit));
    // Processors differ in what the larger of NaN and a number is; NaN has to stay.
    simd.select_f32s(simd.equal_f32s(x, x), clamped, x)
}

/// `tanh`, to 2e-7 absolute: `(1 - exp(-2 x)) / (1 + exp(-2 x))`.
#[inline(always)]
pub(crate) fn tanh<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    // Beyond, it is 1 to the last bit.
    let x = clamp(simd, x, 9.5);
    let e = exp(simd, simd.mul_f32s(x, simd.splat_f32s(-2.0)));
    let one = simd.splat_f32s(1.0);
    simd.div_f32s(simd.sub_f32s(one, e), simd.add_f32s(one, e))
}

/// `1 / (1 + exp(-x))`, to 2e-7 absolute.
#[inline(always)]
pub(crate) fn sigmoid<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let e = exp(simd, simd.neg_f32s(clamp(simd, x, 87.0)));
    let one = simd.splat_f32s(1.0);
    simd.div_f32s(one, simd.add_f32s(one, e))
}

#[cfg(test)]
mod tests {
    use pulp::{Arch, WithSimd};

    use super::*;

    struct Both<'a>(&'a [f32], &'a mut [f32], &'a mut [f32]);

    impl WithSimd for Both<'_> {
        type Output = ();
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            for at in (0..self.0.len()).step_by(S::F32_LANES) {
                let x = load(simd, self.0, at);
                store(simd, self.1, at, tanh(simd, x));
                store(simd, self.2, at, sigmoid(simd, x));
            }
        }
    }

    #[test]
    fn tanh_and_sigmoid_are_right_to_2e_7() {
        let x: Vec<f32> = (-400_001..400_000).map(|i| i as f32 * 5e-5).collect();
        let (mut tanh, mut sigmoid) = (vec![0.0; x.len()], vec![0.0; x.len()]);
        Arch::new().dispatch(Both(&x, &mut tanh, &mut sigmoid));
        for (i, &x) in x.iter().enumerate() {
            let x = f64::from(x);
            assert!((f64::from(tanh[i]) - x.tanh()).abs() < 2e-7, "tanh({x}) = {}", tanh[i]);
            let expected = 1.0 / (1.0 + (-x).exp());
            assert!(
                (f64::from(sigmoid[i]) - expected).abs() < 2e-7,
                "sigmoid({x}) = {}",
                sigmoid[i]
            );
        }
    }
}
