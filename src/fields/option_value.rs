use serde_json::Value;

use super::{NamedActivation, whole};
use crate::backend::ActivationFunction;

/// What an `#[option]` of a layer may be.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an option of a layer",
    label = "an option is a number (`f64`, `f32`, `usize`), a `bool` or an `ActivationFunction`"
)]
pub trait OptionValue: Copy + Into<Value> + std::fmt::Display {
    /// What a config needs.
    const NEEDED: &'static str;

    /// What a config may say where there is no type, if that is more, as with all keys.
    const ANY: Option<fn(&Value) -> Result<Value, String>> = None;

    /// Reads it.
    fn parse(value: &Value) -> Option<Self>;
}

macro_rules! option_value {
    ($($ty:ty, $needed:literal: $parse:expr;)*) => {
        $(#[diagnostic::do_not_recommend]
        impl OptionValue for $ty {
            const NEEDED: &'static str = $needed;

            fn parse(value: &Value) -> Option<Self> {
                $parse(value)
            }
        })*
    };
}
option_value! {
    f64, "a number is needed": Value::as_f64;
    f32, "a number is needed": |value: &Value| value.as_f64().map(|number| number as f32);
    usize, "a whole number is needed": |value| whole(value)?.try_into().ok();
    bool, "true or false is needed": Value::as_bool;
}

impl From<ActivationFunction> for Value {
    fn from(function: ActivationFunction) -> Self {
        function.name().into()
    }
}

#[diagnostic::do_not_recommend]
impl OptionValue for ActivationFunction {
    const NEEDED: &'static str = "the name of an activation is needed";
    // There a function may be a user's own, or a layer with options.
    const ANY: Option<fn(&Value) -> Result<Value, String>> =
        Some(|value| NamedActivation::parse(value).map(|said| said.json));

    fn parse(value: &Value) -> Option<Self> {
        let said = NamedActivation::parse(value).ok()?;
        Self::named(&said.name).filter(|_| said.options.is_none())
    }
}

/// Options that are words: the values, and what Keras calls them.
macro_rules! option_words {
    ($(#[$doc:meta])* $name:ident, $needed:literal: $($(#[$of:meta])* $value:ident $word:literal,)*) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub enum $name {
            $($(#[$of])* $value,)*
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(match self {
                    $(Self::$value => $word,)*
                })
            }
        }

        impl From<$name> for serde_json::Value {
            fn from(value: $name) -> Self {
                value.to_string().into()
            }
        }

        #[diagnostic::do_not_recommend]
        impl $crate::fields::OptionValue for $name {
            const NEEDED: &'static str = $needed;

            fn parse(value: &serde_json::Value) -> Option<Self> {
                match value.as_str()? {
                    $($word => Some(Self::$value),)*
                    _ => None,
                }
            }
        }
    };
}
pub(crate) use option_words;
