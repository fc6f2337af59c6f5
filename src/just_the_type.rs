//! What is written in Keras's way where a loss, a metric or an optimiser belongs, which are values: the bare name of one, or its `new`;
//! and methods that are elsewhere.

use std::marker::PhantomData;

/// What the bare name of an optimiser, a loss or a metric `T` is, where a value belongs: `Adam` in place of `Adam::new(0.001)`.
///
/// Without such a value, the compiler suggests to fill in all fields of the struct. It is not `Send`, which all optimisers and losses are.
#[derive(Debug)]
pub struct JustTheType<T>(PhantomData<*const T>);

impl<T> JustTheType<T> {
    /// The value.
    pub const NEW: Self = Self(PhantomData);
}

/// What stands where `new` does of a type `T` that has none. It is no function, so that a call of it is one error, whatever its arguments are;
/// what is in its place, a warning says.
#[doc(hidden)]
#[derive(Debug)]
pub struct NoNew<T: ?Sized>(PhantomData<T>);

impl<T> NoNew<T> {
    /// The value.
    pub const NEW: Self = Self(PhantomData);
}

/// Says what makes a type that has no `new`. Else the compiler lists whatever gives one, or a method `ne`.
macro_rules! no_new {
    ($type:ident$(<$of:ident>)?: $words:literal) => {
        impl$(<$of>)? $type$(<$of>)? {
            /// Of nothing.
            #[doc(hidden)]
            #[deprecated(note = $words)]
            #[allow(non_upper_case_globals)]
            pub const new: $crate::just_the_type::NoNew<Self> = $crate::just_the_type::NoNew::NEW;
        }
    };
}

pub(crate) use no_new;

/// What has no `new`, as [`default`](Default::default) makes it: who writes `new` is told so.
#[doc(hidden)]
pub trait ByDefault: Default {
    /// Of nothing.
    #[rustfmt::skip] // In one line, of which the compiler shows no more.
    fn new() -> Self where (): MadeByNew<Self> {
        <() as MadeByNew<Self>>::make()
    }
}

/// What makes a `T` in [`ByDefault::new`]: nothing does.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{T}` has no `new`: write `{T}::default()`",
    label = "`default`, with Keras's settings"
)]
pub trait MadeByNew<T> {
    /// A value.
    fn make() -> T;
}

/// Answers `new` of types of the module above that are made by `default`, and the bare names of those that have settings; without any,
/// the bare name is a value.
macro_rules! by_default {
    (settings: $($type:ident),*; none: $($unit:ident),*) => {
        $(
            /// For who writes the type where a value belongs.
            #[doc(hidden)]
            #[allow(non_upper_case_globals)]
            pub const $type: JustTheType<super::$type> = JustTheType::NEW;

            impl ByDefault for super::$type {}
        )*
        $(impl ByDefault for super::$unit {})*
    };
}

pub(crate) use by_default;

/// Methods that Keras or PyTorch have of what a type is, and the type has not: who calls one is told what is in its place.
///
/// What they return is named by a trait that nothing has: so the compiler tells the words of that, and nothing of what is made of it.
macro_rules! elsewhere {
    ($methods:ident: $($trait:ident: $($method:ident $args:tt)*;)*) => {
        /// Methods that are elsewhere.
        #[doc(hidden)]
        pub trait $methods: Sized {
            $($($crate::just_the_type::elsewhere!(@method $trait $method $args);)*)*
        }
    };
    (@method $trait:ident $method:ident($($arg:ident),*)) => {
        fn $method(&mut self $(, $arg: impl Sized)*) -> Self::Out
        where
            Self: $trait,
        {
            Self::never()
        }
    };
}

pub(crate) use elsewhere;

/// The name of a type, without its path and its parameters.
pub(crate) fn name_of<T: ?Sized>() -> &'static str {
    let name = std::any::type_name::<T>();
    let name = name.split('<').next().unwrap_or(name);
    name.rsplit("::").next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short() {
        assert_eq!(name_of::<JustTheType<Vec<u8>>>(), "JustTheType");
        assert_eq!(name_of::<str>(), "str");
    }
}
