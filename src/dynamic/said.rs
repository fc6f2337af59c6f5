//! What the calls of a layer say beside its values.

/// What calls may say to a layer.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct CallWords {
    /// The names of its values in their order, where they have names: an attention's `query`.
    pub(crate) values: &'static [&'static str],
    /// How many of them may have a mask.
    pub(crate) masked: usize,
    /// Whether these masks are taken off behind the call.
    pub(crate) bares: bool,
    /// What is true or false of a call, such as `use_causal_mask`.
    pub(crate) flags: &'static [&'static str],
}

/// What the calls of a layer say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// The names of the values that are given, in their order.
    pub(crate) values: Vec<&'static str>,
    /// The flags that are true.
    pub(crate) flags: Vec<&'static str>,
}

impl Said {
    pub(crate) fn has(&self, flag: &str) -> bool {
        self.flags.contains(&flag)
    }
}
