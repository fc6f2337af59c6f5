use super::Error;

impl Error {
    /// Checks that all ids of a tensor are in a vocabulary. The sizes are `[rows]`, `[rows, steps]` or `[rows, steps, ..]`.
    ///
    /// # Errors
    /// [`Error::IdOutsideVocabulary`] with the first that is not.
    pub(crate) fn check_ids(
        ids: &[usize],
        sizes: &[usize],
        vocabulary: usize,
    ) -> Result<(), Error> {
        let Some(at) = ids.iter().position(|&id| id >= vocabulary) else { return Ok(()) };
        let steps = sizes.get(1).copied().unwrap_or(1).max(1);
        let each: usize = sizes.iter().skip(2).product();
        let step = at / each.max(1);
        let (row, step) = (step / steps, step % steps);
        Err(Self::IdOutsideVocabulary { id: ids[at], vocabulary, row, step })
    }
}
