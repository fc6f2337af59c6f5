//! How near the kernels come to what the processor can do.
//!
//! ```text
//! cargo bench --bench kernels [-- --threads N]
//! ```
//!
//! The peak is that of fused multiply-adds in registers, measured in the same run on the same threads. Beside
//! it: the matrix product of the crate `gemm` alone, and the layers, forward and in a training pass, with all
//! that they copy. One JSON line each, then a table. Where time is told as GFLOP/s, the work counted is that of
//! the products only.

use std::{hint::black_box, time::Instant};

use dfdx::{
    prelude::{Backward, SumTo},
    tensor::{OwnedTape, PutTape},
};
use kerata::{Conv2d, Cpu, Dense, Error, Lstm, Sequences, prelude::*, shape::Const};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// How long each thing is measured at least, in seconds.
const ENOUGH: f64 = 0.4;

/// Multiply-adds that wait for nothing: each step of each of 16 chains.
struct MultiplyAdds(u64);

impl WithSimd for MultiplyAdds {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        let (factor, more) = (simd.splat_f32s(black_box(0.999)), simd.splat_f32s(black_box(0.001)));
        let mut sums = [simd.splat_f32s(1.0); 16];
        for _ in 0..self.0 {
            for sum in &mut sums {
                *sum = simd.mul_add_e_f32s(*sum, factor, more);
            }
        }
        black_box(sums);
        self.0 as f64 * 16.0 * S::F32_LANES as f64 * 2.0
    }
}

/// The quickest of as many runs as there is time for, in seconds.
fn best(mut run: impl FnMut() -> Result<(), Error>) -> Result<f64, Error> {
    let (start, mut best) = (Instant::now(), f64::INFINITY);
    while start.elapsed().as_secs_f64() < ENOUGH {
        let start = Instant::now();
        run()?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok(best)
}

fn peak(threads: usize) -> Result<f64, Error> {
    let steps = 50_000;
    let mut work = 0.0;
    let seconds = best(|| {
        let all = rayon::broadcast(|_| Arch::new().dispatch(MultiplyAdds(steps)));
        work = all.iter().take(threads).sum();
        Ok(())
    })?;
    Ok(work / seconds / 1e9)
}

fn numbers(n: usize) -> Vec<f32> {
    (0..n).map(|i| ((i * 7919 + 13) % 2003) as f32 / 4006.0 - 0.25).collect()
}

/// A product of `gemm` alone, as the kernels call it: rows on threads.
fn product(m: usize, k: usize, n: usize, threads: usize) -> Result<f64, Error> {
    let (a, b, mut c) = (numbers(m * k), numbers(k * n), vec![0.0_f32; m * n]);
    let share = m.div_ceil(threads);
    let seconds = best(|| {
        c.par_chunks_mut(share * n).zip(a.par_chunks(share * k)).for_each(|(c, a)| {
            let (m, n_stride) = (c.len() / n, n as isize);
            let multiply = gemm_f32::gemm::f32::get_gemm_fn();
            // As the product of the transposes, because it wants columns of `c` that lie one after the other.
            // SAFETY: `a` is m * k numbers, `b` k * n and `c` m * n, each row-major; `c` is of this call alone.
            unsafe {
                multiply(
                    n,
                    m,
                    k,
                    c.as_mut_ptr(),
                    n_stride,
                    1,
                    false,
                    b.as_ptr(),
                    n_stride,
                    1,
                    a.as_ptr(),
                    k as isize,
                    1,
                    0.0,
                    1.0,
                    false,
                    false,
                    false,
                    gemm_common::Parallelism::None,
                );
            }
        });
        Ok(())
    })?;
    Ok(2.0 * (m * k * n) as f64 / seconds / 1e9)
}

/// A layer forward, and in a training pass, on `dims` of input: GFLOP/s of each by the work of one forward pass.
macro_rules! layer {
    ($rows:expr, $name:literal, $layer:expr, $shape:expr, $work:expr) => {{
        let (mut layer, dev) = ($layer, Cpu::default());
        let shape = $shape;
        let n = dfdx::shapes::Shape::num_elements(&shape);
        let x = dev.tensor_from_vec(numbers(n), shape);
        let work: f64 = $work;
        let forward = best(|| layer.forward(x.clone()).map(|y| drop(black_box(y))))?;
        // The gradient of the input too, as in the middle of a model.
        let training = best(|| {
            let y = layer.forward_mut(x.clone().put_tape(OwnedTape::default()))?;
            drop(black_box(y.sum::<dfdx::shapes::Rank0, _>().backward()));
            Ok(())
        })?;
        $rows.push((concat!($name, ", forward"), work / forward / 1e9));
        $rows.push((concat!($name, ", training"), 3.0 * work / training / 1e9));
    }};
}

fn main() -> Result<(), Error> {
    // Cargo hands `--bench` on.
    let asked: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
    let threads = match asked.iter().position(|a| a == "--threads") {
        Some(at) => asked.get(at + 1).and_then(|n| n.parse().ok()).unwrap_or(cores),
        None => cores,
    };
    kerata::backend::set_threads(threads)?;
    let dev = Cpu::seed_from_u64(0);
    let peak = peak(threads)?;

    let mut rows = vec![("multiply-adds in registers", peak)];
    rows.push(("gemm 1024 x 1024 x 1024", product(1024, 1024, 1024, threads)?));
    rows.push(("gemm 3200 x 128 x 512", product(3200, 128, 512, threads)?));
    rows.push(("gemm 64 x 9216 x 128", product(64, 9216, 128, threads)?));
    layer!(
        rows,
        "Dense 64 x 9216 x 128",
        Dense::<9216, 128>::build(&dev)?,
        (64, Const::<9216>),
        2.0 * 64.0 * 9216.0 * 128.0
    );
    layer!(
        rows,
        "Lstm of 128 on 32 x 100 x 128",
        Lstm::<128, 128, Sequences>::build(&dev)?,
        (32, Const::<100>, Const::<128>),
        2.0 * 3200.0 * 256.0 * 512.0
    );
    layer!(
        rows,
        "Lstm of 64 on 128 x 10 x 27",
        Lstm::<27, 64, Sequences>::build(&dev)?,
        (128, Const::<10>, Const::<27>),
        2.0 * 1280.0 * 91.0 * 256.0
    );
    layer!(
        rows,
        "Conv2d 3 x 3 on 64 x 26 x 26 x 32",
        Conv2d::<32, 64, 3>::build(&dev)?,
        (64, Const::<26>, Const::<26>, Const::<32>),
        2.0 * 64.0 * 576.0 * 288.0 * 64.0
    );

    let mut table = comfy_table::Table::new();
    table.set_header(["what", "GFLOP/s", "of the peak"]);
    for (what, speed) in rows {
        println!(
            "{{\"kernel\":\"{what}\",\"threads\":{threads},\"gflops\":{speed:.1},\"peak\":{peak:.1}}}"
        );
        let share = format!("{:.0} %", 100.0 * speed / peak);
        table.add_row([what.to_owned(), format!("{speed:.1}"), share]);
    }
    println!("{table}");
    Ok(())
}
