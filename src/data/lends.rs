/// A reference to data.
///
/// A method that takes one takes this, so that of data without its `&` the compiler says what to write.
pub trait Lends {
    /// The data.
    type Data: ?Sized;

    /// The data.
    fn lent(&self) -> &Self::Data;
}

impl<R: Reference> Lends for R {
    type Data = R::Data;

    fn lent(&self) -> &R::Data {
        self.data()
    }
}

/// What [`Lends`] stands on: of a trait that is for all types, the compiler does not show where it is asked for.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is only looked at here, and not taken: write `&` before it",
    label = "`&` is missing"
)]
pub trait Reference {
    /// The data.
    type Data: ?Sized;

    /// The data.
    fn data(&self) -> &Self::Data;
}

#[diagnostic::do_not_recommend]
impl<T: ?Sized> Reference for &T {
    type Data = T;

    fn data(&self) -> &T {
        self
    }
}

#[diagnostic::do_not_recommend]
impl<T: ?Sized> Reference for &mut T {
    type Data = T;

    fn data(&self) -> &T {
        self
    }
}
