use super::{Attended, Attends, AttendsTo, MultiHeadAttention};
use crate::{
    backend::{ActivationKind, Backend, Element, StepProduct, StepQuery},
    error::Error,
    memory::{elements, filled},
    shape::{Const, Dim},
    signal::{Inputs, Is, Masked, Signal, StepValues, Steps},
    stream::{Past, StateVisitor, Streamable, room},
};

/// The values of a step, and which rows have a real one, if there is a mask.
type Step<'a, E> = (&'a [E], Option<&'a [bool]>);

/// What an attention takes, step by step.
pub trait StepsAttend: Attends {
    /// The query, the value and the key of a step.
    fn apart_step<'a, E: Element>(step: Self::StepData<'a, E>) -> [Step<'a, E>; 3];
}

macro_rules! itself {
    ($([$($dim:ident)*] $signal:ty;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<$($dim: Dim),*> StepsAttend for $signal
        where
            Self: StepValues,
        {
            fn apart_step<'a, E: Element>(step: Self::StepData<'a, E>) -> [Step<'a, E>; 3] {
                [Self::unpack(step); 3]
            }
        }
    )*};
}
itself! {
    [B L F] (B, L, F);
    [B L F] Masked<(B, L, F)>;
}

#[diagnostic::do_not_recommend]
impl<Q: StepValues, V: StepValues> StepsAttend for Inputs<(Q, V)> {
    fn apart_step<'a, E: Element>((q, v): Self::StepData<'a, E>) -> [Step<'a, E>; 3] {
        let v = V::unpack(v);
        [Q::unpack(q), v, v]
    }
}

#[diagnostic::do_not_recommend]
impl<Q: StepValues, V: StepValues, K: StepValues> StepsAttend for Inputs<(Q, V, K)> {
    fn apart_step<'a, E: Element>((q, v, k): Self::StepData<'a, E>) -> [Step<'a, E>; 3] {
        [Q::unpack(q), V::unpack(v), K::unpack(k)]
    }
}

/// The projections of an attention, and room for what they give at a step.
pub struct AttentionStepper<E> {
    projections: [Box<dyn StepProduct<E>>; 4],
    query: Vec<E>,
    key: Vec<E>,
    value: Vec<E>,
    sums: Vec<E>,
    output: Vec<E>,
    room: Vec<E>,
}

/// How many steps there is room for at the start, where the type does not say how long a sequence is.
const STEPS: usize = 64;

// A causal query sees no later steps, so their keys and values can be added as they come. Those of masked steps are never seen.
#[diagnostic::do_not_recommend]
impl<
    In,
    const F: usize,
    const HEADS: usize,
    const KEY_DIM: usize,
    const VALUE_DIM: usize,
    const OUTPUT: usize,
    const VALUE_FEATURES: usize,
    const KEY_FEATURES: usize,
    E,
    D,
> Streamable<In, E, D>
    for MultiHeadAttention<F, HEADS, KEY_DIM, VALUE_DIM, OUTPUT, VALUE_FEATURES, KEY_FEATURES, E, D>
where
    In: StepsAttend,
    In::Query: Steps<Features: Is<F>, With<Const<OUTPUT>>: StepValues>
        + AttendsTo<In::Value, Other: Steps<Features: Attended<VALUE_FEATURES>>>
        + AttendsTo<In::Key, Other: Steps<Features: Attended<KEY_FEATURES>>>,
    E: Element,
    D: Backend<E>,
{
    type State = Past<E>;
    type Stepper = AttentionStepper<E>;

    fn begin(&self, rows: usize) -> Result<(AttentionStepper<E>, Past<E>), Error> {
        let weights = self.projections()?;
        if !self.use_causal_mask {
            let message = "a `MultiHeadAttention` sees the whole sequence, and cannot go step by step; \
                with `#[with(use_causal_mask = true)]` each step sees only those before it, and itself";
            return Err(Error::Wiring { layer: String::new(), message: message.to_owned() });
        }
        let [of_query, of_key, of_value, of_output] = weights;
        let step = |weights| D::step_dense(weights, ActivationKind::Nothing);
        let projections = [step(of_query)?, step(of_key)?, step(of_value)?, step(of_output)?];
        let (keys, values) = (HEADS * KEY_DIM, HEADS * VALUE_DIM);
        let steps = <In::Query as Steps>::Length::KNOWN.unwrap_or(STEPS);
        let past = Past::new(rows, keys + values, steps)?;
        let mut stepper = AttentionStepper {
            projections,
            query: room(rows, keys)?,
            key: room(rows, keys)?,
            value: room(rows, values)?,
            sums: room(rows, values)?,
            output: room(rows, OUTPUT)?,
            room: Vec::new(),
        };
        stepper.fit(HEADS, values, past.room())?;
        Ok((stepper, past))
    }

    fn step<'a>(
        stepper: &'a mut AttentionStepper<E>,
        past: &mut Past<E>,
        x: In::StepData<'a, E>,
    ) -> Result<<Self::Out as Signal>::StepData<'a, E>, Error> {
        let [(query, keep), (value, of_values), (key, of_keys)] = In::apart_step(x);
        past.begin_step()?;
        let (keys, values) = (HEADS * KEY_DIM, HEADS * VALUE_DIM);
        stepper.fit(HEADS, values, past.room())?;
        let AttentionStepper { projections, room, .. } = stepper;
        let [of_query, of_key, of_value, of_output] = projections;
        of_query.product(query, &mut stepper.query)?;
        of_key.product(key, &mut stepper.key)?;
        of_value.product(value, &mut stepper.value)?;
        let real = |mask: Option<&[bool]>, row: usize| mask.is_none_or(|mask| mask[row]);
        for (row, sums) in stepper.sums.chunks_exact_mut(values.max(1)).enumerate() {
            if real(of_values, row) && real(of_keys, row) {
                let (to_key, to_value) = past.add(row).split_at_mut(keys);
                to_key.copy_from_slice(&stepper.key[row * keys..][..keys]);
                to_value.copy_from_slice(&stepper.value[row * values..][..values]);
            }
            let seen = if real(keep, row) { past.with_added(row) } else { &[] };
            let query = &stepper.query[row * keys..][..keys];
            let query = StepQuery { heads: HEADS, scale: Self::scale(), query, past: seen };
            D::step_attention(query, room, sums);
        }
        of_output.product(&stepper.sums, &mut stepper.output)?;
        Ok(<Self::Out as StepValues>::pack(&stepper.output, keep))
    }

    fn commit(past: &mut Past<E>) {
        past.commit();
    }

    fn visit_state<V: StateVisitor<E>>(past: &mut Past<E>, visitor: &mut V) -> Result<(), Error> {
        visitor.past("past", past)
    }
}

impl<E: Element> AttentionStepper<E> {
    /// Makes room for what a query needs that sees so many steps.
    fn fit(&mut self, heads: usize, values: usize, steps: usize) -> Result<(), Error> {
        let scores = elements(&[heads, steps])?;
        if self.room.len() < scores + values {
            self.room = filled(&[scores + values], E::zero())?;
        }
        Ok(())
    }
}
