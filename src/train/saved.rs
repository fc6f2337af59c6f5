use std::{collections::BTreeMap, fmt::Display, str::FromStr};

use super::Snapshot;
use crate::{
    error::Error,
    io::{Values, Weight, WeightFile},
};

/// What a callback remembers, on its way into a checkpoint or out of one.
///
/// ```
/// use kerata::{Error, train::{Callback, Saved}};
///
/// struct Patience {
///     waited: usize,
///     best: Option<f64>,
/// }
///
/// impl<M> Callback<M> for Patience {
///     fn visit_saved(&mut self, saved: &mut Saved<'_>) -> Result<(), Error> {
///         saved.value("waited", &mut self.waited)?;
///         saved.optional("best", &mut self.best)
///     }
/// }
/// ```
#[derive(Debug)]
pub struct Saved<'a> {
    pub(super) prefix: String,
    pub(super) way: Way<'a>,
}

#[derive(Debug)]
pub(super) enum Way<'a> {
    Out(&'a mut Content),
    In(&'a mut Content),
}

/// What a checkpoint holds: short values by name, and arrays by name.
#[derive(Debug, Default)]
pub(super) struct Content {
    pub(super) values: BTreeMap<String, String>,
    pub(super) arrays: Vec<Weight>,
}

impl Content {
    pub(super) fn set(&mut self, name: impl Into<String>, value: impl Display) {
        self.values.insert(name.into(), value.to_string());
    }

    /// A value, if it is there.
    pub(super) fn get<T: FromStr>(&self, name: &str) -> Result<Option<T>, Error> {
        let Some(text) = self.values.get(name) else { return Ok(None) };
        let broken = || Error::Json(format!("`{name}` of the checkpoint is `{text}`"));
        text.parse().map(Some).map_err(|_| broken())
    }

    /// A value that must be there.
    pub(super) fn need<T: FromStr>(&self, name: &str) -> Result<T, Error> {
        self.get(name)?.ok_or_else(|| Error::Json(format!("the checkpoint has no `{name}`")))
    }

    /// Takes the arrays out whose names begin so, without that beginning.
    pub(super) fn take(&mut self, prefix: &str) -> Vec<Weight> {
        let mut taken = Vec::new();
        for mut array in std::mem::take(&mut self.arrays) {
            match array.name.strip_prefix(prefix).map(str::to_owned) {
                Some(name) => {
                    array.name = name;
                    taken.push(array);
                }
                None => self.arrays.push(array),
            }
        }
        taken
    }

    /// All arrays of a file, as they are.
    pub(super) fn read_arrays(file: &mut WeightFile) -> Result<Vec<Weight>, Error> {
        let arrays = file.arrays().to_vec();
        let read = arrays.into_iter().map(|array| {
            let values = match array.dtype.as_str() {
                "F32" => Values::F32(file.read(&array.name)?),
                _ => Values::F64(file.read(&array.name)?),
            };
            Ok(Weight { name: array.name, sizes: array.sizes, values })
        });
        read.collect()
    }
}

impl Saved<'_> {
    fn name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// A value: written as text, and read from it. Rust writes floats so that they are read exactly.
    ///
    /// # Errors
    /// [`Error::Json`] if a text is no such value, or is not there.
    pub fn value<T: Display + FromStr>(&mut self, name: &str, value: &mut T) -> Result<(), Error> {
        let name = self.name(name);
        match &mut self.way {
            Way::Out(content) => content.set(name, value),
            Way::In(content) => *value = content.need(&name)?,
        }
        Ok(())
    }

    /// A value that may not be there.
    ///
    /// # Errors
    /// [`Error::Json`] if a text is no such value.
    pub fn optional<T: Display + FromStr>(
        &mut self,
        name: &str,
        value: &mut Option<T>,
    ) -> Result<(), Error> {
        let name = self.name(name);
        match &mut self.way {
            Way::Out(content) => {
                if let Some(value) = value {
                    content.set(name, value);
                }
            }
            Way::In(content) => *value = content.get(&name)?,
        }
        Ok(())
    }

    /// The weights of a model at some time.
    ///
    /// # Errors
    /// [`Error::Device`] without memory.
    pub fn snapshot(&mut self, name: &str, value: &mut Option<Snapshot>) -> Result<(), Error> {
        let prefix = format!("{}.", self.name(name));
        match &mut self.way {
            Way::Out(content) => {
                for weight in value.iter().flat_map(|snapshot| &snapshot.0) {
                    content.arrays.push(weight.called(format!("{prefix}{}", weight.name))?);
                }
            }
            Way::In(content) => {
                let arrays = content.arrays.iter().filter_map(|array| {
                    let name = array.name.strip_prefix(&prefix)?;
                    Some(array.called(name.to_owned()))
                });
                let arrays = arrays.collect::<Result<Vec<_>, _>>()?;
                *value = (!arrays.is_empty()).then_some(Snapshot(arrays));
            }
        }
        Ok(())
    }
}
