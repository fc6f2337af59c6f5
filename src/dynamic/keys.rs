//! The keys of classes that no type has.

use serde_json::{Value, json};

use crate::fields::{Fields, Initializer};

pub(super) fn functional(fields: &mut Fields) {
    for key in ["layers", "input_layers", "output_layers"] {
        fields.any(key, Value::Null);
    }
}

pub(super) fn dot(fields: &mut Fields) {
    fields.any("axes", Value::Null);
    fields.flag("normalize", false, false);
}

fn weight(fields: &mut Fields, key: &str, usual: Initializer) {
    fields.weight(key, &[key], usual, true);
}

pub(super) fn conv3d(fields: &mut Fields) {
    fields.size("filters", 1);
    fields.sizes("kernel_size", &[1; 3], None);
    fields.sizes("strides", &[1; 3], Some(&[1; 3]));
    fields.any_case("padding", "valid", &["valid", "same"]);
    fields.data_format();
    fields.sizes("dilation_rate", &[1; 3], Some(&[1; 3]));
    match fields.class() {
        "Conv3DTranspose" => fields.transposed(),
        _ => fields.convolution(1),
    }
    fields.activation("activation", "linear", Some("linear"));
    fields.flag("use_bias", true, true);
    weight(fields, "kernel", Initializer::GLOROT_UNIFORM);
    weight(fields, "bias", Initializer::ZEROS);
}

pub(super) fn conv_lstm<const N: usize>(fields: &mut Fields) {
    for key in ["return_sequences", "return_state", "go_backwards", "stateful"] {
        fields.flag(key, false, false);
    }
    for key in ["unroll", "zero_output_for_mask"] {
        fields.any_flag(key, false);
    }
    fields.size("filters", 1);
    fields.sizes("kernel_size", &[1; N], None);
    fields.sizes("strides", &[1; N], Some(&[1; N]));
    fields.any_case("padding", "valid", &["valid", "same"]);
    fields.data_format();
    fields.sizes("dilation_rate", &[1; N], Some(&[1; N]));
    fields.activation("activation", "tanh", Some("tanh"));
    fields.activation("recurrent_activation", "sigmoid", Some("sigmoid"));
    fields.flag("use_bias", true, true);
    weight(fields, "kernel", Initializer::GLOROT_UNIFORM);
    weight(fields, "recurrent", Initializer::ORTHOGONAL);
    weight(fields, "bias", Initializer::ZEROS);
    fields.any_flag("unit_forget_bias", true);
    fields.none(&["activity_regularizer"]);
    fields.share("dropout", 0.0, Some(0.0));
    fields.share("recurrent_dropout", 0.0, Some(0.0));
    fields.seed();
    fields.ignored(&["implementation", "time_major", "rank"]);
}

pub(super) fn pool3d(fields: &mut Fields) {
    fields.pooling(&[1; 3], &[1; 3], "valid");
}

pub(super) fn adaptive<const N: usize>(fields: &mut Fields) {
    fields.sizes("output_size", &[1; N], None);
    fields.data_format();
}

/// Of volumes.
pub(super) fn space(fields: &mut Fields) {
    match fields.class() {
        "Cropping3D" => fields.pairs("cropping", [[1; 2]; 3], 1),
        "UpSampling3D" => fields.sizes("size", &[2; 3], Some(&[2; 3])),
        _ => fields.pairs("padding", [[1; 2]; 3], 1),
    }
    fields.data_format();
}

pub(super) fn einsum_dense(fields: &mut Fields) {
    fields.any("output_shape", Value::Null);
    fields.any("equation", Value::Null);
    fields.activation("activation", "linear", Some("linear"));
    fields.any("bias_axes", Value::Null);
    weight(fields, "kernel", Initializer::GLOROT_UNIFORM);
    weight(fields, "bias", Initializer::ZEROS);
    fields.none(&["activity_regularizer", "lora_rank", "quantization_config"]);
    fields.ignored(&["lora_alpha", "gptq_unpacked_column_size"]);
}

pub(super) fn unit_norm(fields: &mut Fields) {
    fields.any("axis", json!(-1));
}

pub(super) fn layer_scale(fields: &mut Fields) {
    fields.needed_number("init_values");
    fields.size("projection_dim", 1);
}

pub(super) fn resizing(fields: &mut Fields) {
    fields.size("height", 1);
    fields.size("width", 1);
    if fields.class() == "Resizing" {
        let names = ["bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"];
        fields.choice("interpolation", names[0], &names);
        for key in ["crop_to_aspect_ratio", "pad_to_aspect_ratio", "antialias"] {
            fields.flag(key, false, false);
        }
        fields.fixed("fill_mode", "constant");
        fields.any("fill_value", json!(0.0));
    }
    fields.data_format();
}

pub(super) fn dropout(fields: &mut Fields) {
    fields.share("rate", 0.0, None);
    fields.seed();
    fields.any("noise_shape", Value::Null);
}

pub(super) fn channels(fields: &mut Fields) {
    fields.share("rate", 0.0, None);
    fields.seed();
    fields.data_format();
}

pub(super) fn activity(fields: &mut Fields) {
    fields.positive("l1", 0.0);
    fields.positive("l2", 0.0);
}

pub(super) fn categories(fields: &mut Fields) {
    fields.size("num_tokens", 1);
    fields.any("output_mode", json!("multi_hot"));
    fields.flag("sparse", false, false);
}

pub(super) fn buckets(fields: &mut Fields) {
    for key in ["bin_boundaries", "num_bins"] {
        fields.any(key, Value::Null);
    }
    fields.any("epsilon", json!(0.01));
    fields.any("output_mode", json!("int"));
    fields.flag("sparse", false, false);
}

pub(super) fn prelu(fields: &mut Fields) {
    weight(fields, "alpha", Initializer::ZEROS);
    fields.any("shared_axes", Value::Null);
}

pub(super) fn rescaling(fields: &mut Fields) {
    fields.any("scale", Value::Null);
    fields.any("offset", json!(0.0));
}

pub(super) fn normalization(fields: &mut Fields) {
    fields.any("axis", json!(-1));
    fields.flag("invert", false, false);
    fields.any("mean", Value::Null);
    fields.any("variance", Value::Null);
}

pub(super) fn random_crop(fields: &mut Fields) {
    fields.size("height", 1);
    fields.size("width", 1);
    fields.seed();
    fields.data_format();
}

pub(super) fn cells(fields: &mut Fields) {
    fields.any("cell", Value::Null);
    for key in ["return_sequences", "return_state", "go_backwards", "stateful"] {
        fields.flag(key, false, false);
    }
    fields.any_flag("unroll", false);
    fields.flag("zero_output_for_mask", false, false);
}

pub(super) fn spectral(fields: &mut Fields) {
    fields.any("layer", Value::Null);
    fields.size_or("power_iterations", 1, 1);
}

pub(super) fn reversible(fields: &mut Fields) {
    for key in ["input_dim", "output_dim"] {
        fields.size(key, 1);
    }
    weight(fields, "embeddings", Initializer::EMBEDDINGS);
    fields.none(&["activity_regularizer", "quantization_config", "lora_rank"]);
    fields.ignored(&["lora_alpha", "input_length"]);
    fields.flag("mask_zero", false, false);
    fields.flag("tie_weights", true, true);
    fields.any("reverse_dtype", Value::Null);
    fields.any("logit_soft_cap", Value::Null);
}

pub(super) fn spectrogram(fields: &mut Fields) {
    let modes = ["log", "magnitude", "psd", "real", "imag", "angle", "stft"];
    fields.choice("mode", modes[0], &modes);
    fields.size_or("frame_length", 1, 256);
    for key in ["frame_step", "fft_length"] {
        fields.any(key, Value::Null);
    }
    fields.any("window", json!("hann"));
    fields.flag("periodic", false, false);
    if fields.given.get("scaling").is_some_and(Value::is_null) {
        fields.any("scaling", Value::Null);
    } else {
        fields.choice("scaling", "density", &["density", "spectrum"]);
    }
    fields.any_case("padding", "valid", &["valid", "same"]);
    fields.flag("expand_dims", false, false);
    fields.data_format();
}

pub(super) fn mel(fields: &mut Fields) {
    fields.size_or("fft_length", 1, 2048);
    fields.size_or("sequence_stride", 1, 512);
    fields.any("sequence_length", Value::Null);
    fields.any("window", json!("hann"));
    fields.any("sampling_rate", json!(16000));
    fields.size_or("num_mel_bins", 1, 128);
    fields.any("min_freq", json!(20.0));
    fields.any("max_freq", Value::Null);
    fields.flag("power_to_db", true, true);
    for (key, usual) in
        [("top_db", 80.0), ("mag_exp", 2.0), ("min_power", 1e-10), ("ref_power", 1.0)]
    {
        fields.any(key, json!(usual));
    }
}

pub(super) fn heads(fields: &mut Fields) {
    for key in ["num_heads", "key_dim"] {
        fields.size(key, 1);
    }
    for key in ["value_dim", "output_shape", "attention_axes"] {
        fields.any(key, Value::Null);
    }
    of_heads(fields);
}

pub(super) fn grouped_heads(fields: &mut Fields) {
    for key in ["head_dim", "num_query_heads", "num_key_value_heads"] {
        fields.size(key, 1);
    }
    of_heads(fields);
}

/// What all attentions of several heads have.
fn of_heads(fields: &mut Fields) {
    fields.any("sliding_window", Value::Null);
    fields.share("dropout", 0.0, Some(0.0));
    fields.flag("use_bias", true, true);
    fields.flag("use_gate", false, false);
    fields.none(&["activity_regularizer"]);
    weight(fields, "kernel", Initializer::GLOROT_UNIFORM);
    weight(fields, "bias", Initializer::ZEROS);
    fields.seed();
    // Keras 2 says there what the layer was built for.
    fields.ignored(&["query_shape", "value_shape", "key_shape", "flash_attention"]);
}

pub(super) fn attention(fields: &mut Fields) {
    let additive = fields.class() == "AdditiveAttention";
    fields.flag("use_scale", additive, additive);
    if !additive {
        fields.choice("score_mode", "dot", &["dot", "concat"]);
    }
    fields.share("dropout", 0.0, Some(0.0));
    fields.seed();
}

pub(super) fn groups(fields: &mut Fields) {
    fields.any("groups", json!(32));
    fields.any("axis", json!(-1));
    fields.any("epsilon", json!(1e-3));
    fields.flag("center", true, true);
    fields.flag("scale", true, true);
    weight(fields, "beta", Initializer::ZEROS);
    weight(fields, "gamma", Initializer::ONES);
}
