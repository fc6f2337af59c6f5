use crate::{error::Error, just_the_type::no_new};

/// How long and in what pieces to train: the arguments of Keras's `fit`, with its defaults.
///
/// ```
/// use kerata::train::Fit;
///
/// let fit = Fit { batch_size: 64, ..Fit::epochs(12) };
/// assert!(fit.shuffle);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fit {
    /// How often all samples are seen. Default 1.
    pub epochs: usize,
    /// The number of the first epoch, for what depends on it, such as a callback: there are `epochs - initial_epoch` of them. Default 0.
    pub initial_epoch: usize,
    /// How many samples are in a batch. Default 32.
    pub batch_size: usize,
    /// Whether each epoch has an order of its own. Default yes.
    pub shuffle: bool,
    /// What decides these orders. Default 0.
    pub seed: u64,
    /// How many batches an epoch has, of data that has more or has no end; else it lasts as long as the data. Default
    /// none said. Epochs go on in the samples of an [`InMemory`](crate::data::InMemory) where the one before ended, as in Keras; the
    /// epoch that comes to the last sample may have fewer batches.
    pub steps_per_epoch: Option<usize>,
    /// How many batches of the validation data are used. Default all.
    pub validation_steps: Option<usize>,
    /// How many samples are in a batch of the validation. Default `batch_size`.
    pub validation_batch_size: Option<usize>,
    /// After every how many epochs there is a validation: with 3 after the third, the sixth, and so on. The history has NaN in
    /// the `val_` columns of the others. Default 1.
    pub validation_freq: usize,
    /// Whether a progress bar is drawn, if the output is a terminal and the crate has its feature `terminal`. Default
    /// yes.
    pub progress: bool,
}

impl Default for Fit {
    fn default() -> Self {
        Self {
            epochs: 1,
            initial_epoch: 0,
            batch_size: 32,
            shuffle: true,
            seed: 0,
            steps_per_epoch: None,
            validation_steps: None,
            validation_batch_size: None,
            validation_freq: 1,
            progress: true,
        }
    }
}

no_new!(Fit: "it is made of a number of epochs: `Fit::epochs(10)`");

impl Fit {
    /// The defaults, with a number of epochs.
    pub fn epochs(epochs: usize) -> Self {
        Self { epochs, ..Self::default() }
    }

    /// # Errors
    /// [`Error::Invalid`] for a number of 0.
    pub(super) fn check(&self) -> Result<(), Error> {
        let numbers = [
            ("epochs", Some(self.epochs)),
            ("batch_size", Some(self.batch_size)),
            ("steps_per_epoch", self.steps_per_epoch),
            ("validation_steps", self.validation_steps),
            ("validation_batch_size", self.validation_batch_size),
            ("validation_freq", Some(self.validation_freq)),
        ];
        at_least_one(&numbers)
    }
}

/// What of a call of `fit` must be the same where a training goes on: else the batches or the losses would be others.
#[derive(Debug, Clone, Default)]
pub(super) struct Terms(pub(super) Vec<(String, String)>);

impl Terms {
    /// Those of the settings, of how many samples there are, if that is known, and of the losses of the outputs.
    pub(super) fn of(
        fit: &Fit,
        samples: Option<usize>,
        losses: Vec<Vec<(&'static str, String)>>,
        outputs: &[String],
    ) -> Self {
        let steps = fit.steps_per_epoch.map_or_else(|| "all".to_owned(), |steps| steps.to_string());
        let own = [
            ("batch_size", fit.batch_size.to_string()),
            ("shuffle", fit.shuffle.to_string()),
            ("seed", fit.seed.to_string()),
            ("steps_per_epoch", steps),
            ("initial_epoch", fit.initial_epoch.to_string()),
        ];
        let samples = samples.map(|samples| ("samples", samples.to_string()));
        let own = own.into_iter().chain(samples).map(|(name, value)| (name.to_owned(), value));
        let several = losses.len() > 1;
        let of_losses = losses.into_iter().enumerate().flat_map(|(at, settings)| {
            let of = outputs.get(at).filter(|_| several);
            let of = of.map_or_else(String::new, |output| format!(" of `{output}`"));
            settings
                .into_iter()
                .map(move |(name, value)| (format!("{name} of the loss{of}"), value))
        });
        Self(own.chain(of_losses).collect())
    }
}

/// # Errors
/// [`Error::Invalid`] for the first number that is 0.
pub(super) fn at_least_one(numbers: &[(&'static str, Option<usize>)]) -> Result<(), Error> {
    match numbers.iter().find(|(_, number)| *number == Some(0)) {
        Some((name, _)) => Err(Error::invalid(name, 0, "it must be at least 1")),
        None => Ok(()),
    }
}

/// What is made by a training as `F` says, which is a [`Fit`], lent or not.
///
/// It is a trait of what is made: where that is unknown, the compiler says nothing of this.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{F}` does not say how to train: write `&Fit::epochs(10)`, with the number of epochs",
    label = "`fit` takes the data and a `Fit`"
)]
pub trait MadeBy<F> {
    /// The settings.
    fn settings(fit: &F) -> Fit;
}

#[diagnostic::do_not_recommend]
impl<H> MadeBy<Fit> for H {
    fn settings(fit: &Fit) -> Fit {
        *fit
    }
}

#[diagnostic::do_not_recommend]
impl<H> MadeBy<&Fit> for H {
    fn settings(fit: &&Fit) -> Fit {
        **fit
    }
}

/// How to train: a [`Fit`], lent or not. `H` is what the training returns.
pub trait HowToFit<H> {
    /// `H`.
    type Returned;

    /// The settings.
    fn settings(&self) -> Fit;

    /// The same value.
    fn returned(history: H) -> Self::Returned;
}

impl<F, H: MadeBy<F>> HowToFit<H> for F {
    type Returned = H;

    fn settings(&self) -> Fit {
        H::settings(self)
    }

    fn returned(history: H) -> H {
        history
    }
}
