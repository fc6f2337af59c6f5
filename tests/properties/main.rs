//! What holds whatever the numbers are: padding changes nothing, be it NaN, masked steps repeat, empty batches pass,
//! and the sizes of the types are those of run time.

#![allow(missing_docs)]

mod activations;
mod crossentropies;
mod elementwise;
mod empty;
mod fusion;
mod masking;
mod nan;
mod norms;
mod padding;
mod ranks;
mod ranks_cost;
mod ranks_data;
mod ranks_ended;
mod ranks_failing;
mod ranks_gathered;
mod ranks_layers;
mod ranks_settings;
mod ranks_states;
mod ranks_sums;
mod settings;
mod shapes;
mod tables;
mod tables_seen;
mod targets;
mod windows;
