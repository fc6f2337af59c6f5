//! The settings of a loss by name, for a training that goes on.

/// All fields of a loss as its settings: one that is not named does not compile.
macro_rules! settings {
    ($($field:ident),*) => {
        fn settings(&self) -> Vec<(&'static str, String)> {
            let Self { $($field),* } = self;
            vec![$((stringify!($field), format!("{:?}", $field))),*]
        }
    };
}
pub(super) use settings;
