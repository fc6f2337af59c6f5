//! The layers of a model, in order.

use serde_json::{Value, json};

use super::{Checked, Sequential};
use crate::{
    backend::{Backend, Element},
    error::{PRINTED, shortened},
    fields::{
        AnySignal, Config, Configured, Described, FUNCTIONAL, Fields, HasConfig, Mode, dtype_of,
    },
    layer::Layer,
    signal::Signal,
    tuples::all_tuples,
};

/// Is shown every layer of a model, in order, with the signal that reaches it.
pub trait LayerVisitor {
    /// Says which values reach the layer that comes next: the names of layers or, with a point, their parts, `pair.0`; the input
    /// of the model is called nothing, as a layer may have any other name. Where this is not said, it is what the layer before gives.
    fn from(&mut self, _values: &[&str]) {}

    /// Says whether an optimiser changes the layer that comes next. Where this is not said, it does.
    fn trainable(&mut self, _: bool) {}

    /// Says what the layer that comes next has for keys such as `kernel_regularizer`, in Keras's JSON; none for what has no
    /// form there. Where this is not said, they are `null`.
    fn rules(&mut self, _: &[(&str, Option<Value>)]) {}

    /// Says that a layer is called once more, by its name and that of the call, with the signal that reaches it.
    fn again<In: Signal>(&mut self, _layer: &str, _call: &str) {}

    /// Shows one layer. The name is that of the field, or its place in the tuple.
    fn layer<In: Signal, L: Configured>(&mut self, name: &str, layer: &mut L);
}

/// A chain of layers that all have a config: a tuple, or a struct with `#[model]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no Keras config",
    label = "each layer in here needs to be `Configured`",
    note = "a tuple in a tuple is no list of layers: put it into a `Sequential`"
)]
pub trait Layers<In: Signal, E: Element, D: Backend<E>>: Layer<In, E, D> {
    /// Shows the layers to a visitor.
    fn layers<V: LayerVisitor>(&mut self, visitor: &mut V);
}

macro_rules! tuple {
    ($first:ident $($before:ident $layer:ident $i:tt)*) => {
        impl<In, E, D, $first, $($layer),*> Layers<In, E, D> for ($first, $($layer,)*)
        where
            In: Signal,
            E: Element,
            D: Backend<E>,
            $first: Layer<In, E, D> + HasConfig,
            $($layer: Layer<$before::Out, E, D> + HasConfig,)*
        {
            fn layers<V: LayerVisitor>(&mut self, visitor: &mut V) {
                visitor.layer::<In, $first>("0", &mut self.0);
                $(visitor.layer::<$before::Out, $layer>(stringify!($i), &mut self.$i);)*
            }
        }
    };
}

all_tuples!(tuple);

/// A field of a `#[model]` behind the check of its wiring: silent where that has failed.
pub trait Shown<L, In: Signal> {
    /// Shows the layer to a visitor.
    fn show<V: LayerVisitor>(name: &str, layer: &mut L, visitor: &mut V);

    /// Says to a visitor that the layer is called once more.
    fn show_again<V: LayerVisitor>(layer: &str, call: &str, visitor: &mut V);
}

impl<L: Configured, In: Signal> Shown<L, In> for Checked<0> {
    fn show<V: LayerVisitor>(name: &str, layer: &mut L, visitor: &mut V) {
        visitor.layer::<In, L>(name, layer);
    }

    fn show_again<V: LayerVisitor>(layer: &str, call: &str, visitor: &mut V) {
        visitor.again::<In>(layer, call);
    }
}

impl<In, L, E, D, Out> Configured for Sequential<In, L, E, D, Out>
where
    In: Signal,
    L: Layers<In, E, D>,
    E: Element,
    D: Backend<E>,
{
    const CLASS: &'static str = "Sequential";
    type Element = E;
    type Device = D;

    fn describe(&mut self, fields: &mut Fields) {
        fields.layers(&mut self.layers);
    }

    fn accepts(class: &str) -> bool {
        class == Self::CLASS || class == FUNCTIONAL
    }
}

/// Whether a model takes configs of a class. Not in the model itself: where its size is unknown behind an error, rustc 1.95 ends in a panic
/// at texts there.
#[doc(hidden)]
pub fn accepts<M: Configured>(class: &str) -> bool {
    class == M::CLASS || class == FUNCTIONAL
}

/// Whether one of the layers is an attention: Keras calls it with more than what the layer before gives, and so it has no place
/// in a `Sequential`.
struct AnyAttends(bool);

impl LayerVisitor for AnyAttends {
    fn layer<In: Signal, L: Configured>(&mut self, _: &str, _: &mut L) {
        self.0 |= kerata_format::attends(L::CLASS);
    }
}

impl Fields {
    /// The layers of a model for the input `In`, in order.
    pub fn layers<In, L, E, D>(&mut self, layers: &mut L)
    where
        In: Signal,
        L: Layers<In, E, D>,
        E: Element,
        D: Backend<E>,
    {
        let inputs = AnySignal::parts::<In>();
        let mut attends = || {
            let mut attends = AnyAttends(false);
            layers.layers(&mut attends);
            attends.0
        };
        let branches = self.class() == FUNCTIONAL || inputs.len() > 1;
        if branches || self.mode == Mode::Write && attends() {
            return self.graph(layers);
        }
        self.dtype::<E>();
        let input = AnySignal::of::<In>();
        self.given.remove("build_input_shape");
        self.input(&input.sizes);
        if self.mode == Mode::Write {
            let first = input_layer("input_layer", &input, dtype_of::<E>());
            let mut writer = Writer { list: vec![first], fields: self };
            layers.layers(&mut writer);
            let list = writer.list;
            self.out.insert("layers".into(), list.into());
            self.out.insert("build_input_shape".into(), json!(input.sizes));
            return;
        }
        let mut list: Vec<Config> =
            self.given_layers().into_iter().map(|(config, _)| config).collect();
        if list.first().is_some_and(|first| first.class_name == "InputLayer") {
            let input = list.remove(0);
            self.input_layer(&input.config);
        }
        let mut reader = Reader { list, next: 0, count: 0, fields: self };
        layers.layers(&mut reader);
        let Reader { list, next, count, .. } = reader;
        if next != list.len() {
            let found = format!("the JSON says {}: {}", list.len(), classes(&list));
            self.difference("layers", &format!("the type says {count}"), found);
        }
    }

    /// The layers that are given, each with its `inbound_nodes`, if it has some.
    pub(crate) fn given_layers(&mut self) -> Vec<(Config, Value)> {
        let Some(Value::Array(list)) = self.given.remove("layers") else { return Vec::new() };
        let mut layers = Vec::new();
        for mut value in list {
            let nodes = value.get_mut("inbound_nodes").map(Value::take).unwrap_or_default();
            match Config::try_from(value) {
                Ok(config) => layers.push((config, nodes)),
                Err(e) => self.difference("layers", "each is a config", e.to_string()),
            }
        }
        layers
    }
}

/// The names of the classes, of the first ones if there are many.
pub(crate) fn classes<'a>(list: impl IntoIterator<Item = &'a Config>) -> String {
    let mut names = list.into_iter().map(|config| shortened(&config.class_name));
    let mut first: Vec<String> = names.by_ref().take(PRINTED).collect();
    first.extend(names.next().map(|_| "..".to_owned()));
    first.join(", ")
}

pub(crate) fn input_layer(name: &str, wire: &AnySignal, numbers: &str) -> Value {
    let dtype = wire.dtype(numbers);
    json!({
        "module": "keras.layers",
        "class_name": "InputLayer",
        "config": {
            "batch_shape": wire.sizes, "dtype": dtype, "sparse": false, "ragged": false,
            "name": name, "optional": false,
        },
        "registered_name": null,
    })
}

/// The name of a field. A place in a tuple is no name: Keras then makes one of the class.
pub(crate) fn own_name(name: &str) -> Option<&str> {
    Some(name).filter(|name| !kerata_format::is_place(name))
}

struct Writer<'a> {
    fields: &'a mut Fields,
    list: Vec<Value>,
}

impl LayerVisitor for Writer<'_> {
    fn trainable(&mut self, trainable: bool) {
        self.fields.trains_next = trainable;
    }

    fn rules(&mut self, rules: &[(&str, Option<Value>)]) {
        self.fields.set_rules(rules);
    }

    fn layer<In: Signal, L: Configured>(&mut self, name: &str, layer: &mut L) {
        self.write(name, layer, AnySignal::of::<In>());
    }
}

impl Writer<'_> {
    fn write(&mut self, name: &str, layer: &mut dyn Described, wire: AnySignal) {
        if !layer.is_written() {
            return;
        }
        let mut inner = self.fields.inner(layer.class(), "", vec![wire]);
        inner.run(layer, own_name(name));
        self.fields.names = std::mem::take(&mut inner.names);
        self.list.push(serde_json::to_value(inner.into_config()).unwrap_or_default());
    }
}

struct Reader<'a> {
    fields: &'a mut Fields,
    list: Vec<Config>,
    next: usize,
    count: usize,
}

impl LayerVisitor for Reader<'_> {
    fn trainable(&mut self, trainable: bool) {
        self.fields.trains_next = trainable;
    }

    fn rules(&mut self, rules: &[(&str, Option<Value>)]) {
        self.fields.set_rules(rules);
    }

    fn layer<In: Signal, L: Configured>(&mut self, name: &str, layer: &mut L) {
        self.read(name, layer, AnySignal::of::<In>());
    }
}

impl Reader<'_> {
    fn read(&mut self, name: &str, layer: &mut dyn Described, wire: AnySignal) {
        if !layer.is_written() {
            return;
        }
        self.count += 1;
        let config = self.list.get(self.next);
        let class = config.map(|config| config.class_name.as_str());
        if !class.is_some_and(|class| layer.takes(class)) && layer.may_be_left_out(class) {
            self.count -= 1;
            return;
        }
        let Some(config) = config else {
            let expected = format!("the type says {}", layer.class());
            let place = format!("layer {}", self.next);
            self.next += 1;
            return self.fields.difference(&place, &expected, "the JSON says nothing".to_owned());
        };
        let keras = config.config.get("name").and_then(Value::as_str).unwrap_or(name);
        let place = format!("layer {} `{}`, ", self.next, shortened(keras));
        let mut inner = self.fields.inner(layer.class(), &place, vec![wire]);
        inner.layer_name(name, config);
        inner.compare(layer, config.clone());
        self.fields.absorb(inner, &format!("{name}."));
        self.next += 1;
    }
}
