//! What the layers have in common, as macros: it stands in the impl of each.

use dfdx::{shapes::Const, tensor::Tensor};

/// What all layers with the usual options have in common of [`Recurrent`].
macro_rules! order {
    () => {
        fn order(&self) -> StepOrder {
            StepOrder {
                backwards: self.go_backwards,
                as_made: true,
                zero_masked: self.zero_output_for_mask,
            }
        }

        fn carried(&self) -> Option<&CarriedStates<E, D>> {
            self.stateful.then_some(&self.carried)
        }

        fn set_order(&mut self, order: StepOrder) {
            self.go_backwards = order.backwards;
            self.zero_output_for_mask = order.zero_masked;
        }
    };
}
pub(super) use order;

/// What the layers whose `weights` are those of a [`CellKind`](crate::backend::CellKind) have in common: all that makes them layers.
macro_rules! weighted {
    ([$($generics:tt)*] $layer:ty, $state:ident $(, $more:ident: $bound:ident)?) => {
        #[diagnostic::do_not_recommend]
        impl<$($generics)*> super::OneDirection for $layer
        where
            R: Returns,
            $($more: $bound,)?
            E: Element,
            D: Backend<E>,
        {
        }

        #[diagnostic::do_not_recommend]
        impl<$($generics)*> Recurrent<E, D> for $layer
        where
            R: Returns,
            $($more: $bound,)?
            E: Element,
            D: Backend<E>,
        {
            type Inputs = Const<I>;
            type Returns = R;
            type Units = Const<H>;
            type State<B: Dim> = $state<(B, Const<H>)>;

            super::order!();

            fn dropout(&self, dev: &D, rows: usize) -> Result<GateDropout<E, D>, Error> {
                self.check_options()?;
                let rates = [self.dropout, self.recurrent_dropout];
                let weights = self.weights()?;
                GateDropout::draw(dev, weights.cell, (rows, I, H), rates)
            }

            fn sizes(&self) -> Result<(usize, StateSizes), Error> {
                let weights = self.weights()?;
                Ok((I, StateSizes { units: H, has_c: weights.cell.has_c() }))
            }

            fn outputs<T: Tape<E, D>>(
                &self,
                inputs: RecurrentInputs<'_, E, D, T>,
            ) -> Result<RecurrentOutputs<E, D, T>, Error> {
                D::recurrent(inputs, self.weights()?)
            }

            fn states<T: Tape<E, D>>(
                &self,
                inputs: RecurrentInputs<'_, E, D, T>,
            ) -> Result<(HiddenStates<E, D>, T), Error> {
                D::recurrent_states(inputs, self.weights()?)
            }

            fn begin(
                &self,
                rows: usize,
                parts: &mut super::stream::StreamParts<E>,
            ) -> Result<(), Error> {
                parts.layer(self, D::recurrent_step(self.weights()?, rows)?, rows)
            }
        }

        impl<In, $($generics)*> Layer<In, E, D> for $layer
        where
            In: RecurrentInput<Sequence: Steps<Features: Is<I>>, State: InitialState<Self>>,
            R: Returns,
            $($more: $bound,)?
            E: Element,
            D: Backend<E>,
        {
            type Out = R::Out<In::Sequence, Const<H>>;

            const FAULT: Fault = wrong_units(I, H);

            fn call<T: Tape<E, D>>(
                &self,
                x: In::Data<E, D, T>,
            ) -> Result<<Self::Out as Signal>::Data<E, D, T>, Error> {
                let (x, initial) = split::<In, Self, E, D, T>(x)?;
                R::run::<In::Sequence, H, E, D, T>(self, x, initial)
            }
        }

        super::stream::streams!([$($generics)*] $layer $(, $more: $bound)?);
    };
}
pub(super) use weighted;

/// How a stateful layer forgets.
macro_rules! reset {
    () => {
        /// Forgets the states of the last batch, if the layer is `stateful`: the next one begins with zeros.
        pub fn reset_state(&self) {
            self.carried.reset();
        }
    };
}
pub(super) use reset;

/// The functions of a step, as the options of a layer with gates say.
macro_rules! functions {
    () => {
        fn functions(&self) -> StepFunctions {
            StepFunctions { activation: self.activation, gate: self.recurrent_activation }
        }
    };
}
pub(super) use functions;

/// The outputs of all steps, on the tape, and the last one, which is not.
pub(super) type WithOutput<B, L, const H: usize, E, D, T> =
    (Tensor<(B, L, Const<H>), E, D, T>, Tensor<(B, Const<H>), E, D>);

/// How a layer whose only state is its output takes and gives it.
macro_rules! states {
    () => {
        reset!();

        /// Runs a sequence, whatever the layer returns otherwise: the outputs of all steps and the final state, as with
        /// Keras's `return_sequences=True, return_state=True`.
        ///
        /// `initial` is the state to start from (zeros if there is none). The tape goes with the outputs; the final state
        /// has none. To train on the state, move the tape over with dfdx's `split_tape` and `put_tape`.
        ///
        /// # Errors
        /// [`Error::Mismatch`] if the mask or the initial state has another size than `x`.
        pub fn forward_with_state<B: Dim, L: Dim, T: Tape<E, D>>(
            &self,
            x: Tensor<(B, L, Const<I>), E, D, T>,
            mask: Option<&Mask>,
            initial: Option<Tensor<(B, Const<H>), E, D>>,
        ) -> Result<WithOutput<B, L, H, E, D, T>, Error> {
            let initial = match initial {
                Some(h) => Some(HiddenStates::new(sized(h)?, None)),
                None => None,
            };
            let (outputs, HiddenStates { h, .. }) =
                with_state(self, x, mask, initial, self.order())?;
            Ok((sized(outputs)?, sized(h)?))
        }

        /// One step: from an input `(Batch, I)` and a state to the next state, which is the output.
        ///
        /// # Errors
        /// [`Error::Mismatch`] if the state has other rows than `x`.
        pub fn step<B: Dim>(
            &self,
            x: Tensor<(B, Const<I>), E, D>,
            state: Tensor<(B, Const<H>), E, D>,
        ) -> Result<Tensor<(B, Const<H>), E, D>, Error> {
            let (batch, _) = *x.shape();
            let x = x.into_shape(&(batch, Const::<1>, Const::<I>))?;
            Ok(self.forward_with_state(x, None, Some(state))?.1)
        }
    };
}
pub(super) use states;
