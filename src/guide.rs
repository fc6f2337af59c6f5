//! The guide: one short page per task, for users who know Keras.
//!
//! | page | what it is about |
//! | --- | --- |
//! | [Coming from Keras](from_keras) | every line of Keras and its counterpart; what differs on purpose |
//! | [Bring a Keras model](keras_files) | Keras's files with weights, read and written |
//! | [Getting data in](data_in) | vectors, ids, labels, padding, one-hot rows, images, streams |
//! | [Data from disk](data_from_disk) | streams, files larger than memory, reading on a thread, preprocessing |
//! | [Tables](tables) | rows of CSV files: missing values, categories, scales |
//! | [Masks](masks) | what `MaskZero` does, which layers pass, use or refuse a mask, masked losses |
//! | [Recurrent layers](recurrent) | `Lstm`, `Gru`, `SimpleRnn`: sequences, states, both directions |
//! | [Attention](attention) | `MultiHeadAttention`: blocks of transformers, places, masks |
//! | [Streaming](streaming) | a model step by step, with its state: live data, generation |
//! | [Your own layer](own_layer) | layers, activations, losses and metrics of your own |
//! | [Branches](branches) | residual connections, several inputs, shared layers |
//! | [Many outputs](many_outputs) | a loss, metrics and weights for each of several outputs |
//! | [Saving and serving](saving_and_serving) | weight files, Keras's JSON, threads |
//! | [Images](images) | convolution, pooling, `Flatten`, images of any size |
//! | [Words](words) | vocabularies, embeddings, word vectors, plots |
//! | [Training](training) | `fit`, optimizers and their options, learning rates |
//! | [Callbacks](callbacks) | stopping early, saving the best, logs, TensorBoard, your own |
//! | [Pictures](pictures) | a model, its training, weights, answers and batches as SVG and PNG |
//! | [Your own loop](own_loop) | steps by hand: several losses, adversarial models, distillation |
//! | [Checkpoints](checkpoints) | one file to go on from, bit by bit, after whatever happened |
//! | [More than one machine](distributed) | ranks that share every batch; threads as ranks |
//! | [Reading errors](reading_errors) | the common compile errors and run-time errors |

macro_rules! pages {
    ($($page:ident $file:literal)*) => {
        /// The links from each page to the others.
        macro_rules! links {
            () => {
                concat!($("[", $file, "]: mod@", stringify!($page), "\n",)*)
            };
        }
        pages!(@each $($page $file)*);
    };
    (@each $($page:ident $file:literal)*) => {$(
        // Of two definitions of a link the first one counts: these in rustdoc, those at the end of each page elsewhere.
        #[doc = concat!(
            links!(),
            "[weights]: mod@data_in\n[reduce]: mod@kerata::reduce\n",
            "[trainer]: kerata::train::Trainer\n",
            "[schedules]: mod@kerata::optim::schedules\n[losses]: mod@kerata::loss\n",
            "[schedule]: kerata::optim::LearningRateSchedule\n",
            "[slots]: kerata::optim::State::visit_slots\n",
            "[lambda]: kerata::callbacks::LambdaCallback\n",
            "[batches-from]: kerata::data::Dataset::batches_from\n",
            "[callback]: kerata::train::Callback::reads_model_in_batches\n",
            "[visit-saved]: kerata::train::Callback::visit_saved\n",
            "[communicator]: kerata::distributed::Communicator\n[threads]: kerata::distributed::Threads\n",
            "[kerata-mpi]: https://docs.rs/kerata-mpi\n",
            "[metric-state]: kerata::metric::MetricState\n",
            "[error]: kerata::Error\n[inner]: kerata::Inner\n[layer]: mod@kerata::layer\n",
            "[soft-update]: kerata::parameters::soft_update\n",
            "[streamable]: kerata::stream::Streamable\n[optimizer]: kerata::optim::Optimizer\n\n",
            include_str!(concat!("../docs/guide/", $file, ".md")),
        )]
        pub mod $page {}
    )*};
}

pages! {
    from_keras "from-keras"
    keras_files "keras-files"
    data_in "data-in"
    data_from_disk "data-from-disk"
    tables "tables"
    masks "masks"
    recurrent "recurrent"
    attention "attention"
    streaming "streaming"
    own_layer "own-layer"
    branches "branches"
    many_outputs "many-outputs"
    saving_and_serving "saving-and-serving"
    images "images"
    words "words"
    training "training"
    callbacks "callbacks"
    checkpoints "checkpoints"
    distributed "distributed"
    own_loop "own-loop"
    pictures "pictures"
    reading_errors "reading-errors"
}
