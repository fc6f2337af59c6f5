//! The matrix product in any number type, into some of the columns of a matrix.

use std::cell::Cell;

use gemm_common::{
    Parallelism,
    cache::CACHE_INFO,
    gemm::{CACHELINE_ALIGN, L2_SLAB},
};

use super::matrix::Matrix;
use crate::memory::{NoMemory, look_for};

mod kernel {
    use gemm_common::Parallelism;

    /// The function of the crate: sizes `m`, `n`, `k`; then `c`, `a` and `b`, each with the stride of its columns and that
    /// of its rows; how much of `c` and of the product is summed; what is conjugated.
    pub(super) type Kernel<E> = unsafe fn(
        usize,
        usize,
        usize,
        *mut E,
        isize,
        isize,
        bool,
        *const E,
        isize,
        isize,
        *const E,
        isize,
        isize,
        E,
        E,
        bool,
        bool,
        bool,
        Parallelism,
    );

    /// Which no other crate can implement: what it names is trusted.
    pub trait HasKernel: Sized {
        /// The function.
        fn kernel() -> Kernel<Self>;
    }

    impl HasKernel for f32 {
        fn kernel() -> Kernel<Self> {
            gemm_f32::gemm::f32::get_gemm_fn()
        }
    }

    impl HasKernel for f64 {
        fn kernel() -> Kernel<Self> {
            gemm_f64::gemm::f64::get_gemm_fn()
        }
    }
}

/// A number type that the crate multiplies matrices of: `f32` and `f64`, and no other.
pub trait Multiplied: num_traits::Float + Send + Sync + kernel::HasKernel {}

impl Multiplied for f32 {}
impl Multiplied for f64 {}

/// `c = a . b`, or `c += a . b`, on the calling thread. The rows of `c` begin `stride` values apart, and only the first
/// columns of it are written.
pub fn product_into<E: Multiplied>(
    c: &mut [E],
    stride: usize,
    a: Matrix<'_, E>,
    b: Matrix<'_, E>,
    add: bool,
) -> Result<(), NoMemory> {
    let (m, k, n) = (a.rows, a.columns, b.columns);
    assert_eq!(k, b.rows, "the inner sizes of a product");
    if m == 0 || n == 0 {
        return Ok(());
    }
    let end = (m - 1).checked_mul(stride).and_then(|last| last.checked_add(n));
    assert!(n <= stride && end.is_some_and(|end| end <= c.len()), "the size of a product");
    if k == 0 {
        if !add {
            c.chunks_mut(stride).for_each(|row| row[..n].fill(E::zero()));
        }
        return Ok(());
    }
    begin()?;
    look_for(packing::<E>(m, k, n))?;
    // The kernels of the crate want columns of `c` that lie one after the other: this is the product of the
    // transposes, `c^T = b^T . a^T`.
    let multiply = E::kernel();
    // SAFETY: none of `m`, `n`, `k` is 0, so what the sizes and strides of `a` and `b` reach lies within their slices,
    // which `Matrix` has checked when it was made, without products that wrap around. The last number written is
    // `(m - 1) * stride + n - 1` of `c`, which is within that slice, as was checked above; `n <= stride`, so no two rows
    // overlap. `c` is borrowed for this call alone. A slice has at most `isize::MAX` bytes, and with more than one row
    // or column a stride is less than the slice is long; where there is one, a stride is not used.
    unsafe {
        multiply(
            n,
            m,
            k,
            c.as_mut_ptr(),
            stride as isize,
            1,
            add,
            b.values.as_ptr(),
            b.row_stride as isize,
            b.column_stride as isize,
            a.values.as_ptr(),
            a.row_stride as isize,
            a.column_stride as isize,
            E::one(),
            E::one(),
            false,
            false,
            false,
            Parallelism::None,
        );
    }
    Ok(())
}

/// Has the crate take the memory that it keeps for each thread, before it aborts because there is none.
fn begin() -> Result<(), NoMemory> {
    thread_local! {
        static BEGUN: Cell<bool> = const { Cell::new(false) };
    }
    if !BEGUN.get() {
        look_for(CACHE_INFO[1].cache_bytes.saturating_add(CACHELINE_ALIGN))?;
        L2_SLAB.with(|_| BEGUN.set(true));
    }
    Ok(())
}

/// How many bytes the crate asks for at most to pack the factors of a product: it would abort where there are none.
fn packing<E>(m: usize, k: usize, n: usize) -> usize {
    /// The most terms that it packs at a time, what a micro-kernel takes more than there is, and how much fits into caches.
    const TERMS: usize = 512;
    const MORE: usize = 64;
    const CACHES: usize = 8 << 20;
    let each = size_of::<E>().saturating_mul(k.min(TERMS));
    let of = |count: usize| count.saturating_add(MORE).saturating_mul(each).min(CACHES);
    of(m).saturating_add(of(n))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_of_some_columns_leaves_the_others() {
        let (a, b) = ([1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0, 9.0, 10.0]);
        let mut c = [1.0_f64; 9];
        let right = Matrix::new(&b, 2, 3).columns(1, 2);
        product_into(&mut c[1..], 4, Matrix::new(&a, 2, 2), right, true).unwrap();
        assert_eq!(c, [1.0, 25.0, 28.0, 1.0, 1.0, 55.0, 62.0, 1.0, 1.0]);
        product_into(&mut c[..6], 4, Matrix::new(&[], 2, 0), Matrix::new(&[], 0, 2), false)
            .unwrap();
        assert_eq!(c, [0.0, 0.0, 28.0, 1.0, 0.0, 0.0, 62.0, 1.0, 1.0]);
    }

    #[test]
    #[should_panic(expected = "6 values are no")]
    fn a_size_that_wraps_around_is_no_size() {
        Matrix::new(&[0.0_f32; 6], usize::MAX / 2 + 4, 2);
    }

    #[test]
    #[should_panic(expected = "the size of a product")]
    fn a_product_stays_within_its_slice() {
        let a = Matrix::new(&[1.0_f32, 2.0], 2, 1);
        product_into(&mut [0.0; 6], usize::MAX / 2 + 1, a, a.transposed(), false).unwrap();
    }
}
