//! Pooling of windows.

use std::marker::PhantomData;

use dfdx::{
    shapes::Dim,
    tensor::{Tape, Tensor},
};

use crate::{
    backend::{Backend, Element, IntoShape, Pooling},
    error::Error,
    layer,
    layer::Layer,
    layers::conv::{ImagePadding, window},
    shape::{Along, Fault, Slide, Valid, wrong_window},
    signal::{Images, UnmaskedSteps},
};

macro_rules! pool2d {
    ($(#[$doc:meta])* $name:ident, $class:literal, $pooling:expr) => {
        $(#[$doc])*
        ///
        /// # Shapes
        /// - input `(Batch, H, W, C)`
        /// - output `(Batch, H', W', C)`: with [`Valid`] `H' = (H - KH) / SH + 1`, with
        ///   [`Same`](crate::shape::Same) `H' = H / SH`, rounded up
        #[layer(
            class = $class,
            windows = [Along::window(KH, SH, 1, P::NAME), Along::window(KW, SW, 1, P::NAME)],
            input = (Batch, Height, Width, Channels),
            check = wrong_window(&[KH, KW], &[SH, SW], 1).tell(),
            keys(pooling(&[KH, KW], &[SH, SW], P::NAME)),
        )]
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct $name<
            const KH: usize,
            const KW: usize = KH,
            const SH: usize = KH,
            const SW: usize = KW,
            P: ImagePadding = Valid,
        >(PhantomData<P>);

        impl<In, const KH: usize, const KW: usize, const SH: usize, const SW: usize, P, E, D>
            Layer<In, E, D> for $name<KH, KW, SH, SW, P>
        where
            In: Images<Height: Slide<KH, SH, 1, P>, Width: Slide<KW, SW, 1, P>>,
            P: ImagePadding,
            E: Element,
            D: Backend<E>,
        {
            type Out = (
                In::Batch,
                <In::Height as Slide<KH, SH, 1, P>>::Out,
                <In::Width as Slide<KW, SW, 1, P>>::Out,
                In::Channels,
            );

            const FAULT: Fault = wrong_window(&[KH, KW], &[SH, SW], 1);

            fn call<T: Tape<E, D>>(
                &self,
                x: In::Data<E, D, T>,
            ) -> Result<Tensor<Self::Out, E, D, T>, Error> {
                let (x, (batch, height, width, channels)) = In::images(x)?;
                let out = (batch, height.slide()?, width.slide()?, channels);
                let size = [height.size(), width.size()];
                let window = window::<P>(size, [KH, KW], [SH, SW], [1, 1])?;
                D::pool2d(x, $pooling, &window)?.into_shape(&out)
            }
        }
    };
}

pool2d! {
    /// The largest number of each window, for each channel. The stride is the size of the window, if no other
    /// is given: `MaxPool2d<2>`, `MaxPool2d<3, 3, 2, 2, Same>`.
    ///
    /// Keras: [`MaxPooling2D`](https://keras.io/api/layers/pooling_layers/max_pooling2d/).
    MaxPool2d, "MaxPooling2D", Pooling::Max
}
pool2d! {
    /// The mean of each window, for each channel; what is padding does not count. The stride is the size of the
    /// window, if no other is given.
    ///
    /// Keras: [`AveragePooling2D`](https://keras.io/api/layers/pooling_layers/average_pooling2d/).
    AvgPool2d, "AveragePooling2D", Pooling::Average
}

macro_rules! pool1d {
    ($(#[$doc:meta])* $name:ident, $class:literal, $pooling:expr) => {
        $(#[$doc])*
        ///
        /// # Shapes
        /// - input `(Batch, Length, F)`, without a mask
        /// - output `(Batch, Length', F)`
        #[layer(
            class = $class,
            windows = [Along::window(K, STRIDE, 1, P::NAME)],
            input = (Batch, Length, Features),
            check = wrong_window(&[K], &[STRIDE], 1).tell(),
            keys(pooling(&[K], &[STRIDE], P::NAME)),
        )]
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct $name<const K: usize, const STRIDE: usize = K, P: ImagePadding = Valid>(
            PhantomData<P>,
        );

        impl<In, const K: usize, const STRIDE: usize, P, E, D> Layer<In, E, D>
            for $name<K, STRIDE, P>
        where
            In: UnmaskedSteps<Length: Slide<K, STRIDE, 1, P>>,
            P: ImagePadding,
            E: Element,
            D: Backend<E>,
        {
            type Out = (In::Batch, <In::Length as Slide<K, STRIDE, 1, P>>::Out, In::Features);

            const FAULT: Fault = wrong_window(&[K], &[STRIDE], 1);

            fn call<T: Tape<E, D>>(
                &self,
                x: In::Data<E, D, T>,
            ) -> Result<Tensor<Self::Out, E, D, T>, Error> {
                let (x, (batch, length, features)) = In::rows(x)?;
                let out = (batch, length.slide()?, features);
                let window = window::<P>([1, length.size()], [1, K], [1, STRIDE], [1, 1])?;
                D::pool2d(x, $pooling, &window)?.into_shape(&out)
            }
        }
    };
}

pool1d! {
    /// The largest number of each window of steps, for each feature.
    ///
    /// Keras: [`MaxPooling1D`](https://keras.io/api/layers/pooling_layers/max_pooling1d/).
    MaxPool1d, "MaxPooling1D", Pooling::Max
}
pool1d! {
    /// The mean of each window of steps, for each feature; what is padding does not count.
    ///
    /// Keras: [`AveragePooling1D`](https://keras.io/api/layers/pooling_layers/average_pooling1d/).
    AvgPool1d, "AveragePooling1D", Pooling::Average
}
