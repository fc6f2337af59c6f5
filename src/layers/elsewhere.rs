//! What layers are called in Keras and PyTorch, so that a `use` of such a name is no error of its own: `#[model]` says what the
//! layer is called here.

macro_rules! elsewhere {
    ($($name:ident)*) => {
        $(
            #[doc(hidden)]
            pub const $name: () = ();
        )*
    };
}

elsewhere! {
    AveragePooling1D AveragePooling2D AveragePooling1d AveragePooling2d AvgPool1D AvgPool2D
    BatchNorm1d BatchNorm2d BatchNormalization
    Conv1D Conv2D
    ELU GELU GRU
    GlobalAveragePooling1D GlobalAveragePooling2D GlobalMaxPooling1D GlobalMaxPooling2D
    LSTM LayerNormalization LeakyReLU
    MaxPool1D MaxPool2D MaxPooling1D MaxPooling2D MaxPooling1d MaxPooling2d
    MultiheadAttention
    PReLU RMSNormalization RNN ReLU SELU SimpleRNN ZeroPadding2D
}
