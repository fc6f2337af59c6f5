//! Gradients against central differences in `f64`: `(f(x + h) - f(x - h)) / 2h`, to 1e-6.

#![allow(missing_docs)]

mod chains;
mod images;
mod layers;
mod losses;
mod merges;
mod numeric;
mod states;
