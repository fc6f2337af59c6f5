//! A training by several ranks: what they tell each other.

use std::{cell::Cell, sync::Arc};

use dfdx::tensor::NoneTape;

use super::{
    carried,
    totals::{AnyMetric, Totals},
};
use crate::{
    backend::{Backend, Element},
    distributed::{self, Communicator, Pass, Share},
    error::Error,
    io::checksum,
    optim::{Fault, Summed},
    parameters::{self, Parameter, Parameters, Visitor},
    reduce::Mean,
    signal::Signal,
};

/// The ranks, as one of them sees them.
#[derive(Clone)]
pub(super) struct Ranks {
    comm: Arc<dyn Communicator>,
    /// For how many values of metrics a step has room: as many as a rank had in the steps before.
    room: Cell<usize>,
    /// Whether the ranks have seen that their data are the same.
    compared: Cell<bool>,
    /// Whether rank 0 has callbacks, which may change the training.
    pub(super) has_callbacks: bool,
}

/// What callbacks on rank 0 may change, and all follow.
#[derive(Debug, Clone, Copy)]
pub(super) struct Control {
    pub(super) stop: bool,
    pub(super) interrupted: bool,
    /// The learning rate, if it follows no schedule.
    pub(super) rate: Option<f64>,
    /// Whether the weights are others.
    pub(super) changed: bool,
    /// Whether the model has the averages of its weights.
    pub(super) swapped: bool,
    /// Whether a checkpoint is about to be written.
    pub(super) saves: bool,
    /// What else is decided at this moment.
    pub(super) decision: u8,
}

/// What a rank says of a step.
pub(super) struct Step<'a> {
    /// Where it is, by names, which is to be the same on all ranks.
    pub(super) told: &'a [(&'static str, f64)],
    /// How many samples the batch has.
    pub(super) size: usize,
    /// Its part in the divisor of the loss, if that was put off; then loss and gradients have been divided by the size.
    pub(super) put_off: Option<f64>,
}

impl Step<'_> {
    /// What is told to be compared, with how many divisors have been put off.
    fn compared(&self) -> impl Iterator<Item = (&'static str, f64)> + Clone {
        let put_off = f64::from(u8::from(self.put_off.is_some()));
        self.told.iter().copied().chain([("number of masked losses", put_off)])
    }

    /// What loss and gradients are multiplied by, where these are the parts in the divisor.
    fn factor(&self, parts: impl Iterator<Item = f64>) -> f64 {
        match (self.put_off, parts.sum::<f64>()) {
            (None, _) => 1.0,
            // Where nothing counts, all is 0.
            (Some(_), 0.0) => 0.0,
            (Some(_), divisor) => self.size as f64 / divisor,
        }
    }
}

impl Ranks {
    pub(super) fn new(comm: Arc<dyn Communicator>) -> Self {
        Self { comm, room: Cell::new(0), compared: Cell::new(false), has_callbacks: false }
    }

    pub(super) fn comm(&self) -> &dyn Communicator {
        &*self.comm
    }

    pub(super) fn is_first(&self) -> bool {
        self.comm.rank() == 0
    }

    /// The share of this rank in a batch.
    pub(super) fn pass(&self, batch: usize) -> Pass {
        let share = Share::new(self.comm.rank(), self.comm.size(), batch);
        Pass::new(self.comm.clone(), share)
    }

    /// Checks that all ranks begin at the same place, and hears whether rank 0 has callbacks.
    ///
    /// # Errors
    /// [`Error::Rank`] for one that begins elsewhere.
    pub(super) fn meet(
        &mut self,
        numbers: &[(&'static str, u64)],
        has_callbacks: bool,
    ) -> Result<(), Error> {
        // As bits, so that every number is sent as it is.
        let mut own: Vec<f64> = numbers.iter().map(|(_, number)| f64::from_bits(*number)).collect();
        own.push(f64::from(u8::from(has_callbacks)));
        let all = distributed::gather(&*self.comm, &own, &vec![own.len(); self.comm.size()])?;
        let names = numbers.iter().map(|(name, _)| *name);
        same_on_all(&all, names, |number| number.to_bits().to_string())?;
        self.room.set(0);
        self.compared.set(false);
        self.has_callbacks = all[0].last().is_some_and(|has| *has != 0.0);
        Ok(())
    }

    /// Gives all ranks the weights of rank 0, and what stateful layers keep there.
    pub(super) fn share_weights<M: Parameters<E, D>, E: Element, D: Backend<E>>(
        &self,
        model: &mut M,
    ) -> Result<(), Error> {
        let mut flat = parameters::values::<M, E, D>(model)?;
        if !self.is_first() {
            flat.fill(E::zero());
        }
        self.sum(&mut flat)?;
        let mut rest = flat.as_slice();
        model.visit(&mut Assign { rest: &mut rest })?;
        if !carried::are_kept(model)? {
            return Ok(());
        }
        let own = carried::values(model)?;
        let mut lengths = vec![0; self.comm.size()];
        lengths[0] = self.number_of_first(own.len() as u64)? as usize;
        let own = if self.is_first() { own.as_slice() } else { &[] };
        let all = distributed::gather(&*self.comm, own, &lengths)?;
        carried::assign(model, &all[0])
    }

    /// A number of rank 0.
    pub(super) fn number_of_first(&self, number: u64) -> Result<u64, Error> {
        let all = distributed::broadcast(&*self.comm, &[f64::from_bits(number)])?;
        Ok(all.first().map_or(0, |number| number.to_bits()))
    }

    /// What rank 0 decides.
    pub(super) fn follow(&self, own: Control) -> Result<Control, Error> {
        let flag = |flag: bool| f64::from(u8::from(flag));
        let own = [
            flag(own.stop),
            flag(own.interrupted),
            own.rate.unwrap_or(f64::NAN),
            flag(own.changed),
            flag(own.swapped),
            flag(own.saves),
            f64::from(own.decision),
        ];
        let of_first = distributed::broadcast(&*self.comm, &own)?;
        let [stop, interrupted, rate, changed, swapped, saves, decision] = of_first[..] else {
            return Err(Error::mismatch("what rank 0 decides", own.len(), of_first.len()));
        };
        Ok(Control {
            stop: stop != 0.0,
            interrupted: interrupted != 0.0,
            rate: Some(rate).filter(|rate| !rate.is_nan()),
            changed: changed != 0.0,
            swapped: swapped != 0.0,
            saves: saves != 0.0,
            decision: decision as u8,
        })
    }

    /// What the first batch of a training is, as one number for all its values; of later ones nothing.
    pub(super) fn fingerprint<X: Signal, Y: Signal, E: Element, D: Backend<E>>(
        &self,
        input: &X::Data<E, D, NoneTape>,
        target: &Y::Data<E, D, NoneTape>,
    ) -> Result<f64, Error> {
        if self.compared.replace(true) {
            return Ok(0.0);
        }
        let mut values = Vec::new();
        X::send::<E, D>(input, &mut values)?;
        Y::send::<E, D>(target, &mut values)?;
        // What an `f64` holds exactly.
        Ok((checksum(values.into_iter().map(f64::to_bits)) >> 12) as f64)
    }

    /// What all ranks bring to a step, the loss and the losses of outputs that the whole batch has, and what the ranks have measured of
    /// it, which is added to the totals. A divisor that was put off divides the gradients and losses here.
    ///
    /// # Errors
    /// [`Error::Rank`] for one that is at another batch: what is told of that is to be the same on all ranks.
    pub(super) fn sum_step<P: Signal, Y: Signal, E: Element, D: Backend<E>>(
        &self,
        summed: Summed<'_, E>,
        losses: &mut [f64],
        step: Step<'_>,
        own: &Totals,
        totals: &mut Totals,
        metrics: &[AnyMetric<P, Y, E, D>],
    ) -> Result<(), Error> {
        let all = self.gather_step(summed, losses, step, &own.metric_values())?;
        all.iter().try_for_each(|measured| totals.merge_metrics(measured, metrics))
    }

    /// The same, but that it gives what the ranks have measured.
    #[inline(never)]
    pub(super) fn gather_step<E: Element>(
        &self,
        summed: Summed<'_, E>,
        losses: &mut [f64],
        step: Step<'_>,
        measured: &[f64],
    ) -> Result<Vec<Vec<f64>>, Error> {
        // How much metrics say is known to each rank alone. Where there is not enough room for it, it is said again.
        let mut room = self.room.get();
        let mut own: Vec<f64> = step.compared().map(|(_, value)| value).collect();
        let compared = own.len();
        let (gradients, mut fault) = match summed {
            Summed::Gradients(gradients) => (gradients, None),
            Summed::Fault(fault) => (&mut [][..], Some(fault)),
        };
        own.extend(fault.iter().flat_map(|fault| Fault::to_values(**fault)));
        let at = own.len();
        own.push(step.put_off.unwrap_or(0.0));
        own.extend(losses.iter().chain([&(measured.len() as f64)]));
        let before = own.len();
        own.extend(measured.iter().take(room));
        own.resize(before + room, 0.0);
        let lengths = vec![own.len(); self.comm.size()];
        let factor = |all: &[Vec<f64>]| step.factor(all.iter().map(|of_rank| of_rank[at]));
        let (mut all, factor) = self.sum_and_gather(gradients, &own, &lengths, &factor)?;
        same_on_all(&all, step.compared().map(|(name, _)| name), |value| value.to_string())?;
        let lengths: Vec<usize> = all.iter().map(|own| own[before - 1] as usize).collect();
        if let Some(fault) = &mut fault {
            **fault = Fault::first(all.iter().map(|of_rank| &of_rank[compared..at]));
        }
        losses.fill(0.0);
        for (of_rank, &length) in all.iter_mut().zip(&lengths) {
            losses.iter_mut().zip(&of_rank[at + 1..]).for_each(|(sum, loss)| *sum += loss * factor);
            of_rank.drain(..before);
            of_rank.truncate(length);
            room = room.max(length);
        }
        if room > self.room.replace(room) {
            all = distributed::gather(&*self.comm, measured, &lengths)?;
        }
        Ok(all)
    }

    /// What all ranks have measured, each of its share in the same batches.
    pub(super) fn sum_totals<P: Signal, Y: Signal, E: Element, D: Backend<E>>(
        &self,
        own: &Totals,
        metrics: &[AnyMetric<P, Y, E, D>],
    ) -> Result<Totals, Error> {
        let mut all = Totals::new::<P, Y, E, D>(own.outputs.len(), metrics);
        let means = || std::iter::once(&own.loss).chain(&own.outputs);
        let mut losses: Vec<f64> = means().map(|mean| mean.parts()[0]).collect();
        let told = [("number of samples", own.loss.parts()[1])];
        let step = Step { told: &told, size: 0, put_off: None };
        let nothing = Summed::Gradients(&mut []);
        self.sum_step::<P, Y, E, D>(nothing, &mut losses, step, own, &mut all, metrics)?;
        // Each rank has counted the samples of all.
        let sums = losses.into_iter().zip(means());
        let mut sums = sums.map(|(sum, mean)| Mean::of_parts([sum, mean.parts()[1]]));
        all.loss = sums.next().unwrap_or_default();
        all.outputs = sums.collect();
        Ok(all)
    }

    /// Sums values over all ranks.
    #[inline(never)]
    pub(super) fn sum<E: Element>(&self, values: &mut [E]) -> Result<(), Error> {
        self.sum_and_gather(values, &[], &vec![0; self.comm.size()], &|_| 1.0).map(|_| ())
    }

    /// Sums values, gathers what each rank says, and multiplies the sums by a factor that follows from that.
    #[inline(never)]
    fn sum_and_gather<E: Element>(
        &self,
        sums: &mut [E],
        own: &[f64],
        lengths: &[usize],
        factor: &dyn Fn(&[Vec<f64>]) -> f64,
    ) -> Result<(Vec<Vec<f64>>, f64), Error> {
        if size_of::<E>() > size_of::<f32>() && !sums.is_empty() {
            let mut wide: Vec<f64> = sums.iter().map(|value| value.as_f64()).collect();
            self.comm.sum_f64(&mut wide)?;
            let gathered = distributed::gather(&*self.comm, own, lengths)?;
            let factor = factor(&gathered);
            sums.iter_mut().zip(wide).for_each(|(sum, value)| *sum = E::of(value * factor));
            return Ok((gathered, factor));
        }
        let narrow = sums.iter().map(|value| value.as_f64() as f32);
        let (narrow, gathered) = distributed::sum_and_gather(&*self.comm, narrow, own, lengths)?;
        let factor = factor(&gathered);
        sums.iter_mut()
            .zip(narrow)
            .for_each(|(sum, value)| *sum = E::of(f64::from(value) * factor));
        Ok((gathered, factor))
    }
}

/// What ranks tell each other of the batch that they are at.
pub(super) fn told(
    epoch: usize,
    batch: usize,
    size: usize,
    fingerprint: f64,
) -> [(&'static str, f64); 4] {
    [
        ("epoch", epoch as f64),
        ("batch", batch as f64),
        ("number of samples in the batch", size as f64),
        ("checksum of the first batch", fingerprint),
    ]
}

/// Checks that what all ranks tell is what rank 0 tells: of these names, and behind them what may be other.
pub(super) fn same_on_all(
    all: &[Vec<f64>],
    names: impl Iterator<Item = &'static str> + Clone,
    shown: impl Fn(f64) -> String,
) -> Result<(), Error> {
    for (rank, of_rank) in all.iter().enumerate() {
        for (name, (&found, &first)) in names.clone().zip(of_rank.iter().zip(&all[0])) {
            if found.to_bits() != first.to_bits() {
                let [found, first] = [found, first].map(&shown);
                let message = format!("its {name} is {found}, but that of rank 0 is {first}");
                return Err(Error::Rank { rank, message });
            }
        }
    }
    Ok(())
}

/// Whether two models have other weights, or stateful layers keep something else.
pub(super) fn differ<M: Parameters<E, D>, E: Element, D: Backend<E>>(
    a: &M,
    b: &M,
) -> Result<bool, Error> {
    Ok(parameters::values::<M, E, D>(a)? != parameters::values::<M, E, D>(b)?
        || carried::values(a)? != carried::values(b)?)
}

struct Assign<'a, 'b, E> {
    rest: &'a mut &'b [E],
}

impl<E: Element, D: Backend<E>> Visitor<E, D> for Assign<'_, '_, E> {
    #[inline(never)]
    fn visit(&mut self, parameter: Parameter<'_, E, D>) -> Result<(), Error> {
        let (own, rest) = self.rest.split_at(parameter.tensor.len());
        *self.rest = rest;
        parameter.tensor.assign(own)
    }
}
