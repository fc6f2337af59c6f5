//! Layers of no features or units, where no type says so.

use dfdx::{shapes::HasShape, tensor::TensorFromVec};
use kerata::{
    Backend, Batch, Const, Cpu, Element, Error, Tensor,
    config::{CustomObjects, DynamicValue, layer_from_config},
    loss::{Compute, SparseCategoricalCrossentropy},
};

fn run(config: &str, sizes: &[usize]) -> Result<Vec<usize>, Error> {
    let mut layer = layer_from_config(&config.parse()?, &CustomObjects::new())?;
    let count = sizes.iter().product();
    Ok(layer.run(DynamicValue::numbers(sizes, vec![0.5; count])?)?.sizes().to_vec())
}

#[test]
fn dynamic_layers_of_nothing() {
    let orthogonal = r#""kernel_initializer":{"class_name":"Orthogonal","config":{}}"#;
    let rnn = format!(
        r#"{{"class_name":"SimpleRNN","config":{{"units":2,{orthogonal}}},"build_config":{{"input_shape":[2,3,0]}}}}"#
    );
    let beta = r#"{"class_name":"LayerNormalization","config":{"beta_initializer":{"class_name":"Orthogonal","config":{}}}}"#;
    let bare = r#"{"class_name":"LayerNormalization","config":{"center":false,"scale":false}}"#;
    for (config, sizes) in [
        (r#"{"class_name":"LSTM","config":{"units":2}}"#, &[1, 3, 0][..]),
        (r#"{"class_name":"GRU","config":{"units":2,"go_backwards":true}}"#, &[1, 3, 0]),
        (r#"{"class_name":"SimpleRNN","config":{"units":2}}"#, &[1, 3, 0]),
        (&rnn, &[2, 3, 0]),
        (beta, &[2, 0]),
        (bare, &[2, 0]),
        (r#"{"class_name":"BatchNormalization","config":{}}"#, &[2, 0]),
        (r#"{"class_name":"BatchNormalization","config":{}}"#, &[0, 0]),
        (r#"{"class_name":"LayerNormalization","config":{}}"#, &[4]),
        (r#"{"class_name":"Dense","config":{"units":2}}"#, &[3, 0]),
        (r#"{"class_name":"Dense","config":{"units":0}}"#, &[3, 2]),
        (r#"{"class_name":"LSTM","config":{"units":0}}"#, &[1, 3, 2]),
        (r#"{"class_name":"GRU","config":{"units":0}}"#, &[1, 3, 2]),
        (r#"{"class_name":"Conv1D","config":{"filters":2,"kernel_size":2}}"#, &[1, 3, 0]),
        (r#"{"class_name":"Conv1D","config":{"filters":0,"kernel_size":2}}"#, &[1, 3, 2]),
        (r#"{"class_name":"Conv1D","config":{"filters":2,"kernel_size":0}}"#, &[1, 3, 2]),
        (
            r#"{"class_name":"Conv1D","config":{"filters":2,"kernel_size":2,"strides":0}}"#,
            &[1, 3, 2],
        ),
        (r#"{"class_name":"Conv2D","config":{"filters":2,"kernel_size":2}}"#, &[1, 3, 3, 0]),
        (r#"{"class_name":"Conv2D","config":{"filters":0,"kernel_size":2}}"#, &[1, 3, 3, 1]),
        (r#"{"class_name":"MaxPooling1D","config":{"pool_size":0}}"#, &[1, 3, 2]),
        (r#"{"class_name":"RepeatVector","config":{"n":0}}"#, &[1, 3]),
        (
            r#"{"class_name":"TimeDistributed","config":{"layer":{"class_name":"Dense","config":{"units":2}}}}"#,
            &[1, 3, 0],
        ),
        (
            r#"{"class_name":"Bidirectional","config":{"layer":{"class_name":"LSTM","config":{"units":2}}}}"#,
            &[1, 3, 0],
        ),
    ] {
        let result = run(config, sizes);
        assert!(result.is_err(), "{config} takes {sizes:?} and gives {result:?}");
    }
}

#[test]
fn a_short_config_cannot_take_for_ever() {
    for config in [
        r#"{"class_name":"LSTM","config":{"units":8192},"build_config":{"input_shape":[1,1,1]}}"#,
        r#"{"class_name":"Dense","config":{"units":16384,"kernel_initializer":"orthogonal"},"build_config":{"input_shape":[1,16384]}}"#,
    ] {
        let start = std::time::Instant::now();
        let error = layer_from_config(&config.parse().unwrap(), &CustomObjects::new()).unwrap_err();
        let limits = ["at most 2^28 values", "at most 2^36 multiplications"];
        assert!(limits.iter().any(|limit| error.to_string().contains(limit)), "{error}");
        assert!(start.elapsed().as_secs() < 60);
    }
}

fn labels_of_no_classes<E: Element>()
where
    Cpu: Backend<E>,
{
    let dev = Cpu::default();
    let rows = |n: usize| dev.tensor_from_vec(Vec::<E>::new(), (n, 0));
    for least in [None, Some(1e-7)] {
        let result = <Cpu as Backend<E>>::sparse_crossentropy(rows(3), vec![0; 3], least);
        assert!(matches!(result.err(), Some(Error::LabelOutOfRange { label: 0, classes: 0, .. })));
        let none = <Cpu as Backend<E>>::sparse_crossentropy(rows(0), Vec::new(), least);
        assert_eq!(none.unwrap().shape(), &(0,));
    }
    let prediction: Tensor<(Batch, Const<0>), E, Cpu> = dev.tensor_from_vec(Vec::new(), (2, Const));
    let labels: Tensor<(Batch,), usize, Cpu> = dev.tensor_from_vec(vec![0; 2], (2,));
    let result = SparseCategoricalCrossentropy::from_logits().compute(prediction, labels);
    assert!(matches!(result.err(), Some(Error::LabelOutOfRange { .. })));
}

#[test]
fn labels_without_classes_are_errors() {
    labels_of_no_classes::<f32>();
    labels_of_no_classes::<f64>();
}
