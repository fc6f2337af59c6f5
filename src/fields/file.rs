use std::path::Path;

use super::{Config, MAX_BYTES};
use crate::{
    error::Error,
    io::{Kind, Wanted, failed, read, refuse_all_but},
};

impl Config {
    /// Reads a file of JSON, as Keras's `to_json` gives it: a regular file of at most [`MAX_BYTES`], with or without
    /// a byte-order mark.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be read, is no config, or is something else; then the error says what it is.
    ///
    /// ```
    /// use kerata::config::Config;
    ///
    /// let path = std::env::temp_dir().join("kerata-doc-config.json");
    /// std::fs::write(&path, r#"{"class_name": "Dense", "config": {"units": 10}}"#).unwrap();
    /// assert_eq!(Config::load(&path)?.class_name, "Dense");
    ///
    /// std::fs::write(&path, "<!DOCTYPE html><html>").unwrap();
    /// let error = Config::load(&path).unwrap_err().to_string();
    /// assert!(error.contains("this is a web page (HTML), not a config in JSON"), "{error}");
    /// # std::fs::remove_file(path).unwrap();
    /// # Ok::<(), kerata::Error>(())
    /// ```
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let refuse = refuse_all_but(&[Kind::Json], Wanted::Config);
        let bytes = read(path, MAX_BYTES as u64, refuse)?;
        let text = std::str::from_utf8(&bytes).map_err(|e| failed(path, e))?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        text.parse().map_err(|e: Error| failed(path, e))
    }
}
