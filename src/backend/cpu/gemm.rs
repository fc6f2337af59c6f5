//! The matrix product, by the crate `gemm`: its part for `f32`, because its complex numbers take long to compile.

use super::matrix::Matrix;

/// `c = a . b`, or `c += a . b`, on the calling thread.
pub(crate) fn product(c: &mut [f32], a: Matrix<'_>, b: Matrix<'_>, add: bool) {
    let (m, n, k) = (a.rows, b.columns, a.columns);
    assert_eq!(k, b.rows, "the inner sizes of a product");
    assert_eq!(c.len(), m * n, "the size of a product");
    if m * n == 0 {
        return;
    }
    if k == 0 {
        if !add {
            c.fill(0.0);
        }
        return;
    }
    // The kernels of the crate want columns of `c` that lie one after the other: this is the product of the
    // transposes, `c^T = b^T . a^T`.
    let multiply = gemm_f32::gemm::f32::get_gemm_fn();
    // SAFETY: `a` and `b` lie within their slices by the construction of `Matrix`: the last number of the last
    // row is the last that the strides reach, and columns are only ever left out; none of `m`, `n`, `k` is 0;
    // `c` is `m * n` numbers, row-major, borrowed for this call alone.
    unsafe {
        multiply(
            n,
            m,
            k,
            c.as_mut_ptr(),
            n as isize,
            1,
            add,
            b.numbers.as_ptr(),
            b.row_stride as isize,
            b.column_stride as isize,
            a.numbers.as_ptr(),
            a.row_stride as isize,
            a.column_stride as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            gemm_common::Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_products() {
        let (a, b) = ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [7.0, 8.0, 9.0, 10.0, 11.0, 12.0]);
        let mut c = [1.0; 4];
        product(&mut c, Matrix::new(&a, 2, 3), Matrix::new(&b, 3, 2), true);
        assert_eq!(c, [59.0, 65.0, 140.0, 155.0]);
        // Some columns of a transpose, and of a matrix with a column more.
        let of_a = Matrix::new(&a, 3, 2).transposed();
        product(&mut c, of_a, Matrix::new(&b, 2, 3).transposed().columns(0, 2), false);
        assert_eq!(c, [76.0, 103.0, 100.0, 136.0]);
        product(&mut c, Matrix::new(&a, 2, 3).columns(0, 0), Matrix::new(&[], 0, 2), true);
        assert_eq!(c, [76.0, 103.0, 100.0, 136.0]);
        product(&mut c, Matrix::new(&[], 2, 0), Matrix::new(&[], 0, 2), false);
        assert_eq!(c, [0.0; 4]);
    }
}
