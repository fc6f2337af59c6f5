use super::Error;
use crate::just_the_type::elsewhere;

/// What a result would have to be to have the methods of what is in it.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a `Result` stands here: write `?` behind the call that gives it",
    label = "`?` takes the value out, and hands an error on"
)]
pub trait Opened {
    type Out;

    fn never() -> Self::Out;
}

elsewhere! {
    NotOfResults:
    Opened: fit(_data, _fit) evaluate(_data, _batch_size) callback(_callback) metric(_metric)
        stream(_rows) step(_x) array() as_vec() to_rows() argmax() save_weights(_path) load_weights(_path) item() numpy() tolist()
        last(_name) names() epochs();
}

impl<T> NotOfResults for Result<T, Error> {}
