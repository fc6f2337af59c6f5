use std::marker::PhantomData;

/// What the bare name of an optimiser `O` is, where a value belongs: `Adam` in place of `Adam::new(0.001)`.
///
/// Without such a value, the compiler suggests to fill in all fields of the struct.
#[derive(Debug)]
pub struct JustTheType<O>(PhantomData<O>);

impl<O> JustTheType<O> {
    /// The value.
    pub const NEW: Self = Self(PhantomData);
}
