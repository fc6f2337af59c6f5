/// What a result would have to be to have the methods of what is in it.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a `Result` stands here: write `?` behind the call that gives it",
    label = "`?` takes the value out, and hands an error on"
)]
pub trait Opened<'a> {}
