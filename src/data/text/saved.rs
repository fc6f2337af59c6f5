use serde_json::{Value, json};

use super::{CategoryEncoding, StringLookup, TextVectorization};
use crate::{
    backend::{Backend, Element},
    config::Config,
    data::Vocabulary,
    error::Error,
    io::{self, WeightFile},
    parameters::Parameters,
    tuples::several,
};

/// What makes the inputs of a model, and is saved with it: [`TextVectorization`], [`StringLookup`], [`CategoryEncoding`], a
/// [`Vocabulary`], or a tuple of such, in Keras's config form with what they have learned. [`SaveWith`] writes and reads it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not saved with a model",
    label = "not among what makes the inputs of a model",
    note = "a `TextVectorization`, `StringLookup`, `CategoryEncoding` or `Vocabulary` is, and a tuple of them: `let words: Vocabulary = net.load_with(..)?`"
)]
pub trait Preprocessing: Sized {
    /// The configs.
    ///
    /// # Errors
    /// Those of the settings: what could not be read again.
    fn configs(&self) -> Result<Vec<Config>, Error>;

    /// Reads the configs.
    ///
    /// # Errors
    /// [`Error::Mismatch`] for more or fewer of them; [`Error::Differences`] for those of something else.
    fn from_configs(configs: &[Config]) -> Result<Self, Error>;
}

fn check_count(expected: usize, configs: &[Config]) -> Result<(), Error> {
    match configs.len() {
        found if found == expected => Ok(()),
        found => Err(Error::mismatch("the preprocessing layers", expected, found)),
    }
}

macro_rules! one {
    ($($layer:ty)*) => {$(
        #[diagnostic::do_not_recommend]
        impl Preprocessing for $layer {
            fn configs(&self) -> Result<Vec<Config>, Error> {
                Ok(vec![self.config()])
            }

            fn from_configs(configs: &[Config]) -> Result<Self, Error> {
                check_count(1, configs)?;
                Self::from_config(&configs[0])
            }
        }
    )*};
}
one!(TextVectorization StringLookup CategoryEncoding);

/// It is no class of Keras's, so its config is what [`Vocabulary::save`] writes.
#[diagnostic::do_not_recommend]
impl Preprocessing for Vocabulary {
    fn configs(&self) -> Result<Vec<Config>, Error> {
        let config = serde_json::to_value(self).map_err(|e| Error::Json(e.to_string()))?;
        Ok(vec![Config::try_from(json!({ "class_name": VOCABULARY, "config": config }))?])
    }

    fn from_configs(configs: &[Config]) -> Result<Self, Error> {
        check_count(1, configs)?;
        let Config { class_name, config, .. } = &configs[0];
        if class_name != VOCABULARY {
            return Err(Error::mismatch("the class of a config", VOCABULARY, class_name));
        }
        let config = Value::Object(config.clone());
        serde_json::from_value(config).map_err(|e| Error::Json(e.to_string()))
    }
}

const VOCABULARY: &str = "Vocabulary";

macro_rules! side_by_side {
    ($($S:ident $at:tt)*) => {
        #[diagnostic::do_not_recommend]
        impl<$($S: Preprocessing),*> Preprocessing for ($($S,)*) {
            fn configs(&self) -> Result<Vec<Config>, Error> {
                Ok([$(self.$at.configs()?),*].concat())
            }

            fn from_configs(configs: &[Config]) -> Result<Self, Error> {
                check_count([$($at),*].len(), configs)?;
                Ok(($($S::from_configs(&configs[$at..=$at])?,)*))
            }
        }
    };
}
several!(side_by_side);

/// Saves a model with what makes its inputs, in one file, and loads both.
///
/// ```
/// use kerata::{*, data::TextVectorization, prelude::*};
///
/// #[model(input = Ids<(Batch, 6)>, output = (Batch, 1))]
/// struct Reviews {
///     embed: Embedding<8, 4, MaskZero>,
///     mean: GlobalAveragePooling1d,
///     good: Dense<_, 1, Sigmoid>,
/// }
///
/// let mut words = TextVectorization { output_sequence_length: Some(6), ..TextVectorization::default() };
/// words.adapt(["a good film", "a bad film"])?;
/// let model = Reviews::build(&Cpu::seed_from_u64(1))?;
/// let path = std::env::temp_dir().join(format!("kerata-doc-with-{}.safetensors", std::process::id()));
/// model.save_with(&path, &words)?;
///
/// let mut served = Reviews::build(&Cpu::seed_from_u64(2))?;
/// let words: TextVectorization = served.load_with(&path)?;
/// let ids = words.ids(&["A good film!"])?;
/// assert_eq!(ids, [[3, 4, 2, 0, 0, 0]]);
/// # std::fs::remove_file(path).unwrap();
/// # Ok::<(), Error>(())
/// ```
pub trait SaveWith<E: Element, D: Backend<E>>: Parameters<E, D> {
    /// Writes all parameters as `.safetensors`, with the configs of the preprocessing in its metadata.
    /// [`load_weights`](crate::io::SaveWeights::load_weights) reads the parameters alone.
    ///
    /// # Errors
    /// Those of [`save_weights`](crate::io::SaveWeights::save_weights); [`Error::File`] for a `.npz`; those of
    /// [`from_configs`](Preprocessing::from_configs) for settings that would not be read back.
    fn save_with<P: Preprocessing>(
        &self,
        path: impl AsRef<std::path::Path>,
        preprocessing: &P,
    ) -> Result<(), Error> {
        let configs = preprocessing.configs()?;
        // What is written must not be lost.
        P::from_configs(&configs)?;
        let configs = configs.into_iter().enumerate();
        // Names in their order.
        let texts = configs.map(|(i, config)| (format!("{i:04}"), config.to_string())).collect();
        io::write_weights(path.as_ref(), self, Some(&texts))
    }

    /// Reads all parameters, and the preprocessing.
    ///
    /// # Errors
    /// Those of [`load_weights`](crate::io::SaveWeights::load_weights); [`Error::File`] for a file without preprocessing, and
    /// those of [`from_configs`](Preprocessing::from_configs). Then the model is as it was before.
    fn load_with<P: Preprocessing>(
        &mut self,
        path: impl AsRef<std::path::Path>,
    ) -> Result<P, Error> {
        let path = path.as_ref();
        let file = WeightFile::open_whole(path)?;
        let Some(texts) = file.metadata(io::PREPROCESSING)? else {
            let message = "there are no preprocessing layers in it: `load_weights` reads the rest";
            return Err(io::failed(path, message));
        };
        // A vocabulary may be longer than the configs of layers are allowed to be. It is in memory already, as text.
        let read = |text| serde_json::from_str::<Value>(text).map_err(|e| io::failed(path, e));
        let configs = texts.values().map(|text| Config::try_from(read(text)?));
        let configs = configs.collect::<Result<Vec<_>, _>>()?;
        let preprocessing = P::from_configs(&configs)?;
        file.load_into(self)?;
        Ok(preprocessing)
    }
}

impl<M: Parameters<E, D>, E: Element, D: Backend<E>> SaveWith<E, D> for M {}
