//! Keras's `InputLayer`: it says what reaches a model.

use crate::{
    error::Error,
    fields::{Config, Described, Fields, Mode, given_shape},
};

struct Keys;

impl Described for Keys {
    fn class(&self) -> &'static str {
        "InputLayer"
    }

    fn takes(&self, class: &str) -> bool {
        class == self.class()
    }

    fn may_be_left_out(&self, _next: Option<&str>) -> bool {
        false
    }

    fn show_keys(&mut self, fields: &mut Fields) {
        fields.input_keys();
    }
}

/// The config with all its keys, and the sizes that it says, the batch first.
pub(super) fn input(config: Config) -> Result<(Config, Option<Vec<Option<usize>>>), Error> {
    let sizes = given_shape("InputLayer", &config.config);
    let mut fields = Fields::new(Mode::Any, "InputLayer");
    fields.place = "InputLayer.".to_owned();
    fields.compare(&mut Keys, config);
    if !fields.differences.is_empty() {
        let what = "the config of `InputLayer`".to_owned();
        return Err(Error::Differences { what, differences: fields.differences });
    }
    let mut config = fields.into_config();
    if let Some(sizes) = &sizes {
        config.config.insert("batch_shape".to_owned(), serde_json::json!(sizes));
    }
    Ok((config, sizes))
}
