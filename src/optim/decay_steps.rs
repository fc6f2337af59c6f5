//! After how many steps a schedule has done something.

/// What is taken for a number of steps, which may be a fraction: any number, as Keras takes it.
///
/// ```
/// use kerata::optim::schedules::ExponentialDecay;
///
/// assert_eq!(ExponentialDecay::new(0.1, 1000, 0.9), ExponentialDecay::new(0.1, 1000.0, 0.9));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no number of steps",
    label = "a number, such as `1000`"
)]
pub trait DecaySteps {
    /// The number.
    fn steps(self) -> f64;
}

macro_rules! decay_steps {
    ($($number:ty)*) => {$(
        #[diagnostic::do_not_recommend]
        impl DecaySteps for $number {
            fn steps(self) -> f64 {
                self as f64
            }
        }
    )*};
}
decay_steps!(f64 f32 usize u64 u32 u16 u8 isize i64 i32 i16 i8);
