use dfdx::{
    prelude::{GatherTo, TryConcatAlong},
    shapes::{Axis, Dim as _, HasShape, Shape as _},
    tensor::{PutTape, SplitTape, Tape, Tensor},
};

use crate::{
    backend::{Backend, Element, IntoShape},
    distributed::{self, Pass},
    error::{Error, OrDevice},
    fields::{AnySignal, Configured, Fields},
    layer,
    layer::{Infer, Layer},
    parameters::Parameters,
    shape::{Dim, Fault, Shape, Words},
    signal::{EachStep, Mask, OneVector, Plain, Signal, StepValues, UnfoldSteps},
    stream::{StateVisitor, Streamable, copy_bounded, room},
};

/// Applies a layer to each time step of a sequence by itself. A mask passes through.
///
/// To the steps of the padding it is applied too, as in Keras; but what is NaN, infinite or huge there counts as 0.
///
/// In the training pass, a layer with statistics, which are parameters that are not trained, such as
/// [`BatchNorm`](crate::layers::BatchNorm), is applied to the time steps one after the other, as in Keras. Under a
/// mask (where Keras 3.15 has an error) it is applied to all real steps at once, and by its inference pass to the
/// padding, which so has no part in the statistics.
///
/// Keras: [`TimeDistributed`](https://keras.io/api/layers/recurrent_layers/time_distributed/).
///
/// # Shapes
/// - input `(Batch, Length, ..)`, where the layer takes `(Batch, ..)`; masked or not
/// - output `(Batch, Length, ..)`, where the layer gives `(Batch, ..)`; masked if the input is
///
/// ```
/// use kerata::{*, prelude::*};
///
/// let dev = Cpu::seed_from_u64(0);
/// let layer = TimeDistributed::<Dense<2, 3>>::build(&dev)?;
/// let y = layer.forward(dev.tensor([[[1.0, 2.0], [3.0, 4.0], [1.0, 2.0]]]))?.array();
/// assert_eq!(y[0][0], y[0][2]);
/// # Ok::<(), Error>(())
/// ```
#[layer]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TimeDistributed<L> {
    /// The layer that is applied.
    #[inner(by_hand, flat, options)]
    pub layer: L,
}

impl<In, Inner, E, D> Layer<In, E, D> for TimeDistributed<Inner>
where
    In: EachStep,
    Inner: Layer<In::Step, E, D, Out: UnfoldSteps<In::Batch, In::Length>> + Parameters<E, D>,
    E: Element,
    D: Backend<E>,
{
    type Out = In::With<Unfolded<Inner::Out, In>>;

    const CHECK: () = Inner::CHECK;
    const FAULT: Fault = flat_steps(Inner::FLATTENS, <In::Step>::SIZES.len()).or(Inner::FAULT);

    fn call<T: Tape<E, D>>(
        &self,
        x: In::Data<E, D, T>,
    ) -> Result<<Self::Out as Signal>::Data<E, D, T>, Error> {
        let (x, batch, length, mask) = split::<In, E, D, T>(x)?;
        let y = self.layer.call(In::Step::from_tensor(x))?;
        In::join(unfold(batch, length, Inner::Out::into_tensor(y))?, mask)
    }

    fn call_mut<T: Tape<E, D>>(
        &mut self,
        x: In::Data<E, D, T>,
    ) -> Result<<Self::Out as Signal>::Data<E, D, T>, Error> {
        let (x, batch, length, mask) = split::<In, E, D, T>(x)?;
        let parts = if Inner::PARAMS == Inner::TRAINABLE || x.shape().num_elements() == 0 {
            Part::whole()
        } else {
            parts(batch.size(), length.size(), mask.as_ref())
        };
        let (mut sizes, mut step) = (x.shape().concrete(), None);
        let y = by_parts(rows(x)?, &parts, |x, training| {
            sizes[0] = x.shape().0;
            let x = In::Step::from_tensor(x.into_shape(&with_sizes::<In::Step>(sizes)?)?);
            let y = if training { self.layer.call_mut(x)? } else { self.layer.call(x)? };
            let y = Inner::Out::into_tensor(y);
            step = Some(y.shape().concrete());
            rows(y)
        })?;
        let mut out = step.ok_or(Error::Empty("the sequence"))?;
        out[0] = y.shape().0;
        In::join(unfold(batch, length, y.into_shape(&with_sizes::<Inner::Out>(out)?)?)?, mask)
    }
}

/// What is wrong with a layer that flattens what is flat: steps of the rank 2, with the batch.
const fn flat_steps(flattens: bool, rank: usize) -> Fault {
    if flattens && rank == 2 {
        let text = "each step is one vector, which `Flatten` leaves as it is: `Flatten<_>` alone makes one vector of all steps";
        return Fault::new(&[Words::Text(text)]);
    }
    Fault::NONE
}

/// The steps as samples; then batch, length and mask.
fn split<In: EachStep, E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: In::Data<E, D, T>,
) -> Result<(Tensor<In::Step, E, D, T>, In::Batch, In::Length, Option<Mask>), Error> {
    let (x, batch, length, mask) = In::split(x)?;
    let x = D::bounded_padding(x, mask.as_ref())?;
    Ok((x, batch, length, mask))
}

/// Steps that a layer is applied to at once.
pub(crate) struct Part {
    steps: Vec<usize>,
    pass: PartPass,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum PartPass {
    Inference,
    Training,
    /// That of training, for the steps that a mask leaves.
    Real,
    /// That of training, for steps that are in no sum over the ranks.
    Uncounted,
}

impl Part {
    /// All steps, by the training pass.
    pub(crate) fn whole() -> Vec<Self> {
        vec![Self { steps: Vec::new(), pass: PartPass::Training }]
    }
}

/// All steps of a batch, as a layer with statistics is to see them.
pub(crate) fn parts(batch: usize, length: usize, mask: Option<&Mask>) -> Vec<Part> {
    let part = |steps, pass| Part { steps, pass };
    let parts: Vec<Part> = match mask {
        None => {
            let at = |time| (0..batch).map(move |row| row * length + time);
            (0..length).map(|time| part(at(time).collect(), PartPass::Training)).collect()
        }
        Some(mask) => {
            let keep = mask.as_slice();
            let (real, padding): (Vec<usize>, _) = (0..keep.len()).partition(|&step| keep[step]);
            // Every rank takes part in the sums of the training pass.
            if real.is_empty() && distributed::current().is_some() {
                vec![part(padding, PartPass::Uncounted)]
            } else {
                // The padding first, by the statistics from before this pass.
                vec![part(padding, PartPass::Inference), part(real, PartPass::Real)]
            }
        }
    };
    parts.into_iter().filter(|part| !part.steps.is_empty()).collect()
}

/// Applies a layer to parts of the rows of a batch, each of which is in one part; a single part is all of them.
pub(crate) fn by_parts<E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Rows<E, D, T>,
    parts: &[Part],
    mut layer: impl FnMut(Rows<E, D, T>, bool) -> Result<Rows<E, D, T>, Error>,
) -> Result<Rows<E, D, T>, Error> {
    let mut layer = |x, pass| match pass {
        PartPass::Inference => layer(x, false),
        PartPass::Training => layer(x, true),
        PartPass::Real | PartPass::Uncounted => {
            let of_part = distributed::current().map(Pass::irregular);
            let of_part = match pass {
                PartPass::Uncounted => of_part.map(Pass::uncounted),
                _ => of_part,
            };
            distributed::within(of_part, || layer(x, true))
        }
    };
    if let [Part { pass, .. }] = parts {
        return layer(x, *pass);
    }
    let (x, mut tape) = x.split_tape();
    let mut results = Vec::new();
    for Part { steps, pass } in parts {
        let y = layer(select(x.clone().put_tape(tape), steps)?, *pass)?;
        let (y, after) = y.split_tape();
        results.push(y);
        tape = after;
    }
    // Two by two, so that no row is copied more often than it must be.
    while results.len() > 1 {
        let mut pairs = Vec::with_capacity(results.len().div_ceil(2));
        let mut rest = results.into_iter();
        while let Some(a) = rest.next() {
            let Some(b) = rest.next() else {
                pairs.push(a);
                break;
            };
            let both = (a.put_tape(tape), b.retaped::<T>()).try_concat_along(Axis::<0>);
            let (both, after) = both.or_device()?.split_tape();
            pairs.push(both);
            tape = after;
        }
        results = pairs;
    }
    let y = results.pop().ok_or(Error::Empty("the sequence"))?;
    let mut places = vec![0; y.shape().0];
    let steps = parts.iter().flat_map(|part| &part.steps);
    steps.enumerate().for_each(|(place, &step)| places[step] = place);
    select(y.put_tape(tape), &places)
}

type Rows<E, D, T> = Tensor<(usize, usize), E, D, T>;

/// As rows of values.
fn rows<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<S, E, D, T>,
) -> Result<Rows<E, D, T>, Error> {
    let (sizes, values) = (x.shape().concrete(), x.shape().num_elements());
    let rows = sizes.into_iter().next().unwrap_or(1);
    x.into_shape(&(rows, values / rows.max(1)))
}

/// Some of the rows.
pub(crate) fn select<E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Rows<E, D, T>,
    at: &[usize],
) -> Result<Rows<E, D, T>, Error> {
    let places = x.device().try_tensor_from_vec(at.to_vec(), (at.len(),)).or_device()?;
    x.try_gather(places).or_device()
}

fn with_sizes<S: Shape>(sizes: S::Concrete) -> Result<S, Error> {
    S::from_concrete(&sizes)
        .ok_or_else(|| Error::mismatch("the sizes of a step", "those of its type", sizes))
}

type Unfolded<O, In> =
    <O as UnfoldSteps<<In as EachStep>::Batch, <In as EachStep>::Length>>::Unfolded;

fn unfold<O, B, L, E, D, T>(
    batch: B,
    length: L,
    y: Tensor<O, E, D, T>,
) -> Result<Tensor<O::Unfolded, E, D, T>, Error>
where
    O: UnfoldSteps<B, L>,
    B: Dim,
    L: Dim,
    E: Element,
    D: Backend<E>,
    T: Tape<E, D>,
{
    let shape = y.shape().unfold(batch, length);
    y.into_shape(&shape)
}

/// The layer within sees a step as a batch without time.
#[diagnostic::do_not_recommend]
impl<In, Inner, E, D> Streamable<In, E, D> for TimeDistributed<Inner>
where
    In: EachStep<Step: OneVector + StepValues> + StepValues,
    Inner: Streamable<In::Step, E, D, Out: UnfoldSteps<In::Batch, In::Length> + StepValues>
        + Parameters<E, D>,
    Self: Layer<In, E, D, Out: StepValues>,
    E: Element,
    D: Backend<E>,
{
    type State = Inner::State;
    type Stepper = (Vec<E>, Inner::Stepper);

    fn begin(&self, rows: usize) -> Result<(Self::Stepper, Self::State), Error> {
        let (stepper, state) = self.layer.begin(rows)?;
        Ok(((room(rows, In::WIDTH)?, stepper), state))
    }

    fn step<'a>(
        (values, stepper): &'a mut Self::Stepper,
        state: &mut Self::State,
        x: In::StepData<'a, E>,
    ) -> Result<<Self::Out as Signal>::StepData<'a, E>, Error> {
        let (x, keep) = In::unpack(x);
        copy_bounded(x, keep, values);
        let y = Inner::step(stepper, state, <In::Step as StepValues>::pack(values, None))?;
        let (y, _) = <Inner::Out as StepValues>::unpack(y);
        Ok(<Self::Out as StepValues>::pack(y, keep))
    }

    fn commit(state: &mut Self::State) {
        Inner::commit(state);
    }

    fn visit_state<V: StateVisitor<E>>(
        state: &mut Self::State,
        visitor: &mut V,
    ) -> Result<(), Error> {
        Inner::visit_state(state, visitor)
    }
}

impl<In: EachStep, Inner: Infer<In::Step>> Infer<In> for TimeDistributed<Inner> {
    const SIZE: usize = Inner::SIZE;
}

impl<L: Configured> Configured for TimeDistributed<L> {
    const CLASS: &'static str = "TimeDistributed";
    type Element = L::Element;
    type Device = L::Device;

    fn describe(&mut self, fields: &mut Fields) {
        if fields.class() != Self::CLASS {
            return fields.each_step(&mut self.layer);
        }
        let step = fields.wire().map(AnySignal::step);
        fields.layer("layer", &mut self.layer, step);
    }

    /// Keras applies a `Dense` to each step by itself.
    fn accepts(class: &str) -> bool {
        class == Self::CLASS || L::accepts(class)
    }
}
