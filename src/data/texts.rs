/// Texts to learn words from, one after the other: what can be gone over and gives a `T` each time.
///
/// ```
/// use kerata::{Error, data::Vocabulary};
///
/// let vocabulary = Vocabulary::words().learn(["one text", "and another one"])?;
/// assert_eq!(vocabulary.size(), 5);
/// # Ok::<(), Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "several texts are learned from, but `{Self}` is no list of texts",
    label = "a list, such as `[text]` for a single one"
)]
pub trait Texts<T> {
    /// One after the other.
    fn texts(self) -> impl Iterator<Item = T>;
}

#[diagnostic::do_not_recommend]
impl<T, I: IntoIterator<Item = T>> Texts<T> for I {
    fn texts(self) -> impl Iterator<Item = T> {
        self.into_iter()
    }
}
