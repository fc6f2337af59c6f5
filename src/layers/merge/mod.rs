//! Layers that make one signal of several.

mod alike;
mod concatenate;
mod dot;
mod stream;

pub use alike::{Alike, LikeOther, Mergeable, StepsAlike};
pub use concatenate::{BesideOther, Concatenate, Featured, SideBySide, StepsBeside};
pub use dot::{Dot, DotWith, Dotted};

use alike::{either, fold};
use stream::{End, MergeStepper};

use dfdx::{
    prelude::{TryMul, TrySub},
    tensor::{Tape, Tensor},
};

use crate::{
    backend::{ActivationKind, Backend, Element, Epilogue, Extreme, apart, choose_rows, keep_rows},
    error::{Error, OrDevice},
    fusion::Fuses,
    layer,
    layer::Layer,
    shape::{Fault, Shape, Words},
    signal::{Mask, Signal},
    stream::Streamable,
};

/// The pass of a layer that merges, and of one that does an activation too.
macro_rules! passes {
    ($values:ident, $masks:ident, [] => $merged:expr) => {
        fn call<T: Tape<E, D>>(
            &self,
            x: In::Data<E, D, T>,
        ) -> Result<<In::Out as Signal>::Data<E, D, T>, Error> {
            const { <Self as Layer<In, E, D>>::FAULT.tell() };
            In::merge(x, |$values, $masks| $merged)
        }
    };
    ($values:ident, $masks:ident, [$then:ident] => $merged:expr) => {
        const FUSES: Fuses = Fuses::Activation;

        fn call<T: Tape<E, D>>(
            &self,
            x: In::Data<E, D, T>,
        ) -> Result<<In::Out as Signal>::Data<E, D, T>, Error> {
            <Self as Layer<In, E, D>>::call_fused(self, x, ActivationKind::Nothing.into())
        }

        fn call_fused<T: Tape<E, D>>(
            &self,
            x: In::Data<E, D, T>,
            then: Epilogue<E, D>,
        ) -> Result<<In::Out as Signal>::Data<E, D, T>, Error> {
            let $then = then.activation;
            In::merge(x, |$values, $masks| $merged)
        }
    };
}

macro_rules! merge {
    (
        $(#[$doc:meta])*
        $name:ident of at most $most:literal,
        $values:ident, $masks:ident $(, $then:ident)? => $merged:expr;
        each $end:expr, $each:expr
    ) => {
        $(#[$doc])*
        ///
        /// # Shapes
        /// - input `Inputs<(S, S, ..)>`, or `Inputs<(Masked<S>, Masked<S>, ..)>`: a step is kept that one of the
        ///   masks keeps
        /// - output `S`, or `Masked<S>`
        #[layer(class = stringify!($name))]
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct $name;

        impl<In: Alike, E: Element, D: Backend<E>> Layer<In, E, D> for $name {
            type Out = In::Out;

            const FAULT: Fault = too_many(In::COUNT, $most);

            passes!($values, $masks, [$($then)?] => $merged);
        }

        #[diagnostic::do_not_recommend]
        impl<In: StepsAlike, E: Element, D: Backend<E>> Streamable<In, E, D> for $name {
            type State = ();
            type Stepper = MergeStepper<E>;

            fn begin(&self, rows: usize) -> Result<(MergeStepper<E>, ()), Error> {
                const { <Self as Layer<In, E, D>>::FAULT.tell() };
                Ok((MergeStepper::new(rows, In::WIDTH)?, ()))
            }

            fn step<'a>(
                stepper: &'a mut MergeStepper<E>,
                (): &mut (),
                x: In::StepData<'a, E>,
            ) -> Result<<In::Out as Signal>::StepData<'a, E>, Error> {
                let each: fn(E, E) -> E = $each;
                stepper.begin($end);
                In::each(x, |rows| stepper.merge(each, rows));
                stepper.end(In::COUNT);
                Ok(In::pack(&stepper.values, stepper.kept()))
            }
        }
    };
}

merge! {
    /// The sum of its inputs, two to six, as behind a residual branch.
    ///
    /// Keras: [`Add`](https://keras.io/api/layers/merging_layers/add/).
    Add of at most 6, values, _masks, then => {
        let mut values = values;
        let last = values.pop().ok_or(Error::Empty("the list of inputs"))?;
        let sum = fold(values, |a, b| D::add(a, b, ActivationKind::Nothing))?;
        let last = apart(&sum, last)?;
        D::add(sum, last, then)
    };
    each End::Values, |a, b| a + b
}
merge! {
    /// The first input minus the second.
    ///
    /// Keras: [`Subtract`](https://keras.io/api/layers/merging_layers/subtract/).
    Subtract of at most 2, values, _masks => fold(values, |a, b| a.try_sub(b).or_device());
    each End::Values, |a, b| a - b
}
merge! {
    /// The mean of its inputs, two to six.
    ///
    /// Keras: [`Average`](https://keras.io/api/layers/merging_layers/average/).
    Average of at most 6, values, _masks => {
        let share = E::of(1.0 / values.len() as f64);
        fold(values, |a, b| D::add(a, b, ActivationKind::Nothing))?.try_mul(share).or_device()
    };
    each End::Mean, |a, b| a + b
}
merge! {
    /// The product of its inputs, two to six. Under masks, those that do not keep a step have no part in it, and a step
    /// that none keeps is 0.
    ///
    /// Keras: [`Multiply`](https://keras.io/api/layers/merging_layers/multiply/).
    Multiply of at most 6, values, masks => {
        let mut values = values;
        if !masks.is_empty() {
            let kept = values.into_iter().zip(masks);
            values = kept
                .map(|(x, mask)| keep_rows(x, mask.as_slice(), E::one()))
                .collect::<Result<_, Error>>()?;
        }
        let product = fold(values, |a, b| a.try_mul(b).or_device())?;
        match either(masks)? {
            Some(mask) => keep_rows(product, mask.as_slice(), E::zero()),
            None => Ok(product),
        }
    };
    each End::OthersOrZero, |a, b| a * b
}
merge! {
    /// The largest number of its inputs, two to six. Under masks, those that do not keep a step have no part in it.
    ///
    /// Keras: [`Maximum`](https://keras.io/api/layers/merging_layers/maximum/).
    Maximum of at most 6, values, masks => {
        extreme(values, masks, |a, b| Extreme::Largest.apply(a, b))
    };
    each End::Others, |a, b| Extreme::Largest.of(a, b)
}
merge! {
    /// The smallest number of its inputs, two to six. Under masks, those that do not keep a step have no part in it.
    ///
    /// Keras: [`Minimum`](https://keras.io/api/layers/merging_layers/minimum/).
    Minimum of at most 6, values, masks => {
        extreme(values, masks, |a, b| Extreme::Smallest.apply(a, b))
    };
    each End::Others, |a, b| Extreme::Smallest.of(a, b)
}

const fn too_many(count: usize, most: usize) -> Fault {
    if count <= most {
        return Fault::NONE;
    }
    Fault::new(&[
        Words::Text("this layer takes "),
        Words::Number(most),
        Words::Text(" inputs, but "),
        Words::Number(count),
        Words::Text(" arrive"),
    ])
}

/// One of each two numbers. Where one of the two is masked, the other takes its place.
fn extreme<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
    values: Vec<Tensor<S, E, D, T>>,
    masks: &[Mask],
    mut f: impl FnMut(Tensor<S, E, D, T>, Tensor<S, E, D, T>) -> Result<Tensor<S, E, D, T>, Error>,
) -> Result<Tensor<S, E, D, T>, Error> {
    let mut masks = masks.iter();
    let mut seen = masks.next().cloned();
    fold(values, |mut a, mut b| {
        if let (Some(so_far), Some(mask)) = (&mut seen, masks.next()) {
            b = choose_rows(b, mask.as_slice(), a.retaped())?;
            a = choose_rows(a, so_far.as_slice(), b.retaped())?;
            *so_far = so_far.or(mask)?;
        }
        f(a, b)
    })
}
