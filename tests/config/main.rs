//! Configs and weight files, held against Keras and NumPy, and against hostile input.

#![allow(missing_docs)]

mod attention;
mod attention_errors;
mod attention_padding;
mod batches;
mod branches;
#[allow(dead_code)]
#[path = "../keras/case.rs"]
mod case;
mod clients;
mod dropout;
mod dynamic;
mod empty;
mod files;
mod foreign;
mod functions;
mod graph_errors;
mod graphs;
mod hostile;
mod initializers;
mod json;
mod keras2;
mod keras3;
mod kinds;
mod limits;
mod named;
mod norms;
mod older;
mod refused_functions;
mod sentences;
mod summaries;
mod training;
mod typed;
