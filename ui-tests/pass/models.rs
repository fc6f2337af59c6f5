#![deny(warnings)]
//! What a struct under `#[model]` may be.

use kerata::{
    Backend, Batch, Cpu, Dense, Element, Error, Layer, Length, Linear, Lstm, Masked, Relu, model,
    model::Infer,
    parameters::{Build, Parameters},
    prelude::*,
    shape::{Const, Dim},
    signal::Signal,
};

/// A layer of one's own whose `_` is the number of features that reaches it.
#[derive(Clone, Debug)]
struct Halve<const N: usize>;

impl<B: Dim, const N: usize, E: Element, D: Backend<E>> Layer<(B, Const<N>), E, D> for Halve<N> {
    type Out = (B, Const<N>);

    fn call<T: model::Tape<E, D>>(
        &self,
        x: <(B, Const<N>) as Signal>::Data<E, D, T>,
    ) -> Result<<(B, Const<N>) as Signal>::Data<E, D, T>, Error> {
        Ok(x * E::of(0.5))
    }
}

impl<B: Dim, const N: usize> Infer<(B, Const<N>)> for Halve<0> {
    const SIZE: usize = N;
}

impl<const N: usize, E: Element, D: Backend<E>> Build<E, D> for Halve<N> {
    fn build(_: &D) -> Result<Self, Error> {
        Ok(Self)
    }
}

impl<const N: usize, E: Element, D: Backend<E>> Parameters<E, D> for Halve<N> {}

const WIDTH: usize = 6;

/// Sizes of all kinds, a name that is a word of Rust, docs and derives of its own.
#[model(input = (Batch, WIDTH * 2), output = (Batch, 3))]
#[derive(Debug)]
struct Sizes {
    /// The first.
    r#in: Dense<_, { WIDTH + 1 }, Relu>,
    halve: Halve<_>,
    pub(crate) out: Dense<_, 3>,
}

/// Any number of units.
#[model(input = Masked<(Batch, Length, 8)>, output = (Batch, 2))]
struct Units<const UNITS: usize> {
    lstm: Lstm<8, UNITS>,
    head: Dense<UNITS, 2>,
}

/// Any kind of number, on any device.
#[model(input = (Batch, 4), output = (Batch, 2), element = E, device = D)]
struct Anywhere<E: Element, D: Backend<E>> {
    hidden: Dense<4, 5, Relu, E, D>,
    head: Dense<5, 2, Linear, E, D>,
}

/// Any layer in the middle.
#[model(input = (Batch, 4), output = (Batch, 2))]
struct Around<L>
where
    L: Layer<(Batch, Const<4>), Out = (Batch, Const<4>)> + Build + Parameters + Clone + std::fmt::Debug,
{
    middle: L,
    head: Dense<4, 2>,
}

/// A model that a macro of the user's writes, of fields that are given to it.
macro_rules! reader {
    ($name:ident { $($fields:tt)* }) => {
        #[kerata::model(input = kerata::Ids<(kerata::Batch, 6)>)]
        struct $name {
            $($fields)*
        }
    };
}
reader!(Read {
    words: kerata::Embedding<10, 4, kerata::MaskZero>,
    steps: kerata::Lstm<_, 5, kerata::Sequences>,
    #[from(steps, words)]
    both: kerata::Concatenate<_>,
    #[with(use_bias = false)]
    last: kerata::Gru<_, 4>,
    #[with(trainable = false)]
    head: kerata::Dense<_, 3>,
});

fn main() -> Result<(), Error> {
    let dev = Cpu::seed_from_u64(0);
    let sizes = Sizes::build(&dev)?;
    assert_eq!(sizes.parameters()[0].name, "in.kernel");
    assert_eq!(sizes.predict(&vec![[1.0; 12]], 1)?.as_vec().len(), 3);
    assert_eq!(Units::<5>::PARAMS, 4 * 5 * (8 + 5 + 1) + 12);
    Units::<5>::build(&dev)?;
    let x = dev.tensor_from_vec(vec![1.0_f64; 12], (3, Const::<4>));
    assert_eq!(Anywhere::<f64, Cpu>::build(&dev)?.forward(x)?.as_vec().len(), 3 * 2);
    let around = Around::<Dense<4, 4>>::build(&dev)?;
    assert_eq!(around.predict(&vec![[1.0; 4]], 1)?.as_vec().len(), 2);
    Ok(())
}
