//! Typed attention: Keras's numbers, gradients, kernels against the reference, and padding.

#![allow(missing_docs)]

#[allow(dead_code)]
#[path = "../keras/case.rs"]
mod case;
mod files;
mod gradients;
mod kernels;
mod numbers;
mod padding;
mod single;

/// Values in [-1, 1] that look random and are always the same.
fn values(n: usize, seed: usize) -> Vec<f64> {
    (0..n).map(|i| ((i * 7919 + seed * 104_729 + 13) % 2003) as f64 / 1001.0 - 1.0).collect()
}
