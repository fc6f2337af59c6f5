//! The classes of Keras, by name.

use dfdx::{shapes::Const, tensor::Cpu};

use super::{
    adaptive::AdaptivePool,
    applications::{LayerScale, ScaledSum},
    attention::Attention,
    augmentation::{self, Augmentation},
    bidirectional::{BidirectionalKeys, BidirectionalOp},
    buckets::Buckets,
    categories::Categories,
    cells::Cells,
    chain::{Chain, ChainKeys},
    channels_first::{self, ChannelsFirst},
    conv::{Convolution, GlobalPool, Pool},
    conv_lstm::ConvLstm,
    custom::CustomObjects,
    dense::{Activate, DenseOp, EmbeddingOp, MaskingOp},
    depthwise::Depthwise,
    dot::Products,
    dropout::Dropping,
    einsum_dense::EinsumDense,
    graph::Graph,
    groups::Groups,
    heads::Heads,
    keys,
    mel::Mel,
    merge::{Joining, Merge},
    noise::Noise,
    norm::Norm,
    op::Op,
    options::Options,
    prelu::Slopes,
    random_images::RandomImages,
    recurrent::RecurrentOp,
    resizing::Resize,
    reversible::Reversible,
    scaling::{Rescale, Standardise},
    shapes::{FlattenOp, PermuteKeys, PermuteOp, Repeat, ReshapeOp},
    softmax::SoftmaxOp,
    space::Space,
    spectral::Spectral,
    spectrogram::Spectrogram,
    transposed::Transposed,
    unit::UnitNorm,
    wrap::Steps,
};
use crate::{
    error::Error,
    fields::{Config, Configured, Described, Fields},
    layers::{
        self, AvgPool1d, AvgPool2d, BatchNorm, Conv1d, Conv2d, GlobalAveragePooling1d,
        GlobalAveragePooling2d, GlobalMaxPooling1d, GlobalMaxPooling2d, Gru, LayerNorm, Linear,
        Lstm, MaxPool1d, MaxPool2d, Relu, RepeatVector, RmsNorm, SimpleRnn, Softmax,
        TimeDistributed,
    },
    parameters::Build,
};

/// Keras's classes: a type that lists the keys, and how the dynamic layer is made.
macro_rules! classes {
    ({$($class:literal: $keys:ty, $make:expr;)*} {$($alone:literal: $show:expr, $of:expr;)*}) => {
        const CLASSES: &[&str] = &[$($class,)* $($alone),*];

        /// The config with all its keys, but those of layers inside, and the dynamic layer.
        #[cfg_attr(not(any(debug_assertions, feature = "keras")), inline)]
        pub(super) fn make(
            config: Config,
            custom: &CustomObjects,
        ) -> Result<(Config, Box<dyn Op>), Error> {
            match config.class_name.as_str() {
                $($class => one::<$keys, _>(config, custom, $make),)*
                $($alone => {
                    let keys = &mut Alone { class: $alone, show: $show };
                    complete(keys, config, custom, &|options| Ok(Box::new(($of)(options)?)))
                })*
                _ => Err(custom.unknown(config)),
            }
        }
    };
}

classes! {{
    "Activation": Linear, |o| Ok(Activate(o.activation("activation")?));
    "AlphaDropout": layers::AlphaDropout<0>, Noise::new;
    "AveragePooling1D": AvgPool1d<1>, Pool::new;
    "AveragePooling2D": AvgPool2d<1>, Pool::new;
    "BatchNormalization": BatchNorm<1>, Norm::batch;
    "Bidirectional": BidirectionalKeys, BidirectionalOp::new;
    "Conv1D": Conv1d<1, 1, 1>, Convolution::new;
    "Conv2D": Conv2d<1, 1, 1>, Convolution::new;
    "Conv1DTranspose": layers::Conv1dTranspose<1, 1, 1>, Transposed::new;
    "Conv2DTranspose": layers::Conv2dTranspose<1, 1, 1>, Transposed::new;
    "Cropping1D": layers::Cropping1d<1>, Space::new;
    "Cropping2D": layers::Cropping2d<1>, Space::new;
    "Dense": layers::Dense<1, 1>, DenseOp::new;
    "DepthwiseConv1D": layers::DepthwiseConv1d<1, 1>, Depthwise::new;
    "DepthwiseConv2D": layers::DepthwiseConv2d<1, 1>, Depthwise::new;
    "Embedding": layers::Embedding<1, 1>, EmbeddingOp::new;
    "Flatten": layers::Flatten<1>, |_| Ok(FlattenOp);
    "GRU": Gru<1, 1>, RecurrentOp::gru;
    "GaussianDropout": layers::GaussianDropout<0>, Noise::new;
    "GaussianNoise": layers::GaussianNoise, Noise::new;
    "GlobalAveragePooling1D": GlobalAveragePooling1d, GlobalPool::new;
    "GlobalAveragePooling2D": GlobalAveragePooling2d, GlobalPool::new;
    "GlobalMaxPooling1D": GlobalMaxPooling1d, GlobalPool::new;
    "GlobalMaxPooling2D": GlobalMaxPooling2d, GlobalPool::new;
    "Identity": layers::Identity, |o| Ok(Activate(o.custom.function("linear")?));
    "LSTM": Lstm<1, 1>, RecurrentOp::lstm;
    "LayerNormalization": LayerNorm<1>, Norm::layer;
    "Masking": layers::Masking, |o| Ok(MaskingOp(o.element("mask_value")?.into()));
    "MaxPooling1D": MaxPool1d<1>, Pool::new;
    "MaxPooling2D": MaxPool2d<1>, Pool::new;
    "Permute": PermuteKeys, PermuteOp::new;
    "RMSNormalization": RmsNorm<1>, Norm::rms;
    "RandomBrightness": layers::RandomBrightness, RandomImages::brightness;
    "RandomContrast": layers::RandomContrast, RandomImages::contrast;
    "RandomFlip": layers::RandomFlip, RandomImages::flip;
    "RandomRotation": layers::RandomRotation, RandomImages::rotation;
    "RandomTranslation": layers::RandomTranslation, RandomImages::translation;
    "RandomZoom": layers::RandomZoom, RandomImages::zoom;
    "ReLU": Relu, |o| Ok(Activate(o.activation_layer("relu")?));
    "RepeatVector": RepeatVector<1>, Repeat::new;
    "Reshape": layers::Reshape<(Const<1>,)>, ReshapeOp::new;
    "SeparableConv1D": layers::SeparableConv1d<1, 1, 1>, Depthwise::new;
    "SeparableConv2D": layers::SeparableConv2d<1, 1, 1>, Depthwise::new;
    "Sequential": ChainKeys, Chain::new;
    "SimpleRNN": SimpleRnn<1, 1>, RecurrentOp::simple;
    "Softmax": Softmax, SoftmaxOp::new;
    "SpatialDropout1D": layers::SpatialDropout1d<0>, Noise::new;
    "SpatialDropout2D": layers::SpatialDropout2d<0>, Noise::new;
    "TimeDistributed": TimeDistributed<Linear>, Steps::new;
    "UpSampling1D": layers::UpSampling1d<1>, Space::new;
    "UpSampling2D": layers::UpSampling2d<1>, Space::new;
    "ZeroPadding1D": layers::ZeroPadding1d<1>, Space::new;
    "ZeroPadding2D": layers::ZeroPadding2d<1>, Space::new;
} {
    "ActivityRegularization": keys::activity, |o: &mut Options<'_>| {
        Ok::<_, Error>(Activate(o.custom.function("linear")?))
    };
    "AdaptiveAveragePooling1D": keys::adaptive::<1>, AdaptivePool::new;
    "AdaptiveAveragePooling2D": keys::adaptive::<2>, AdaptivePool::new;
    "AdaptiveAveragePooling3D": keys::adaptive::<3>, AdaptivePool::new;
    "AdaptiveMaxPooling1D": keys::adaptive::<1>, AdaptivePool::new;
    "AdaptiveMaxPooling2D": keys::adaptive::<2>, AdaptivePool::new;
    "AdaptiveMaxPooling3D": keys::adaptive::<3>, AdaptivePool::new;
    "Add": |_| {}, Merge::new;
    "AdditiveAttention": keys::attention, Attention::new;
    "Attention": keys::attention, Attention::new;
    "AugMix": augmentation::keys, Augmentation::new;
    "Average": |_| {}, Merge::new;
    "AveragePooling3D": keys::pool3d, Pool::new;
    "CategoryEncoding": keys::categories, Categories::new;
    "CenterCrop": keys::resizing, Resize::new;
    "Concatenate": |f| f.any("axis", -1), Joining::new;
    "Conv3D": keys::conv3d, Convolution::new;
    "Conv3DTranspose": keys::conv3d, Transposed::new;
    "ConvLSTM1D": keys::conv_lstm::<1>, ConvLstm::new;
    "ConvLSTM2D": keys::conv_lstm::<2>, ConvLstm::new;
    "ConvLSTM3D": keys::conv_lstm::<3>, ConvLstm::new;
    "Cropping3D": keys::space, Space::new;
    "CustomScaleLayer": |f| f.needed_number("scale"), ScaledSum::new;
    "CutMix": augmentation::keys, Augmentation::new;
    "Discretization": keys::buckets, Buckets::new;
    "Dot": keys::dot, Products::new;
    "Dropout": keys::dropout, Dropping::new;
    "EinsumDense": keys::einsum_dense, EinsumDense::new;
    "ELU": |f| f.activation_layer("elu"), |o: &mut Options<'_>| {
        Ok::<_, Error>(Activate(o.activation_layer("elu")?))
    };
    "Functional": keys::functional, Graph::new;
    "GlobalAveragePooling3D": |f| f.global_pooling(), GlobalPool::new;
    "GlobalMaxPooling3D": |f| f.global_pooling(), GlobalPool::new;
    "GroupNormalization": keys::groups, Groups::new;
    "GroupQueryAttention": keys::grouped_heads, Heads::new;
    "LayerScale": keys::layer_scale, LayerScale::new;
    "LeakyReLU": |f| f.activation_layer("leaky_relu"), |o: &mut Options<'_>| {
        Ok::<_, Error>(Activate(o.activation_layer("leaky_relu")?))
    };
    "Maximum": |_| {}, Merge::new;
    "MaxPooling3D": keys::pool3d, Pool::new;
    "MelSpectrogram": keys::mel, Mel::new;
    "Minimum": |_| {}, Merge::new;
    "MixUp": augmentation::keys, Augmentation::new;
    "MultiHeadAttention": keys::heads, Heads::new;
    "Multiply": |_| {}, Merge::new;
    "Normalization": keys::normalization, Standardise::new;
    "PReLU": keys::prelu, Slopes::new;
    "RandAugment": augmentation::keys, Augmentation::new;
    "RandomColorDegeneration": augmentation::keys, Augmentation::new;
    "RandomColorJitter": augmentation::keys, Augmentation::new;
    "RandomCrop": keys::random_crop, RandomImages::crop;
    "RandomElasticTransform": augmentation::keys, Augmentation::new;
    "RandomErasing": augmentation::keys, Augmentation::new;
    "RandomGaussianBlur": augmentation::keys, Augmentation::new;
    "RandomGrayscale": augmentation::keys, Augmentation::new;
    "RandomHue": augmentation::keys, Augmentation::new;
    "RandomInvert": augmentation::keys, Augmentation::new;
    "RandomPerspective": augmentation::keys, Augmentation::new;
    "RandomPosterization": augmentation::keys, Augmentation::new;
    "RandomSaturation": augmentation::keys, Augmentation::new;
    "RandomSharpness": augmentation::keys, Augmentation::new;
    "RandomShear": augmentation::keys, Augmentation::new;
    "Rescaling": keys::rescaling, Rescale::new;
    "Resizing": keys::resizing, Resize::new;
    "ReversibleEmbedding": keys::reversible, Reversible::new;
    "RNN": keys::cells, Cells::new;
    "Solarization": augmentation::keys, Augmentation::new;
    "SpatialDropout3D": keys::channels, Noise::new;
    "SpectralNormalization": keys::spectral, Spectral::new;
    "StochasticDepth": |f| f.share("drop_path_rate", 0.0, None), Noise::new;
    "STFTSpectrogram": keys::spectrogram, Spectrogram::new;
    "Subtract": |_| {}, Merge::new;
    "UnitNormalization": keys::unit_norm, UnitNorm::new;
    "UpSampling3D": keys::space, Space::new;
    "ZeroPadding3D": keys::space, Space::new;
}}

/// The keys of a class that has no type of its own.
struct Alone {
    class: &'static str,
    show: fn(&mut Fields),
}

impl Described for Alone {
    fn class(&self) -> &'static str {
        self.class
    }

    fn takes(&self, class: &str) -> bool {
        class == self.class
    }

    fn may_be_left_out(&self, _next: Option<&str>) -> bool {
        false
    }

    fn show_keys(&mut self, fields: &mut Fields) {
        (self.show)(fields);
    }
}

fn one<L: Configured + Build, D: Op + 'static>(
    config: Config,
    custom: &CustomObjects,
    make: fn(&mut Options<'_>) -> Result<D, Error>,
) -> Result<(Config, Box<dyn Op>), Error> {
    complete(&mut L::build(&Cpu::default())?, config, custom, &|options| {
        Ok(Box::new(make(options)?))
    })
}

fn complete(
    keys: &mut dyn Described,
    mut config: Config,
    custom: &CustomObjects,
    make: &dyn Fn(&mut Options<'_>) -> Result<Box<dyn Op>, Error>,
) -> Result<(Config, Box<dyn Op>), Error> {
    let is_first = channels_first::put_last(&mut config);
    let mut config = Fields::complete(keys, config)?;
    let mut op = make(&mut Options { config: &mut config, custom })?;
    if is_first {
        op = Box::new(ChannelsFirst::new(op, &config.class_name));
    }
    Ok((config, op))
}

/// The classes that a config may name.
pub(super) fn known() -> Vec<String> {
    let mut classes: Vec<String> = CLASSES.iter().map(|&class| class.to_owned()).collect();
    classes.sort_unstable();
    classes
}

#[cfg(test)]
mod tests {
    use crate::fields::is_built_in;

    #[test]
    fn all_are_written_as_keras_s_own() {
        let known = super::known();
        assert!(known.len() > 60);
        assert_eq!(known.iter().find(|class| !is_built_in(class)), None);
    }
}
