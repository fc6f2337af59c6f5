//! Procedural macros of [`kerata`](https://docs.rs/kerata).
