/// Texts to learn words from or to encode, one after the other: what can be gone over and gives a text each time.
///
/// ```
/// use kerata::{Error, data::Vocabulary};
///
/// let vocabulary = Vocabulary::words().learn(["one text", "and another one"])?;
/// assert_eq!(vocabulary.size(), 5);
/// # Ok::<(), Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "a list of texts is needed here, and `{Self}` is none",
    label = "a list, such as `[text]` for a single one"
)]
pub trait Texts {
    /// One after the other.
    fn texts(self) -> impl Iterator<Item = impl AsRef<str>>;
}

#[diagnostic::do_not_recommend]
impl<I: IntoIterator<Item: AsRef<str>>> Texts for I {
    fn texts(self) -> impl Iterator<Item = impl AsRef<str>> {
        self.into_iter()
    }
}
