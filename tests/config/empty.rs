//! Every class on values of every shape, with dimensions of zero: an answer or an error, never a panic.

use std::panic::{AssertUnwindSafe, catch_unwind};

use kerata::{
    Mask,
    config::{CustomObjects, DynamicValue, layer_from_config},
};
use serde_json::{Value, json};

use crate::dynamic::{config, error, layer};

/// A config or more of each class.
fn classes() -> Vec<(&'static str, Value)> {
    let lstm = json!({"class_name": "LSTM", "config": {"units": 2, "return_sequences": true}});
    let dense = json!({"class_name": "Dense", "config": {"units": 2}});
    let orthogonal = json!({"class_name": "Orthogonal", "config": {}});
    let conv = json!({"filters": 2, "kernel_size": 2, "padding": "same", "kernel_initializer": orthogonal});
    vec![
        ("Activation", json!({"activation": "softmax"})),
        ("AveragePooling1D", json!({"padding": "same"})),
        ("AveragePooling2D", json!({"padding": "same"})),
        ("BatchNormalization", json!({"gamma_initializer": orthogonal})),
        ("Bidirectional", json!({"layer": lstm})),
        (
            "Bidirectional",
            json!({"layer": {"class_name": "GRU", "config": {"units": 2}}, "merge_mode": "sum"}),
        ),
        ("Conv1D", json!({"filters": 2, "kernel_size": 2, "padding": "causal"})),
        ("Conv1D", conv.clone()),
        ("Conv2D", json!({"filters": 2, "kernel_size": 2})),
        ("Conv2D", conv),
        (
            "Dense",
            json!({"units": 2, "kernel_initializer": orthogonal, "bias_initializer": orthogonal}),
        ),
        ("Dense", json!({"units": 2, "activation": "softmax"})),
        ("Dropout", json!({"rate": 0.5})),
        (
            "Embedding",
            json!({"input_dim": 3, "output_dim": 2, "embeddings_initializer": orthogonal}),
        ),
        ("Embedding", json!({"input_dim": 3, "output_dim": 2, "mask_zero": true})),
        ("Flatten", json!({})),
        ("GRU", json!({"units": 2, "go_backwards": true, "return_sequences": true})),
        ("GRU", json!({"units": 2, "reset_after": false})),
        ("GlobalAveragePooling1D", json!({})),
        ("GlobalAveragePooling2D", json!({})),
        ("GlobalMaxPooling1D", json!({})),
        ("GlobalMaxPooling2D", json!({})),
        ("Identity", json!({})),
        ("LSTM", json!({"units": 2, "kernel_initializer": orthogonal})),
        ("LSTM", json!({"units": 2, "return_sequences": true, "zero_output_for_mask": true})),
        ("LayerNormalization", json!({})),
        ("LayerNormalization", json!({"beta_initializer": orthogonal, "axis": 1})),
        ("LayerNormalization", json!({"axis": [1, -1]})),
        ("RMSNormalization", json!({})),
        ("RMSNormalization", json!({"axis": [1, 2]})),
        ("BatchNormalization", json!({"axis": 1})),
        ("Masking", json!({})),
        ("MaxPooling1D", json!({})),
        ("MaxPooling1D", json!({"padding": "same"})),
        ("MaxPooling2D", json!({"padding": "same", "strides": 3})),
        ("Permute", json!({"dims": [2, 1]})),
        ("Permute", json!({"dims": [3, 1, 2]})),
        ("ReLU", json!({"max_value": 6})),
        ("RepeatVector", json!({"n": 2})),
        ("Reshape", json!({"target_shape": [-1]})),
        ("Reshape", json!({"target_shape": [2, -1]})),
        ("Reshape", json!({"target_shape": []})),
        ("Sequential", json!({"layers": []})),
        ("Sequential", json!({"layers": [dense, {"class_name": "Softmax", "config": {}}]})),
        ("Sequential", json!({"layers": [{"class_name": "Masking"}, lstm]})),
        ("SimpleRNN", json!({"units": 2, "kernel_initializer": orthogonal})),
        ("Softmax", json!({})),
        ("TimeDistributed", json!({"layer": dense})),
        ("TimeDistributed", json!({"layer": {"class_name": "Flatten"}})),
        ("TimeDistributed", json!({"layer": lstm})),
        ("ZeroPadding2D", json!({})),
        ("ActivityRegularization", json!({})),
        ("AlphaDropout", json!({"rate": 0.5})),
        ("Conv1D", json!({"filters": 2, "kernel_size": 1, "groups": 2})),
        ("Conv1DTranspose", json!({"filters": 2, "kernel_size": 2, "strides": 3})),
        ("Conv2DTranspose", json!({"filters": 2, "kernel_size": 2, "padding": "same"})),
        ("Cropping1D", json!({})),
        ("Cropping2D", json!({"cropping": 1})),
        ("DepthwiseConv1D", json!({"kernel_size": 2, "padding": "same"})),
        ("DepthwiseConv2D", json!({"kernel_size": 2, "depth_multiplier": 2})),
        ("ELU", json!({"alpha": 0.5})),
        ("GaussianDropout", json!({"rate": 0.5})),
        ("GaussianNoise", json!({"stddev": 0.5})),
        ("GlobalAveragePooling1D", json!({"keepdims": true})),
        ("GlobalMaxPooling2D", json!({"keepdims": true})),
        ("GRU", json!({"units": 2, "stateful": true})),
        ("GroupNormalization", json!({"groups": -1})),
        ("GroupNormalization", json!({"groups": 1, "axis": 1, "scale": false})),
        ("LeakyReLU", json!({})),
        ("Normalization", json!({})),
        ("Normalization", json!({"axis": null, "mean": 1.0, "variance": 4.0})),
        ("PReLU", json!({})),
        ("RNN", json!({"cell": {"class_name": "GRUCell", "config": {"units": 2}}})),
        ("Rescaling", json!({"scale": [1.0, 2.0]})),
        ("SeparableConv1D", json!({"filters": 2, "kernel_size": 2, "padding": "same"})),
        ("SeparableConv2D", json!({"filters": 2, "kernel_size": 2})),
        ("Softmax", json!({"axis": 1})),
        ("SpatialDropout1D", json!({"rate": 0.5})),
        ("SpatialDropout2D", json!({"rate": 0.5})),
        ("UpSampling1D", json!({})),
        ("UpSampling2D", json!({"interpolation": "bilinear"})),
        ("ZeroPadding1D", json!({})),
        ("Activation", json!({"activation": "glu"})),
        ("Activation", json!({"activation": "sparsemax"})),
        ("AveragePooling3D", json!({"pool_size": 2, "padding": "same"})),
        ("CenterCrop", json!({"height": 1, "width": 2})),
        ("Conv3D", json!({"filters": 2, "kernel_size": 2, "padding": "same"})),
        ("ConvLSTM1D", json!({"filters": 2, "kernel_size": 2, "padding": "same"})),
        ("ConvLSTM2D", json!({"filters": 1, "kernel_size": 1, "return_sequences": true})),
        ("Cropping3D", json!({"cropping": [[0, 0], [1, 0], [0, 0]]})),
        ("EinsumDense", json!({"equation": "ab,bc->ac", "output_shape": 2, "bias_axes": "c"})),
        ("EinsumDense", json!({"equation": "...x,xy->...y", "output_shape": [2]})),
        (
            "EinsumDense",
            json!({"equation": "ab...,bc->ac...", "output_shape": 2, "bias_axes": "c"}),
        ),
        ("GlobalAveragePooling3D", json!({"keepdims": true})),
        ("GlobalMaxPooling3D", json!({})),
        ("MaxPooling3D", json!({"pool_size": [1, 2, 1]})),
        ("Resizing", json!({"height": 2, "width": 1, "pad_to_aspect_ratio": true})),
        (
            "Resizing",
            json!({"height": 1, "width": 3, "antialias": true, "interpolation": "bicubic"}),
        ),
        ("UnitNormalization", json!({"axis": [1, -1]})),
        ("UnitNormalization", json!({})),
        ("UpSampling3D", json!({})),
        ("ZeroPadding3D", json!({})),
    ]
}

/// All shapes of a rank, of sizes from 0 to 2, or to 1 where there are many.
fn shapes(rank: u32) -> impl Iterator<Item = Vec<usize>> {
    let sizes: usize = if rank > 4 { 2 } else { 3 };
    let size = move |i: usize, axis| i / sizes.pow(axis) % sizes;
    (0..sizes.pow(rank)).map(move |i| (0..rank).map(|axis| size(i, axis)).collect())
}

fn values(shape: &[usize]) -> Vec<DynamicValue> {
    let n = shape.iter().product();
    let numbers = DynamicValue::numbers(shape, vec![0.5; n]).unwrap();
    let ids = DynamicValue::ids(shape, vec![1; n]).unwrap();
    let mut all = vec![numbers.clone(), ids];
    if let [batch, length, ..] = *shape {
        let keep: Vec<bool> = (0..batch * length).map(|step| step % 3 == 1).collect();
        let mask = Mask::from_bools(keep, batch, length).unwrap();
        all.push(numbers.with_mask(mask).unwrap());
    }
    all
}

#[test]
fn no_class_panics_on_any_shape() {
    let mut answers = 0;
    for (class, options) in classes() {
        let json = json!({"class_name": class, "config": options});
        let of_class = config(json.clone());
        for shape in (0..=5).flat_map(shapes) {
            for x in values(&shape) {
                let what = format!("{json} on {}", x.signal());
                let run = || {
                    let mut layer = layer_from_config(&of_class, &CustomObjects::new())?;
                    let gives = layer.gives(&x.signal());
                    let y = layer.run(x.clone());
                    if let Ok(y) = &y {
                        let gives = gives.unwrap().sizes;
                        let found: Vec<_> = y.sizes().iter().copied().map(Some).collect();
                        assert_eq!(found, gives, "what it says that it gives");
                        let own = serde_json::to_value(layer.config()).unwrap();
                        let again = layer_from_config(&config(own), &CustomObjects::new());
                        let mut again = again.expect("its own config");
                        assert_eq!(again.run(x.clone()).unwrap().sizes(), y.sizes());
                    }
                    y
                };
                match catch_unwind(AssertUnwindSafe(run)) {
                    Ok(y) => answers += usize::from(y.is_ok()),
                    Err(_) => panic!("a panic: {what}"),
                }
            }
        }
    }
    assert!(answers > 2_000, "only {answers} answers");
}

#[test]
fn no_class_panics_on_any_built_shape() {
    for (class, options) in classes() {
        for shape in (0..=4).flat_map(shapes).chain([vec![1; 6], vec![0; 9], vec![usize::MAX; 3]]) {
            let mut sizes: Vec<Value> = shape.iter().map(|&n| n.into()).collect();
            for unknown in [false, true] {
                if unknown && let Some(last) = sizes.last_mut() {
                    *last = Value::Null;
                }
                let json = json!({"class_name": class, "config": options, "build_config": {"input_shape": sizes}});
                let built =
                    catch_unwind(AssertUnwindSafe(|| layer(json.clone()).map(|l| l.config())));
                let built = built.unwrap_or_else(|_| panic!("a panic: {json}"));
                if let Ok(own) = built {
                    layer_from_config(&own, &CustomObjects::new())
                        .unwrap_or_else(|e| panic!("{json}: {e}"));
                }
            }
        }
    }
}

#[test]
fn a_layer_with_weights_wants_features() {
    for (class, shape) in [
        ("LSTM", [1, 3, 0].as_slice()),
        ("GRU", &[1, 3, 0]),
        ("SimpleRNN", &[1, 3, 0]),
        ("Dense", &[2, 0]),
        ("LayerNormalization", &[2, 0]),
        ("RMSNormalization", &[2, 0]),
        ("BatchNormalization", &[2, 3, 0]),
    ] {
        let config = if class.ends_with("Normalization") { json!({}) } else { json!({"units": 2}) };
        let json = json!({"class_name": class, "config": config});
        let text = layer(json.clone())
            .unwrap()
            .run(DynamicValue::numbers(shape, vec![]).unwrap())
            .unwrap_err();
        assert!(text.to_string().contains("there are no features in `(Batch, "), "{class}: {text}");
        let mut json = json;
        json["build_config"] = json!({"input_shape": shape});
        assert!(error(json).contains("there are no features in `("), "{class}");
    }
    let norm = layer(json!({"class_name": "LayerNormalization", "config": {}}));
    let text = norm.unwrap().run(DynamicValue::numbers([4], vec![0.5; 4]).unwrap()).unwrap_err();
    assert!(
        text.to_string()
            .contains("features on the last axis are needed here, but `(Batch,)` arrives"),
        "{text}"
    );
}

/// Layers of two inputs, on all pairs of shapes.
#[test]
fn no_merge_panics_on_any_two_shapes() {
    let mut answers = 0;
    for (class, options) in [
        ("Add", json!({})),
        ("AdditiveAttention", json!({})),
        ("Attention", json!({"use_scale": true, "dropout": 0.5})),
        ("Attention", json!({"score_mode": "concat"})),
        ("Average", json!({})),
        ("MultiHeadAttention", json!({"num_heads": 2, "key_dim": 1})),
        (
            "MultiHeadAttention",
            json!({"num_heads": 1, "key_dim": 1, "sliding_window": 1, "use_gate": true}),
        ),
        ("Concatenate", json!({})),
        ("Concatenate", json!({"axis": 1})),
        ("Dot", json!({"axes": 1})),
        ("Dot", json!({"axes": [1, 2], "normalize": true})),
        ("Maximum", json!({})),
        ("Minimum", json!({})),
        ("Multiply", json!({})),
        ("Subtract", json!({})),
        ("LSTM", json!({"units": 2, "return_state": true})),
        ("GRU", json!({"units": 2, "return_state": true, "return_sequences": true})),
    ] {
        let json = json!({"class_name": class, "config": options});
        let of_class = config(json.clone());
        let all: Vec<DynamicValue> =
            (0..=3).flat_map(shapes).flat_map(|shape| values(&shape)).collect();
        for (a, b) in all.iter().flat_map(|a| all.iter().map(move |b| (a, b))) {
            let run = || {
                let mut layer = layer_from_config(&of_class, &CustomObjects::new())?;
                let gives = layer.gives_each(&[a.signal(), b.signal()]);
                let y = layer.run(DynamicValue::several([a.clone(), b.clone()]))?;
                for (y, gives) in y.parts().iter().zip(gives.unwrap()) {
                    assert_eq!(y.signal(), gives);
                }
                Ok::<_, kerata::Error>(())
            };
            match catch_unwind(AssertUnwindSafe(run)) {
                Ok(y) => answers += usize::from(y.is_ok()),
                Err(_) => panic!("a panic: {json} on {} and {}", a.signal(), b.signal()),
            }
        }
    }
    assert!(answers > 2_000, "only {answers} answers");
}
