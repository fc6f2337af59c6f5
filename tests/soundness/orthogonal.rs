//! The orthogonal initialiser: orthonormal, uniform, the same for a seed, and quick.

use kerata::{Backend, Cpu, Element, init};

/// The matrix, row by row.
fn matrix<E: Element>(seed: u64, rows: usize, columns: usize) -> Vec<f64>
where
    Cpu: Backend<E>,
{
    let dev = Cpu::seed_from_u64(seed);
    let matrix = init::orthogonal::<_, E, _>(&dev, (rows, columns), rows, columns).unwrap();
    matrix.as_vec().into_iter().map(Element::as_f64).collect()
}

/// How far the products of the rows, or of the columns if there are fewer, are from those of orthonormal ones.
fn error(matrix: &[f64], rows: usize, columns: usize) -> f64 {
    let vector = |i: usize| -> Vec<f64> {
        match rows <= columns {
            true => matrix[i * columns..(i + 1) * columns].to_vec(),
            false => matrix.iter().skip(i).step_by(columns).copied().collect(),
        }
    };
    let vectors: Vec<Vec<f64>> = (0..rows.min(columns)).map(vector).collect();
    let mut most = 0.0_f64;
    for (i, a) in vectors.iter().enumerate() {
        for (j, b) in vectors[..=i].iter().enumerate() {
            let dot: f64 = a.iter().zip(b).map(|(a, b)| a * b).sum();
            most = most.max((dot - f64::from(u8::from(i == j))).abs());
        }
    }
    most
}

#[test]
fn rows_or_columns_are_orthonormal() {
    // Around the sizes of blocks, and of nothing.
    let sizes = [1, 2, 3, 63, 64, 65, 130];
    for rows in sizes {
        for columns in sizes {
            let single = error(&matrix::<f32>(1, rows, columns), rows, columns);
            let double = error(&matrix::<f64>(1, rows, columns), rows, columns);
            assert!(single < 1e-6 && double < 1e-13, "{rows} {columns}: {single:e} {double:e}");
        }
    }
    for (rows, columns) in [(0, 3), (3, 0), (0, 0)] {
        init::orthogonal::<_, f32, _>(&Cpu::default(), (rows, columns), rows, columns).unwrap();
    }
}

#[test]
fn a_seed_decides_it() {
    assert_eq!(matrix::<f32>(1, 70, 200), matrix::<f32>(1, 70, 200));
    assert_ne!(matrix::<f32>(1, 70, 200), matrix::<f32>(2, 70, 200));
    let (single, double) = (matrix::<f32>(1, 70, 200), matrix::<f64>(1, 70, 200));
    assert!(single.iter().zip(&double).all(|(a, b)| (a - b).abs() < 1e-5));
}

/// Every direction is as likely, and so is every sign: the mean of each entry is 0, that of its square 1/n.
#[test]
fn it_is_uniform() {
    const TIMES: u64 = 4000;
    for (rows, columns) in [(2, 2), (3, 3), (2, 4), (4, 2)] {
        let n = rows.max(columns) as f64;
        let (mut sums, mut squares) = (vec![0.0; rows * columns], vec![0.0; rows * columns]);
        let mut turned = 0.0;
        for seed in 0..TIMES {
            let matrix = matrix::<f64>(seed, rows, columns);
            for (i, x) in matrix.iter().enumerate() {
                sums[i] += x / TIMES as f64;
                squares[i] += x * x / TIMES as f64;
            }
            turned += (matrix[0] * matrix[rows * columns - 1]).signum() / TIMES as f64;
        }
        // Five standard deviations.
        let limit = 5.0 / (TIMES as f64).sqrt();
        assert!(sums.iter().all(|sum| sum.abs() < limit), "{sums:?}");
        assert!(squares.iter().all(|square| (square - 1.0 / n).abs() < limit), "{squares:?}");
        assert!(turned.abs() < limit, "{turned}");
    }
}
