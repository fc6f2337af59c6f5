//! The losses of a model: one for one output, a tuple of them for several.

use dfdx::{
    prelude::{TryAdd, TryMul},
    shapes::Rank0,
    tensor::{NoneTape, Tape, Tensor},
};

use crate::{
    backend::{Backend, Element, logits::id},
    distributed,
    error::{Error, OrDevice},
    loss::{Loss, Prediction},
    model::Model,
    never::{Never, Nobody},
    reduce::{OfOutput, Weights},
    signal::{Inputs, One, Outputs, Several, Signal},
};

/// [`One`] or [`Several`] outputs, as many losses and as many targets.
///
/// It is asked for before [`Judges`] is, which then says which of the losses does not fit.
#[diagnostic::on_unimplemented(
    message = "the model has the outputs `{P}`, but the losses are `{L}`, for targets `{Y}`",
    label = "not one loss and one target for each output",
    note = "of several outputs each has a loss and a target, both as tuples in the order of `outputs(..)`"
)]
pub trait Matches<P: Signal, L, Y: Signal> {
    /// The same.
    type Judge;
}

#[diagnostic::do_not_recommend]
impl<P: Signal, L, Y: Signal> Matches<P, L, Y> for One {
    type Judge = One;
}

/// What judges the outputs of the model `M`.
pub(super) type Judge<M, L, Y, E, D> =
    <<<M as Model<E, D>>::Output as Outputs>::Number as Matches<
        <M as Model<E, D>>::Output,
        L,
        Y,
    >>::Judge;

/// [`One`] or [`Several`] outputs `P` of a model, whose loss is computed by `L` from the targets `Y` and the weights `W`.
///
/// Several outputs have one [`Loss`] each, as a tuple in their order; the loss of the model is the sum of theirs, each times
/// its [`loss_weight`](Loss::loss_weight).
pub trait Judges<P: Signal, L, Y: Signal, W, E: Element, D: Backend<E>> {
    /// How many losses stand in columns of their own: none if there is only one.
    const COLUMNS: usize;

    /// [`Loss::settings`] of each loss.
    fn settings(losses: &L) -> Vec<Vec<(&'static str, String)>>;

    /// [`Weights::check_all`].
    ///
    /// # Errors
    /// Those of that.
    fn check_weights(weights: &W) -> Result<(), Error>;

    /// The loss of a batch.
    ///
    /// # Errors
    /// Those of the losses; [`Error::Invalid`] for a weight of a loss that is not finite.
    fn judge<T: Tape<E, D>>(
        losses: &L,
        outputs: P::Data<E, D, T>,
        targets: &Y::Data<E, D, NoneTape>,
        weights: &W,
    ) -> Result<Judged<E, D, T>, Error>;
}

/// The loss of a batch, and those of several outputs, without their weights.
#[derive(Debug)]
pub struct Judged<E: Element, D: Backend<E>, T> {
    pub(super) total: Tensor<Rank0, E, D, T>,
    pub(super) each: Vec<f64>,
}

impl<P, L, Y, W, E, D> Judges<P, L, Y, W, E, D> for One
where
    P: Prediction,
    W: Weights<P>,
    L: Loss<P, Y, E, D>,
    Y: Signal,
    E: Element,
    D: Backend<E>,
{
    const COLUMNS: usize = 0;

    fn settings(loss: &L) -> Vec<Vec<(&'static str, String)>> {
        vec![loss.settings()]
    }

    fn check_weights(weights: &W) -> Result<(), Error> {
        weights.check_all()
    }

    fn judge<T: Tape<E, D>>(
        loss: &L,
        output: P::Data<E, D, T>,
        target: &Y::Data<E, D, NoneTape>,
        weights: &W,
    ) -> Result<Judged<E, D, T>, Error> {
        let total = share_of::<L, E, D, T>(loss.name(), || loss.mean(output, target, weights))?;
        let total = weighted(total, loss.loss_weight())?;
        Ok(Judged { total, each: Vec::new() })
    }
}

macro_rules! several_losses {
    ($($P:ident $L:ident $Y:ident $at:tt)*) => {
        #[diagnostic::do_not_recommend]
        impl<$($P: Signal, $L, $Y: Signal),*>
            Matches<Inputs<($($P,)*)>, ($($L,)*), Inputs<($($Y,)*)>> for Several
        {
            type Judge = Several;
        }

        impl<$($P, $L, $Y,)* W, E, D>
            Judges<Inputs<($($P,)*)>, ($($L,)*), Inputs<($($Y,)*)>, W, E, D> for Several
        where
            $($P: Prediction, $L: Loss<$P, $Y, E, D>, $Y: Signal,)*
            W: Weights<Inputs<($($P,)*)>>,
            E: Element,
            D: Backend<E>,
        {
            const COLUMNS: usize = [$($at),*].len();

            fn settings(losses: &($($L,)*)) -> Vec<Vec<(&'static str, String)>> {
                vec![$(losses.$at.settings()),*]
            }

            fn check_weights(weights: &W) -> Result<(), Error> {
                weights.check_all()
            }

            fn judge<T: Tape<E, D>>(
                losses: &($($L,)*),
                outputs: ($($P::Data<E, D, T>,)*),
                targets: &($($Y::Data<E, D, NoneTape>,)*),
                weights: &W,
            ) -> Result<Judged<E, D, T>, Error> {
                let (mut each, mut sum) = (Vec::new(), None);
                $({
                    let weights = OfOutput { weights, output: $at };
                    let loss = share_of::<$L, E, D, T>(losses.$at.name(), || {
                        losses.$at.mean(outputs.$at, &targets.$at, &weights)
                    })?;
                    each.push(loss.as_vec()[0].as_f64());
                    let loss = weighted(loss, losses.$at.loss_weight())?;
                    sum = Some(match sum {
                        None => loss,
                        Some(sum) => TryAdd::try_add(sum, loss).or_device()?,
                    });
                })*
                let total = sum.ok_or(Error::Empty("the outputs of the model"))?;
                Ok(Judged { total, each })
            }
        }
    };
}
several_losses!(P L Y 0 Q M Z 1);
several_losses!(P L Y 0 Q M Z 1 R N A 2);
several_losses!(P L Y 0 Q M Z 1 R N A 2 S O B 3);
several_losses!(P L Y 0 Q M Z 1 R N A 2 S O B 3 U G C 4);
several_losses!(P L Y 0 Q M Z 1 R N A 2 S O B 3 U G C 4 V H F 5);

/// A loss; on one of several ranks, one that is the share in that of the whole batch.
///
/// # Errors
/// [`Error::Invalid`] for a loss with a mean of its own, which does not know of the other ranks, be it made of that of another loss:
/// what is done to a share is not what is done to the whole.
fn share_of<L, E: Element, D: Backend<E>, T: Tape<E, D>>(
    name: &str,
    mean: impl FnOnce() -> Result<Tensor<Rank0, E, D, T>, Error>,
) -> Result<Tensor<Rank0, E, D, T>, Error> {
    if distributed::current().is_none() {
        return mean();
    }
    drop(distributed::shares());
    let mean = mean()?;
    if distributed::shares() != [id(&mean)] {
        let expected = "with several ranks, the mean of a loss must be that of `Loss::mean`, as it is; \
            a factor is `with_loss_weight`";
        // One that wraps another may have its name.
        let found = format!("{name} (`{}`)", std::any::type_name::<L>());
        return Err(Error::invalid("the loss", found, expected));
    }
    Ok(mean)
}

fn weighted<E: Element, D: Backend<E>, T: Tape<E, D>>(
    loss: Tensor<Rank0, E, D, T>,
    weight: f64,
) -> Result<Tensor<Rank0, E, D, T>, Error> {
    if !weight.is_finite() {
        return Err(Error::invalid("loss_weight", weight, "it must be finite"));
    }
    if weight == 1.0 { Ok(loss) } else { loss.try_mul(E::of(weight)).or_device() }
}

/// What is a loss as far as a trainer can tell before it is given data: a value, and not the bare name of a type
/// ([`JustTheType`](crate::just_the_type::JustTheType)), which is not `Send`.
#[diagnostic::on_unimplemented(
    message = "the bare name of a loss is no value: write `::default()` behind it",
    label = "a loss is a value, such as `MeanSquaredError` or `SparseCategoricalCrossentropy::default()`"
)]
pub trait ValueOfLoss: Sized {
    /// The same `T`.
    type By<T>;

    /// The same value.
    fn by<T>(of: T) -> Self::By<T>;
}

#[diagnostic::do_not_recommend]
impl<L: Send> ValueOfLoss for L {
    type By<T> = T;

    fn by<T>(of: T) -> T {
        of
    }
}

#[diagnostic::do_not_recommend]
impl<L> ValueOfLoss for L
where
    for<'a> Nobody: Never<'a>,
{
    type By<T> = Nobody;

    fn by<T>(_: T) -> Nobody {
        Nobody::never()
    }
}
