//! Held against numbers that Keras computed: layers, gradients, losses, metrics and training.

#![allow(missing_docs)]

#[allow(dead_code)]
mod case;
mod each_layer;
mod images;
mod layers;
mod losses;
mod models;
mod states;
mod training;
