//! Keys that no layer lists: those of every layer, and those of an older Keras.

use kerata_format::says_nothing;

use super::{Fields, Mode};
use crate::error::{PRINTED, nearest};

impl Fields {
    /// Each key that nobody has asked for is a difference, unless it says nothing.
    pub(crate) fn refuse_the_rest(&mut self) {
        let known: Vec<String> = self.out.keys().cloned().collect();
        for (key, value) in std::mem::take(&mut self.given) {
            if says_nothing(&key, &value) {
                continue;
            }
            if self.mode == Mode::Any && key == "activity_regularizer" {
                self.out.insert(key, value);
                continue;
            }
            // What is not printed need not be looked for.
            let printed = self.differences.len() < PRINTED;
            let near = if printed { nearest(&key, &known) } else { String::new() };
            let expected = format!("`{}` has no such key{near}", self.class);
            self.differ(&key, &expected, &value);
        }
    }
}
