//! Layers from configs, where no type says which.

use dfdx::tensor::Tape;
use kerata::{
    Activation, Backend, Batch, Cpu, Dense, Element, Embedding, EmbeddingBag, Error,
    GlobalAveragePooling1d, Layer, Length, Linear, Lstm, MaskZero, Masked, Relu, Sequences, Tensor,
    TimeDistributed,
    config::{
        AnySignal, Config, CustomObjects, DynamicLayer, DynamicValue, Fields, SignalKind,
        layer_from_config,
    },
    model::Sequential,
    prelude::*,
    shape::Shape,
    signal::MaskTransparent,
};
use serde_json::{Value, json};

use crate::case::Case;

/// `factor * x`.
#[derive(Debug, Clone, Default)]
struct Scale {
    factor: f64,
}

impl<In: MaskTransparent, E: Element, D: Backend<E>> Layer<In, E, D> for Scale {
    type Out = In;

    fn call<T: Tape<E, D>>(&self, x: In::Data<E, D, T>) -> Result<In::Data<E, D, T>, Error> {
        In::map(x, |x| Ok(x * E::of(self.factor)))
    }
}

impl<E: Element, D: Backend<E>> Build<E, D> for Scale {
    fn build(_: &D) -> Result<Self, Error> {
        Ok(Self::default())
    }
}

impl<E: Element, D: Backend<E>> Parameters<E, D> for Scale {}

impl Configured for Scale {
    const CLASS: &'static str = "ScaleLayer";
    type Element = f32;
    type Device = Cpu;

    fn describe(&mut self, fields: &mut Fields) {
        fields.number("factor", &mut self.factor, None);
    }
}

/// `x + 1`.
#[derive(Debug, Clone)]
struct Next;

impl Activation for Next {
    const NAME: &'static str = "my_act";

    fn apply<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
        x: Tensor<S, E, D, T>,
    ) -> Result<Tensor<S, E, D, T>, Error> {
        Ok(x + E::of(1.0))
    }
}

fn objects() -> CustomObjects {
    CustomObjects::new()
        .layer::<Scale, (Batch, Length)>()
        .layer::<Scale, Masked<(Batch, Length, Length)>>()
        .activation::<Next>()
}

pub(crate) fn config(value: Value) -> Config {
    value.try_into().unwrap()
}

pub(crate) fn layer(value: Value) -> Result<DynamicLayer, Error> {
    layer_from_config(&config(value), &objects())
}

pub(crate) fn error(value: Value) -> String {
    layer(value).unwrap_err().to_string()
}

fn sizes(list: &Value) -> Vec<Option<usize>> {
    list.as_array().unwrap().iter().map(|n| n.as_u64().map(|n| n as usize)).collect()
}

fn arrives(class: &str, shape: &Value) -> AnySignal {
    let kind = if class == "Embedding" { SignalKind::Tokens } else { SignalKind::Numbers };
    AnySignal { kind, sizes: sizes(shape) }
}

#[test]
fn layers_have_the_configs_shapes_and_sizes_of_keras() {
    let Some(case) = Case::open("layer_from_config") else { return };
    for entry in case.json["layers"].as_array().unwrap() {
        let class = entry["given"]["class_name"].as_str().unwrap();
        // With the keys of Keras 3, and with two as before.
        let mut two = entry["given"].clone();
        two.as_object_mut().unwrap().retain(|key, _| key == "class_name" || key == "config");
        for given in [&entry["given"], &two] {
            let mut layer =
                layer_from_config(&config(given.clone()), &CustomObjects::new()).unwrap();
            let arrives = arrives(class, &entry["input_shape"]);
            layer.build(&arrives).unwrap();
            assert_eq!(layer.class(), class);
            assert_eq!(
                layer.gives(&arrives).unwrap().sizes,
                sizes(&entry["output_shape"]),
                "{class}"
            );
            assert_eq!(layer.params() as u64, entry["param_count"].as_u64().unwrap(), "{class}");
            let found = Value::from(layer.config().config);
            assert!(
                found == entry["full_config"],
                "{class}\n{found:#}\n{:#}",
                entry["full_config"]
            );
            let again = layer_from_config(&layer.config(), &CustomObjects::new()).unwrap();
            assert_eq!(again.config(), layer.config());
        }
    }
}

#[test]
fn what_keras_refuses_is_refused() {
    let Some(case) = Case::open("layer_from_config") else { return };
    for entry in case.json["special"].as_array().unwrap() {
        let custom = entry["custom_objects"].as_array().unwrap();
        let objects = if custom.is_empty() { CustomObjects::new() } else { objects() };
        let found = layer_from_config(&config(entry["given"].clone()), &objects);
        // The two keys of before, `time_major` of Keras 2, and the name of an activation of one's own are read
        // here.
        let read = entry["error"].as_str().is_some_and(|message| {
            let read = ["class 'Dense'", "{'time_major': False}", "identifier: my_act"];
            read.iter().any(|end| message.contains(end))
        });
        let expected = entry["ok"].as_bool().unwrap() || read;
        assert_eq!(found.is_ok(), expected, "{} {found:?}", entry["given"]);
        if entry["class"] == "ScaleLayer" {
            let y = found.unwrap().run(DynamicValue::numbers([1, 2], vec![1.0; 2]).unwrap());
            assert_eq!(y.unwrap().values(), [2.5, 2.5]);
        }
    }
}

#[test]
fn errors_name_the_place_the_value_and_the_nearest_name() {
    let text = error(json!({"class_name": "Dens", "config": {}}));
    assert_eq!(text, "the layer `Dens` is not known, did you mean `Dense`?");
    let text = error(json!({"class_name": "Antialiased", "config": {}}));
    assert!(text.starts_with("the layer `Antialiased` is not known; known are Activation, "));
    assert!(text.contains(" more") && text.len() < 400, "{text}");
    // What a file of Keras names is no misspelling.
    let text = error(json!({"module": "keras.layers", "class_name": "Hashing", "config": {}}));
    assert_eq!(text, "Keras's layer `Hashing` is not known here");
    let text = error(json!({"class_name": "Dense", "config": {"units": 1, "activation": "rellu"}}));
    assert_eq!(text, "the activation `rellu` is not known, did you mean `relu`?");
    let text = error(json!({"class_name": "LSTM", "config": {
        "units": -2, "return_sequence": true, "use_bias": 1, "stateful": "no", "dropout": 1.5}}));
    assert_eq!(
        text,
        "the config of `LSTM` does not fit:\n  \
         dropout: it must be in 0..=1, the JSON says 1.5\n  \
         use_bias: true or false is needed, the JSON says 1\n  \
         stateful: true or false is needed, the JSON says \"no\"\n  \
         units: a whole number above 0 is needed, the JSON says -2\n  \
         return_sequence: `LSTM` has no such key, did you mean `return_sequences`?, the JSON says true"
    );
    let text = error(json!({"class_name": "TimeDistributed", "config": {
        "layer": {"class_name": "Dense", "config": {}}}}));
    assert_eq!(
        text,
        "the config of `Dense` does not fit:\n  units: it is needed, the JSON says nothing"
    );
}

#[test]
fn custom_layers_stand_inside_of_others() {
    let mut model = layer(json!({"class_name": "Sequential", "config": {"layers": [
        {"class_name": "Embedding", "config": {"input_dim": 5, "output_dim": 2, "mask_zero": true,
            "embeddings_initializer": "ones"}},
        {"class_name": "TimeDistributed", "config": {"layer":
            {"class_name": "ScaleLayer", "config": {"factor": 3.0}}}},
        {"class_name": "ScaleLayer", "config": {"factor": 2.0}},
        {"class_name": "Activation", "config": {"activation": "my_act"}},
    ]}}))
    .unwrap();
    let y = model.run(DynamicValue::ids([1, 2], vec![1, 0]).unwrap()).unwrap();
    assert_eq!(y.values(), [7.0; 4]);
    assert_eq!(y.mask().unwrap().row(0), [true, false]);
    let refused = layer(json!({"class_name": "ScaleLayer", "config": {"factor": 2.0}})).unwrap();
    let refused = refused.gives(&AnySignal::numbers([None, None, None])).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "`scale_layer`: `(Batch, Length)` or `Masked<(Batch, Length, Length)>` is needed here, but \
         `(Batch, Length, Length)` arrives"
    );
}

#[test]
fn what_the_types_refuse_is_refused_in_the_same_words() {
    let refused = |value: Value, shape: &[usize]| {
        let n = shape.iter().product();
        let x = DynamicValue::numbers(shape, vec![0.0; n]).unwrap();
        layer(value).unwrap().run(x).unwrap_err().to_string()
    };
    let text = refused(json!({"class_name": "LSTM", "config": {"units": 2}}), &[2, 4]);
    assert!(text.starts_with(
        "`lstm`: a sequence is needed here, `(Batch, Length, Features)`, but `(Batch, 4)` arrives\n  note: one vector: "
    ));
    let text = refused(
        json!({"class_name": "TimeDistributed", "config": {"layer":
        {"class_name": "Dense", "config": {"units": 2}}}}),
        &[2, 4],
    );
    assert!(
        text.starts_with("`time_distributed`: a sequence is needed here, `(Batch, Length, ..)`")
    );
    let text = refused(
        json!({"class_name": "Embedding", "config": {"input_dim": 2, "output_dim": 2}}),
        &[2, 4],
    );
    assert!(text.starts_with("`embedding`: token ids are needed here"));
    let text = refused(
        json!({"class_name": "Conv2D", "config": {"filters": 1, "kernel_size": 5}}),
        &[1, 4, 4, 1],
    );
    assert!(text.starts_with("`conv2d`: a window of 5 cannot slide along `4`"), "{text}");
    let mut dense = layer(json!({"class_name": "Dense", "config": {"units": 2}, "build_config":
        {"input_shape": [null, 4]}}))
    .unwrap();
    let text = dense.run(DynamicValue::numbers([2, 5], vec![0.0; 10]).unwrap()).unwrap_err();
    assert_eq!(text.to_string(), "`dense`: the number of features must be 4 here, but `5` arrives");
    let ids = DynamicValue::ids([2, 2], vec![0, 1, 5, 1]).unwrap();
    let mut embedding =
        layer(json!({"class_name": "Embedding", "config": {"input_dim": 5, "output_dim": 2}}))
            .unwrap();
    assert_eq!(
        embedding.run(ids).unwrap_err(),
        Error::IdOutsideVocabulary { id: 5, vocabulary: 5, row: 1, step: 0 }
    );
}

#[test]
fn a_mask_does_not_vanish() {
    let mut model = layer(json!({"class_name": "Sequential", "config": {"layers": [
        {"class_name": "Embedding", "config": {"input_dim": 5, "output_dim": 2, "mask_zero": true}},
        {"class_name": "Flatten", "config": {}},
    ]}}))
    .unwrap();
    let text = model.run(DynamicValue::ids([1, 2], vec![1, 0]).unwrap()).unwrap_err().to_string();
    assert!(text.starts_with(
        "`flatten`: numbers without a mask are needed here, `(Batch, ..)`, but `Masked<(Batch, 2, 2)>` arrives"
    ), "{text}");
}

#[kerata::model(input = kerata::Ids<(Batch, 3)>, output = (Batch, 2))]
struct Named {
    embed: Embedding<5, 3, MaskZero>,
    inner: Lstm<_, 4>,
    head: Dense<_, 2>,
}

#[test]
fn a_dynamic_layer_becomes_the_typed_one() {
    type Model = Sequential<
        kerata::Ids<(Batch, kerata::Const<4>)>,
        (
            Embedding<5, 3, MaskZero>,
            Lstm<3, 2, Sequences>,
            GlobalAveragePooling1d,
            Dense<2, 4, Relu>,
        ),
    >;
    let model = Model::build(&Cpu::seed_from_u64(1)).unwrap();
    let mut dynamic = layer_from_config(&model.config(), &CustomObjects::new()).unwrap();
    let ids = Cpu::default().tensor_from_vec(vec![1_usize, 2, 0, 0], (1, kerata::Const::<4>));
    let y = dynamic.run(ids.clone()).unwrap();
    let typed: Model = dynamic.try_into().unwrap();
    let z = typed.forward(ids).unwrap();
    for (a, b) in y.values().iter().zip(z.as_vec()) {
        approx::assert_relative_eq!(*a, b, epsilon = 1e-6);
    }

    let dense = |activation: &str| {
        let config = json!({"class_name": "Dense", "config": {"units": 4, "activation": activation},
            "build_config": {"input_shape": [null, 3]}});
        layer(config).unwrap()
    };
    let typed: Dense<3, 4, Relu> = dense("relu").try_into().unwrap();
    assert_eq!(typed.kernel.as_vec().len(), 12);
    let wrong = dense("relu").try_into::<Dense<2, 4, Linear>>().unwrap_err();
    assert_eq!(
        wrong.to_string(),
        "the config of `Dense` does not fit:\n  \
         input_shape: the type says [null,2], the JSON says [null,3]\n  \
         activation: the type says \"linear\", the JSON says \"relu\""
    );
    let scale: Scale = layer(json!({"class_name": "ScaleLayer", "config": {"factor": 3.0}}))
        .unwrap()
        .try_into()
        .unwrap();
    assert_eq!(scale.factor, 3.0);
    // A struct names its layers, a `Sequential` counts them.
    let mut dynamic =
        layer_from_config(&Named::build(&Cpu::default()).unwrap().config(), &objects()).unwrap();
    let ids = Cpu::default().tensor_from_vec(vec![1_usize, 2, 0], (1, kerata::Const::<3>));
    let y = dynamic.run(ids.clone()).unwrap();
    let typed: Named = dynamic.try_into().unwrap();
    approx::assert_relative_eq!(
        y.values(),
        typed.forward(ids).unwrap().as_vec().as_slice(),
        epsilon = 1e-6
    );
    let steps: TimeDistributed<Dense<3, 4>> =
        layer(json!({"class_name": "Dense", "config": {"units": 4},
            "build_config": {"input_shape": [null, 7, 3]}}))
        .unwrap()
        .try_into()
        .unwrap();
    assert_eq!(steps.layer.bias.array(), [0.0; 4]);
}

#[test]
fn what_matters_in_training_only_is_kept_and_does_nothing() {
    let l2 = json!({"module": "keras.regularizers", "class_name": "L2", "config": {"l2": 0.01},
        "registered_name": null});
    let dense =
        layer(json!({"class_name": "Dense", "config": {"units": 2, "kernel_regularizer": l2},
        "build_config": {"input_shape": [null, 3]}}))
        .unwrap();
    assert_eq!(dense.config().config["kernel_regularizer"], l2);
    let text = dense.try_into::<Dense<3, 2>>().unwrap_err().to_string();
    assert!(text.contains("kernel_regularizer: the type says null, the JSON says {"), "{text}");
}

#[test]
fn a_layer_of_ones_own_is_built_for_ids() {
    let objects = CustomObjects::new().layer::<Embedding<5, 2>, kerata::Ids<(Batch, Length)>>();
    let json = json!({"class_name": "Embedding", "config": {"input_dim": 5, "output_dim": 2},
        "build_config": {"input_shape": [null, 3]}});
    assert_eq!(layer_from_config(&config(json), &objects).unwrap().params(), 10);
}

#[test]
fn a_model_is_built_for_what_its_first_layer_says() {
    let dense = |more: Value| {
        let mut options = json!({"units": 2});
        options.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"class_name": "Dense", "config": options})
    };
    let shape = json!({"batch_input_shape": [null, 3]});
    let input = json!({"class_name": "InputLayer", "config": {"batch_shape": [null, 3]}});
    for layers in [json!([dense(shape)]), json!([input, dense(json!({}))])] {
        // Old Keras wrote the list alone.
        for config in [layers.clone(), json!({"layers": layers})] {
            let json = json!({"class_name": "Sequential", "config": config});
            assert_eq!(layer(json.clone()).unwrap().params(), 8);
            type Wrong = Sequential<(Batch, kerata::Const<4>), (Dense<4, 2>,)>;
            let text = Wrong::from_json(&json.to_string()).unwrap_err().to_string();
            assert!(
                text.starts_with(
                    "the config of `Sequential` does not fit:\n  \
                     input_shape: the type says [null,4], the JSON says [null,3]"
                ),
                "{text}"
            );
            assert!(text.matches("  input_shape").count() == 1, "{text}");
        }
    }
}

/// Keras has no bag of words: its config is one of a layer of one's own.
#[test]
fn a_bag_has_a_config_of_its_own() {
    type Bag = EmbeddingBag<5, 2, MaskZero>;
    type Words = kerata::Ids<(Batch, Length)>;
    let dev = Cpu::seed_from_u64(3);
    let bag = Bag::build(&dev).unwrap();
    let json = bag.to_json();
    bag.check_json(&json).unwrap();
    let wrong = EmbeddingBag::<5, 2>::from_json(&json).unwrap_err().to_string();
    assert!(wrong.contains("mask_zero: the type says false, the JSON says true"), "{wrong}");
    let value: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["registered_name"], "EmbeddingBag");
    let unknown = layer_from_config(&config(value.clone()), &CustomObjects::new()).unwrap_err();
    assert!(unknown.to_string().contains("`EmbeddingBag`"), "{unknown}");
    let objects = CustomObjects::new().layer::<Bag, Words>();
    let mut layer = layer_from_config(&config(value), &objects).unwrap();
    let ids = dev.tensor([[1_usize, 4, 0]]);
    assert_eq!(layer.run(ids).unwrap().sizes(), [1, 2]);
    layer.try_into::<Bag>().unwrap();
}
