//! What holds whatever the numbers are: padding changes nothing, masked steps repeat, empty batches pass.

#![allow(missing_docs)]

mod empty;
mod masking;
mod nan;
