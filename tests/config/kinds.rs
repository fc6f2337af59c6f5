//! Layers that no type has, on what they do not take.

use kerata::{
    Const, Cpu, Error,
    config::{CustomObjects, DynamicValue, layer_from_config},
    loss::MeanSquaredError,
    optim::{Sgd, State},
    prelude::*,
};
use serde_json::{Value, json};

use crate::dynamic::{config, error, layer};

pub(super) fn zeros(shape: &[usize]) -> DynamicValue {
    DynamicValue::numbers(shape, vec![0.25; shape.iter().product()]).unwrap()
}

#[test]
fn options_that_make_no_sense_are_refused() {
    for (class, options, says) in [
        ("Dense", json!({"units": 2, "activation": "glu"}), "activation: it halves the values"),
        ("UnitNormalization", json!({"axis": 0}), "axis: axes behind the batch are needed"),
        ("UnitNormalization", json!({"axis": []}), "axis: axes behind the batch are needed"),
        ("Resizing", json!({"height": 2}), "width: "),
        (
            "Resizing",
            json!({"height": 2, "width": 2, "interpolation": "area"}),
            "interpolation: one of [\"bilinear\",\"nearest\",\"bicubic\"",
        ),
        (
            "Resizing",
            json!({"height": 2, "width": 2, "fill_mode": "reflect"}),
            "fill_mode: only \"constant\" is possible",
        ),
        (
            "Resizing",
            json!({"height": 2, "width": 2, "crop_to_aspect_ratio": true, "pad_to_aspect_ratio": true}),
            "pad_to_aspect_ratio: it is false where",
        ),
        ("CenterCrop", json!({"height": 0, "width": 2}), "height: "),
        ("EinsumDense", json!({"output_shape": 2}), "equation: "),
        ("EinsumDense", json!({"equation": "ab,bc", "output_shape": 2}), "equation: `X,Y->Z`"),
        (
            "EinsumDense",
            json!({"equation": "a...b,bc->a...c", "output_shape": 2}),
            "the JSON says \"a...b,bc->a...c\"",
        ),
        ("EinsumDense", json!({"equation": "ab,bc->ac", "output_shape": "c"}), "output_shape: "),
        (
            "EinsumDense",
            json!({"equation": "ab,bc->ac", "output_shape": 2, "lora_rank": 4}),
            "lora_rank: only null is possible",
        ),
        (
            "Conv3D",
            json!({"filters": 2, "kernel_size": 2, "strides": 2, "dilation_rate": 2}),
            "strides: it is 1 where the `dilation_rate` is more",
        ),
        (
            "Conv2DTranspose",
            json!({"filters": 2, "kernel_size": 2, "strides": 2, "dilation_rate": 2}),
            "strides: it is 1 where the `dilation_rate` is more",
        ),
        (
            "Conv3D",
            json!({"filters": 2, "kernel_size": [2, 2]}),
            "kernel_size: 3 whole numbers above 0 are needed",
        ),
        (
            "MaxPooling3D",
            json!({"pool_size": 2, "data_format": "channels_second"}),
            "data_format: one of [\"channels_last\",\"channels_first\"] is needed",
        ),
        ("ConvLSTM2D", json!({"filters": 2, "kernel_size": 2, "dropout": 2}), "dropout: "),
        (
            "SpectralNormalization",
            json!({"layer": {"class_name": "LSTM", "config": {"units": 2}}}),
            "layer: a layer with a kernel is needed, such as Dense or Conv2D",
        ),
        (
            "SpectralNormalization",
            json!({"layer": {"class_name": "Dense", "config": {"units": 2}}, "power_iterations": 0}),
            "power_iterations: a whole number above 0",
        ),
        ("SpectralNormalization", json!({}), "layer: a layer is needed"),
        (
            "ReversibleEmbedding",
            json!({"input_dim": 2, "output_dim": 2, "logit_soft_cap": 0}),
            "logit_soft_cap: `null`, or a number above 0",
        ),
        (
            "ReversibleEmbedding",
            json!({"input_dim": 2, "output_dim": 2, "reverse_dtype": "float16"}),
            "reverse_dtype: `null` or \"float32\"",
        ),
        ("STFTSpectrogram", json!({"mode": "power"}), "mode: one of "),
        (
            "STFTSpectrogram",
            json!({"frame_length": 8, "frame_step": 0}),
            "frame_step: a whole number from 1 to 8",
        ),
        ("STFTSpectrogram", json!({"frame_length": 1}), "frame_step: a whole number from 1 to 1"),
        (
            "STFTSpectrogram",
            json!({"frame_length": 8, "fft_length": 4}),
            "fft_length: a whole number from 8",
        ),
        ("STFTSpectrogram", json!({"frame_length": 3, "window": [1.0, 2.0]}), "window: "),
        ("STFTSpectrogram", json!({"data_format": "channels_second"}), "data_format: one of"),
        (
            "MelSpectrogram",
            json!({"sequence_stride": 0}),
            "sequence_stride: a whole number above 0",
        ),
        (
            "MelSpectrogram",
            json!({"fft_length": 8, "sequence_length": 9}),
            "fft_length: 2 at least",
        ),
        ("MelSpectrogram", json!({"min_freq": 9000}), "min_freq: less than `max_freq`"),
        ("MelSpectrogram", json!({"top_db": null}), "top_db: a number is needed"),
        ("MelSpectrogram", json!({"window": "blackman"}), "window: \"hann\", \"hamming\""),
    ] {
        let text = error(json!({"class_name": class, "config": options}));
        assert!(text.contains(says), "{class}: {text}");
    }
}

#[test]
fn shapes_that_do_not_fit_are_told_with_the_name_of_the_layer() {
    for (class, options, shape, says) in [
        (
            "UnitNormalization",
            json!({"axis": 3}),
            &[2, 3][..],
            "there is no axis 3 of 2 dimensions",
        ),
        ("UnitNormalization", json!({"axis": [1, -1]}), &[2, 3], "axes [1, -1] of 2 dimensions"),
        ("Activation", json!({"activation": "glu"}), &[2, 3], "halves its values, and there are 3"),
        ("Resizing", json!({"height": 2, "width": 2}), &[2, 3, 4], "images are needed here"),
        ("CenterCrop", json!({"height": 2, "width": 2}), &[2, 3], "images are needed here"),
        (
            "EinsumDense",
            json!({"equation": "abc,cd->abd", "output_shape": [null, 2]}),
            &[2, 3],
            "the equation `abc,cd->abd` has other dimensions than the 2 of a value",
        ),
        (
            "EinsumDense",
            json!({"equation": "abc,cd->abd", "output_shape": [4, 2]}),
            &[2, 3, 5],
            "`b` of `abc,cd->abd` is 3 values long, and 4 in `output_shape`",
        ),
        (
            "EinsumDense",
            json!({"equation": "abc,cd->abd", "output_shape": 2}),
            &[2, 3, 5],
            "`output_shape` says 1 sizes, but `abc,cd->abd` needs 2",
        ),
        (
            "EinsumDense",
            json!({"equation": "ab,bc->ac", "output_shape": 2, "bias_axes": "b"}),
            &[2, 3],
            "`ab,bc->ac` gives no `b` to add to",
        ),
        (
            "Conv3D",
            json!({"filters": 2, "kernel_size": 2}),
            &[1, 2, 3, 2],
            "volumes are needed here",
        ),
        (
            "Conv3D",
            json!({"filters": 2, "kernel_size": [3, 1, 1]}),
            &[1, 2, 3, 2, 1],
            "a window of 3 cannot slide along `2`",
        ),
        (
            "Conv3D",
            json!({"filters": 2, "kernel_size": 1, "groups": 2}),
            &[1, 2, 3, 2, 3],
            "3 channels and 2 filters cannot be in 2 groups",
        ),
        ("Cropping3D", json!({"cropping": 1}), &[1, 2, 3, 3, 1], "1 and 1 cannot be cut off `2`"),
        ("ConvLSTM2D", json!({"filters": 2, "kernel_size": 2}), &[1, 2, 3, 2], "a sequence"),
        ("ConvLSTM1D", json!({"filters": 2, "kernel_size": 4}), &[1, 2, 3, 2], "a window of 4"),
        ("ConvLSTM3D", json!({"filters": 2, "kernel_size": 2}), &[1, 2, 3, 2, 3], "a sequence"),
        (
            "STFTSpectrogram",
            json!({"frame_length": 4}),
            &[1, 3, 2],
            "a window of 4 cannot slide along `3`",
        ),
        ("MelSpectrogram", json!({}), &[1, 3, 2], "signals are needed here"),
        ("ReversibleEmbedding", json!({"input_dim": 4, "output_dim": 2}), &[2, 3], "features"),
    ] {
        let named = json!({"class_name": class, "config": options});
        let mut named = named;
        named["config"]["name"] = "it".into();
        let text = layer(named).unwrap().run(zeros(shape)).unwrap_err().to_string();
        assert!(text.starts_with("`it`: ") && text.contains(says), "{class}: {text}");
    }
    // Weights that are there are those of one size.
    let mut einsum = layer(json!({"class_name": "EinsumDense", "config":
        {"name": "it", "equation": "ab,bc->ac", "output_shape": 2}}))
    .unwrap();
    einsum.run(zeros(&[2, 3])).unwrap();
    let text = einsum.run(zeros(&[2, 4])).unwrap_err().to_string();
    assert_eq!(text, "`it`: `b` of an equation is 4 and 3 values long");
}

/// Masks that are of no use are dropped in models of branches, and refused elsewhere.
#[test]
fn masks_are_passed_on_or_refused() {
    let chain = |class: &str, options: Value| {
        json!({"class_name": "Sequential", "config": {"layers": [
            {"class_name": "Masking", "config": {}}, {"class_name": class, "config": options}]}})
    };
    let einsum = json!({"equation": "abc,cd->abd", "output_shape": [null, 2]});
    let x = || zeros(&[2, 3, 4]);
    let unit = layer(chain("UnitNormalization", json!({}))).unwrap().run(x()).unwrap();
    assert!(unit.mask().is_some());
    let text = layer(chain("EinsumDense", einsum.clone())).unwrap().run(x()).unwrap_err();
    assert!(text.to_string().contains("`einsum_dense`: "), "{text}");
    let custom = CustomObjects::new().masks_as_keras();
    let mut model = layer_from_config(&config(chain("EinsumDense", einsum)), &custom).unwrap();
    assert_eq!(model.run(x()).unwrap().mask(), None);
    assert_eq!(model.dropped_masks(), ["einsum_dense"]);
    // Of products of steps nobody could say which are of padding.
    let dot = json!({"class_name": "Dot", "config": {"axes": 2}});
    let two = || {
        let mask = kerata::Mask::from_lengths(&[3, 1], 3).unwrap();
        DynamicValue::several([x().with_mask(mask).unwrap(), x()])
    };
    let text = layer(dot.clone()).unwrap().run(two()).unwrap_err().to_string();
    assert!(text.contains("`dot`: ") && text.contains("without a mask"), "{text}");
    let products = layer_from_config(&config(dot), &custom).unwrap().run(two()).unwrap();
    assert_eq!(products.sizes(), [2, 3, 3]);
    let lstm = json!({"class_name": "ConvLSTM1D", "config": {"filters": 2, "kernel_size": 1}});
    let mut lstm = layer_from_config(&config(lstm), &custom).unwrap();
    let mask = kerata::Mask::from_bools(vec![true, false], 1, 2).unwrap();
    let text = lstm.run(zeros(&[1, 2, 3, 1]).with_mask(mask).unwrap()).unwrap_err().to_string();
    assert!(text.contains("a sequence without a mask is needed here"), "{text}");
}

/// A model of such layers learns; what is not trained here says so.
#[test]
fn models_of_such_layers_learn() -> Result<(), Error> {
    let of = |dropout: f64| {
        config(json!({"class_name": "Sequential", "config": {"layers": [
            {"class_name": "Reshape", "config": {"target_shape": [2, 4, 4, 1]}},
            {"class_name": "ConvLSTM2D", "config": {"filters": 2, "kernel_size": 2, "padding": "same",
                "return_sequences": true, "dropout": dropout}},
            {"class_name": "Conv3D", "config": {"filters": 3, "kernel_size": 2, "activation": "tanh"}},
            {"class_name": "GlobalAveragePooling3D", "config": {}},
            {"class_name": "EinsumDense", "config": {"equation": "ab,bc->ac", "output_shape": 2, "bias_axes": "c"}},
            {"class_name": "UnitNormalization", "config": {}}]}}))
    };
    let dev = Cpu::seed_from_u64(1);
    let mut model = layer_from_config(&of(0.0), &CustomObjects::new())?.on(&dev);
    let value = |i: usize| (i * 7 % 11) as f32 / 5.0 - 1.0;
    let x = dev.tensor_from_vec((0..128).map(value).collect(), (4, Const::<32>));
    let y = dev.tensor([[1.0_f32, 0.0], [0.0, 1.0], [0.6, 0.8], [0.8, 0.6]]);
    let (mut state, mut losses) = (State::default(), Vec::new());
    for _ in 0..150 {
        let loss = state.attempt(&Sgd::new(0.3), &mut model, |model| {
            let y_hat = model.forward_mut::<(usize, Const<2>), _>(x.clone().leaky_trace())?;
            let y: kerata::Tensor<(usize, Const<2>), f32, Cpu> =
                dev.tensor_from_vec(y.as_vec(), (4, Const::<2>));
            MeanSquaredError.compute(y_hat, y)
        })?;
        losses.push(loss);
    }
    let (first, last) = (losses[0], losses[losses.len() - 1]);
    assert!(f64::from(last) < 0.3 * f64::from(first), "{first} {last}");

    let mut model = layer_from_config(&of(0.5), &CustomObjects::new())?;
    model.run(zeros(&[1, 32]))?;
    let x = dev.tensor_from_vec(vec![0.5_f32; 32], (1, Const::<32>));
    let text = model.forward_mut::<(usize, Const<2>), _>(x.leaky_trace()).map(|_| ()).unwrap_err();
    assert!(text.to_string().contains("`conv_lstm2d`: a `dropout`"), "{text}");
    Ok(())
}

/// Padding in front of and behind a window grows with how far it reaches.
#[test]
fn windows_that_reach_too_far_are_refused() {
    for (class, shape) in [
        ("Conv1D", &[1, 8, 2][..]),
        ("ConvLSTM1D", &[1, 3, 8, 2]),
        ("Conv2D", &[1, 8, 8, 2]),
        ("ConvLSTM2D", &[1, 3, 8, 8, 2]),
        ("ConvLSTM3D", &[1, 3, 2, 8, 8, 2]),
        ("DepthwiseConv2D", &[1, 8, 8, 2]),
        ("SeparableConv1D", &[1, 8, 2]),
        ("Conv3D", &[1, 6, 8, 8, 2]),
    ] {
        for dilation in [10_000_000_u64, 1 << 40, u64::MAX / 2] {
            let options = json!({"kernel_size": 3, "padding": "same", "dilation_rate": dilation});
            let mut config = config(json!({"class_name": class, "config": options}));
            let filters = if class == "DepthwiseConv2D" { "depth_multiplier" } else { "filters" };
            config.config.insert(filters.to_owned(), json!(2));
            let layer = layer_from_config(&config, &CustomObjects::new());
            let error = layer.and_then(|mut layer| layer.run(zeros(shape)).map(drop)).unwrap_err();
            let error = error.to_string();
            let says = ["window", "dilation_rate"].iter().any(|word| error.contains(word));
            assert!(says, "{class} {dilation}: {error}");
        }
    }
    let near = json!({"filters": 2, "kernel_size": 3, "padding": "same", "dilation_rate": 500});
    let layer = layer_from_config(
        &config(json!({"class_name": "Conv1D", "config": near})),
        &CustomObjects::new(),
    );
    assert_eq!(layer.unwrap().run(zeros(&[1, 8, 2])).unwrap().sizes(), [1, 8, 2]);
}

/// How many values are taken along an axis is calculated, and not counted.
#[test]
fn huge_axes_are_not_walked_along() {
    let slice =
        json!({"class_name": "__slice__", "config": {"start": null, "stop": null, "step": null}});
    let key = json!([slice, {"class_name": "__slice__", "config": {"start": 1, "stop": null, "step": 2}}]);
    let x = json!({"class_name": "__keras_tensor__", "config": {"keras_history": ["x", 0, 0]}});
    let model = json!({"class_name": "Functional", "config": {
        "name": "model",
        "layers": [
            {"class_name": "InputLayer", "name": "x", "inbound_nodes": [],
             "config": {"name": "x", "batch_shape": [null, 1_u64 << 40, 2]}},
            {"class_name": "GetItem", "name": "y", "config": {"name": "y"}, "module": "keras.src.ops.numpy",
             "inbound_nodes": [{"args": [x, key], "kwargs": {}}]},
        ],
        "input_layers": [["x", 0, 0]],
        "output_layers": [["y", 0, 0]],
    }});
    let config: kerata::config::Config = model.try_into().unwrap();
    let start = std::time::Instant::now();
    drop(layer_from_config(&config, &CustomObjects::new()));
    assert!(start.elapsed().as_secs() < 60);
}
