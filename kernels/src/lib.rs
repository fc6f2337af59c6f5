//! What the layers of kerata compute on the CPU: functions over slices of `f32`, forward and backward, with vector
//! instructions that are chosen at run time, on several threads.
//!
//! [`kerata`](https://docs.rs/kerata) puts them on the tape of its tensors. The crate is made for it: names in here may
//! change with each version. Sizes that do not fit are a panic here, as with slices; kerata has looked at them before.
//! Memory that is not there is an error, [`NoMemory`](memory::NoMemory), and the only one that a `Result` here has.

pub mod activation;
pub mod adam;
pub mod additive;
pub mod attention;
pub mod bags;
pub mod batch_norm;
pub mod buffer;
pub mod conv;
pub mod crossentropy;
pub mod curves;
pub mod gemm;
pub mod group_norm;
pub mod largest;
pub mod layer_norm;
pub mod layout;
pub mod matrix;
pub mod memory;
pub mod multiply;
pub mod occurrences;
pub mod packed;
pub mod pointwise;
pub mod pool;
pub mod prelu;
pub mod query;
pub mod recurrent;
pub mod reduce;
pub mod rows;
pub mod scaled;
pub mod share;
pub mod simd;
pub mod softmax;
pub mod sums;
pub mod table;
pub mod threads;
pub mod unit;
pub mod window;
