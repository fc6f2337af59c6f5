//! A second impl that never applies, and a type that is known: for messages of the compiler.
//!
//! Where a trait has one impl for all types, the compiler takes that and knows what it names, also of a type that does not meet its
//! bounds. With a second one it has to look at the bounds first: what is named of such a type is then unknown, and so is silently
//! whatever is made of it.

/// What is never said of anything.
#[doc(hidden)]
pub trait Never<'a> {
    /// Whatever is asked for.
    fn never<T>() -> T;
}

/// Has no [`Never`], which a bound with a lifetime in front may ask of it all the same: `for<'a> Nobody: Never<'a>`.
#[doc(hidden)]
#[derive(Debug)]
pub enum Nobody {}

/// A type that is known: every one is. By way of one that is not, nothing is.
#[doc(hidden)]
pub trait Known {
    /// The same `T`.
    type Of<T>;

    /// The same value.
    fn of<T>(of: T) -> Self::Of<T>;
}

impl<S> Known for S {
    type Of<T> = T;

    fn of<T>(of: T) -> T {
        of
    }
}

/// `T`, under another name: a bound on `T` is then told of the whole call, and not of the argument that is one.
#[doc(hidden)]
pub trait Is<T> {
    /// The same value.
    fn unchanged(self) -> T;
}

impl<T> Is<T> for T {
    fn unchanged(self) -> T {
        self
    }
}
