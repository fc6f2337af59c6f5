use super::check;
use crate::error::Error;

/// What all optimisers of Keras have in common: weight decay, clipping, a moving average of the weights, and
/// gradients that are gathered over several steps.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Options<'a> {
    /// The fraction, times the learning rate, that every parameter loses in a step.
    pub weight_decay: Option<f64>,
    /// A parameter loses nothing if one of these stands in its name.
    pub exclude_from_weight_decay: &'a [String],
    /// How gradients are made smaller.
    pub clipping: Option<Clipping>,
    /// The moving average of the weights.
    pub ema: Option<Ema>,
    /// Over how many steps the gradients are gathered. The mean of them makes one update.
    pub gradient_accumulation_steps: Option<usize>,
}

/// How gradients are made smaller.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Clipping {
    /// The gradient of each parameter has at most this norm.
    Norm(f64),
    /// No value of a gradient is larger.
    Value(f64),
    /// All gradients together have at most this norm.
    GlobalNorm(f64),
}

impl Clipping {
    /// The most that a value can be.
    pub(super) fn limit(self) -> f64 {
        match self {
            Self::Norm(limit) | Self::Value(limit) | Self::GlobalNorm(limit) => limit,
        }
    }
}

/// A moving average of the weights.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ema {
    /// How much of the average stays in a step.
    pub momentum: f64,
    /// After how many updates the weights become their average; at the end of training they do anyway.
    pub overwrite_frequency: Option<usize>,
}

impl Options<'_> {
    /// Over how many steps gradients are gathered for an update: 1 if they are not.
    pub(crate) fn steps_of_update(&self) -> usize {
        self.gradient_accumulation_steps.unwrap_or(1).max(1)
    }

    /// Whether a parameter of this name has no weight decay. As in Keras, a word is one of its own name, which is the last; with a dot it is
    /// one of all of them.
    pub(super) fn excludes(&self, name: &str) -> bool {
        let own = name.rsplit('.').next().unwrap_or(name);
        let stands =
            |word: &String| if word.contains('.') { name } else { own }.contains(&word[..]);
        self.exclude_from_weight_decay.iter().any(stands)
    }

    /// Checks the options.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub fn check(&self) -> Result<(), Error> {
        super::check_decay(self.weight_decay)?;
        if let Some(clipping) = self.clipping {
            let (name, value) = match clipping {
                Clipping::Norm(value) => ("clipnorm", value),
                Clipping::Value(value) => ("clipvalue", value),
                Clipping::GlobalNorm(value) => ("global_clipnorm", value),
            };
            super::check_positive(name, value)?;
        }
        if let Some(ema) = self.ema {
            let fits = (0.0..=1.0).contains(&ema.momentum);
            check("ema_momentum", ema.momentum, fits, "it must be in 0..=1")?;
            if ema.overwrite_frequency == Some(0) {
                return Err(Error::invalid("ema_overwrite_frequency", 0, "it must be at least 1"));
            }
        }
        match self.gradient_accumulation_steps {
            Some(steps @ (0 | 1)) => {
                let name = "gradient_accumulation_steps";
                Err(Error::invalid(name, steps, "it must be at least 2"))
            }
            _ => Ok(()),
        }
    }
}

/// The one clipping that is set.
///
/// # Errors
/// [`Error::Invalid`] if several are.
pub(super) fn one_clipping(
    clipnorm: Option<f64>,
    clipvalue: Option<f64>,
    global_clipnorm: Option<f64>,
) -> Result<(), Error> {
    let set = [clipnorm, clipvalue, global_clipnorm].into_iter().flatten().count();
    if set <= 1 {
        return Ok(());
    }
    let expected = "only one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set";
    Err(Error::invalid("the number of clippings", set, expected))
}

/// Declares an optimiser: its struct with the options that all have, `new` with a learning rate, and the defaults.
macro_rules! optimizer {
    (
        $(#[$doc:meta])*
        pub struct $name:ident {
            learning_rate: $rate:literal $(; weight_decay: $decay:literal)?,
            $($(#[$field_doc:meta])* $field:ident: $type:ty = $default:expr,)*
        }

        // With the place of the call, where the compiler shows it.
        pub fn $new:ident($given:ident: $into_rate:ty);
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name {
            #[doc = concat!("A number, or one of the [schedules](super::schedules). Default ", $rate, ".")]
            pub learning_rate: $crate::optim::LearningRate,
            $($(#[$field_doc])* pub $field: $type,)*
            /// The fraction, times the learning rate, that every parameter loses in a step.
            $(#[doc = concat!("Default ", $decay, ".")])?
            pub weight_decay: Option<f64>,
            /// Parameters in whose own names one of these stands, `bias` of `head.bias`, lose nothing. One with a dot is looked for in the whole name, as
            /// `head.` is. Default none.
            pub exclude_from_weight_decay: Vec<String>,
            /// The most that the norm of the gradient of each parameter can be. Default none.
            pub clipnorm: Option<f64>,
            /// The most that a value of a gradient can be. Default none.
            pub clipvalue: Option<f64>,
            /// The most that the norm of all gradients together can be. Default none.
            pub global_clipnorm: Option<f64>,
            /// Whether there is a moving average of the weights, which they become at the end of `fit`. Default no.
            pub use_ema: bool,
            /// How much of the average stays in a step. Default 0.99.
            pub ema_momentum: f64,
            /// After how many updates the weights become their average. Default only at the end of `fit`.
            pub ema_overwrite_frequency: Option<usize>,
            /// Over how many steps the gradients are gathered; the mean of them makes one update. Default none.
            pub gradient_accumulation_steps: Option<usize>,
        }

        /// For who writes the type where an optimiser belongs.
        #[doc(hidden)]
        #[allow(non_upper_case_globals)]
        pub const $name: $crate::just_the_type::JustTheType<$name> =
            $crate::just_the_type::JustTheType::NEW;

        impl Default for $name {
            fn default() -> Self {
                Self {
                    learning_rate: $crate::optim::LearningRate::from($rate),
                    $($field: $default,)*
                    weight_decay: [$(Some($decay),)? None][0],
                    exclude_from_weight_decay: Vec::new(),
                    clipnorm: None,
                    clipvalue: None,
                    global_clipnorm: None,
                    use_ema: false,
                    ema_momentum: 0.99,
                    ema_overwrite_frequency: None,
                    gradient_accumulation_steps: None,
                }
            }
        }

        impl $name {
            /// Keras's defaults with another learning rate: a number or a schedule.
            pub fn $new($given: $into_rate) -> Self {
                Self { learning_rate: $given.into_rate(), ..Self::default() }
            }

            /// Checks what all optimisers have.
            fn check_common(&self) -> Result<(), $crate::error::Error> {
                use $crate::optim::{Optimizer as _, options::one_clipping};
                self.learning_rate.check()?;
                one_clipping(self.clipnorm, self.clipvalue, self.global_clipnorm)?;
                self.options().check()
            }
        }
    };
}
pub(super) use optimizer;

/// The methods of an optimiser that follow from its declaration. Behind its name there is what [`InKeras`](super::InKeras) says,
/// and a method that answers yes.
macro_rules! settings {
    ($name:literal $(, $class:ident, $together:literal, [$($field:ident)*] $(, $is:ident)?)?) => {
        $(fn in_keras(&self) -> Option<$crate::optim::InKeras> {
            Some($crate::optim::InKeras {
                class_name: stringify!($class),
                settings: vec![$((stringify!($field), serde_json::Value::from(self.$field.clone()))),*],
                together: $together,
            })
        }
        $(fn $is(&self) -> bool {
            true
        })?)?

        fn name(&self) -> &'static str {
            $name
        }

        fn learning_rate(&self) -> &$crate::optim::LearningRate {
            &self.learning_rate
        }

        fn learning_rate_mut(&mut self) -> &mut $crate::optim::LearningRate {
            &mut self.learning_rate
        }

        fn options(&self) -> $crate::optim::Options<'_> {
            use $crate::optim::{Clipping, Ema};
            let clipping = self.clipnorm.map(Clipping::Norm);
            let clipping = clipping.or(self.clipvalue.map(Clipping::Value));
            $crate::optim::Options {
                weight_decay: self.weight_decay,
                exclude_from_weight_decay: &self.exclude_from_weight_decay,
                clipping: clipping.or(self.global_clipnorm.map(Clipping::GlobalNorm)),
                ema: self.use_ema.then_some(Ema {
                    momentum: self.ema_momentum,
                    overwrite_frequency: self.ema_overwrite_frequency,
                }),
                gradient_accumulation_steps: self.gradient_accumulation_steps,
            }
        }
    };
}
pub(super) use settings;

#[cfg(test)]
mod tests {
    use crate::optim::{Optimizer, Sgd};

    #[test]
    fn words_are_of_a_parameter_and_with_a_dot_of_its_layers() {
        let excludes = |word: &str, name: &str| {
            let exclude_from_weight_decay = vec!["gamma".to_owned(), word.to_owned()];
            let sgd = Sgd { exclude_from_weight_decay, ..Sgd::new(0.1) };
            sgd.options().excludes(name)
        };
        assert!(excludes("bias", "head.bias") && excludes("bias", "bias"));
        assert!(!excludes("bias", "unbiased.kernel"), "as in Keras");
        assert!(excludes("head.", "head.kernel") && excludes("head.kernel", "deep.head.kernel"));
        assert!(!excludes("head.", "trunk.kernel") && excludes("none", "norm.gamma"));
    }
}
