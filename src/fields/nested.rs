use super::{AnySignal, Config, Configured, Described, Fields, Mode};

/// What a layer with others inside calls in [`Configured::describe`].
impl Fields {
    /// A layer inside this one, and what reaches it.
    pub fn layer<L: Configured>(&mut self, key: &str, layer: &mut L, wire: Option<AnySignal>) {
        self.layer_inside(key, layer, wire, "");
    }

    /// What `#[layer]` calls for an `#[inner]` layer, whose parameters have its key as a prefix.
    #[doc(hidden)]
    pub fn layer_within<L: Configured>(&mut self, key: &str, layer: &mut L) {
        self.layer_inside(key, layer, None, &format!("{key}."));
    }

    pub(super) fn layer_inside(
        &mut self,
        key: &str,
        layer: &mut dyn Described,
        wire: Option<AnySignal>,
        prefix: &str,
    ) {
        if self.mode == Mode::Any {
            let value = self.given.remove(key);
            match value {
                Some(value) => drop(self.out.insert(key.to_owned(), value)),
                None => self.difference(key, "it is needed", "the JSON says nothing".to_owned()),
            }
            return;
        }
        let mut inner = self.inner(layer.class(), &format!("{key}."), Vec::from_iter(wire));
        inner.returns_state = self.returns_state;
        if self.mode == Mode::Write {
            inner.run(layer, None);
            self.names = std::mem::take(&mut inner.names);
            let config = serde_json::to_value(inner.into_config()).unwrap_or_default();
            self.out.insert(key.to_owned(), config);
            return;
        }
        match self.given.remove(key).map(Config::try_from) {
            Some(Ok(config)) => inner.compare(layer, config),
            Some(Err(e)) => {
                inner.difference("", &format!("the type says {}", layer.class()), e.to_string())
            }
            None => {
                let expected = format!("the type says {}", layer.class());
                inner.difference("", &expected, "the JSON says nothing".to_owned());
            }
        }
        self.absorb(inner, prefix);
    }

    /// Describes the layer that this one applies to each step, where Keras does without the wrapper.
    pub fn each_step<L: Configured>(&mut self, layer: &mut L) {
        let built = self.built.take();
        self.built = built.map(|sizes| AnySignal::numbers(sizes).step().sizes);
        layer.describe(self);
    }
}
