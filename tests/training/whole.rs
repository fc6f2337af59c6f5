//! A failure wherever a program of its own can have one, in a model of all that a step may leave traces in: rows of a table that lag
//! behind, states that are kept, moving statistics, dropped values.

use super::*;
use dfdx::tensor::{CpuError, SplitTape};
use kerata::{
    Embedding, Gru, MaskZero,
    data::Stream,
    model,
    train::{Callback, Training},
};

#[model(input = Ids<(Batch, 4)>, output = (Batch, 1))]
struct Words {
    embed: Embedding<900, 3, MaskZero>,
    #[with(stateful = true)]
    gru: Gru<_, 4>,
    norm: BatchNorm<_>,
    drop: Dropout<30>,
    trap: Trap,
    head: Dense<_, 1>,
}

/// Where a step fails, and whether by a panic.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    Forward,
    Backward,
    BatchBegin,
    BatchEnd,
    Data,
}

thread_local! {
    static TRAP: Cell<Option<(Place, bool)>> = const { Cell::new(None) };
}

fn trapped(place: Place) -> Result<(), Error> {
    match TRAP.get() {
        Some((found, panics)) if found == place => {
            assert!(!panics, "{place:?} panics");
            Err(Error::Empty("the luck"))
        }
        _ => Ok(()),
    }
}

/// Hands on what arrives, and back what comes back.
#[derive(Debug, Clone, Default)]
struct Trap;

impl<S: MaskTransparent> Layer<S> for Trap {
    type Out = S;

    fn call<T: Tape<f32, Cpu>>(
        &self,
        x: S::Data<f32, Cpu, T>,
    ) -> Result<S::Data<f32, Cpu, T>, Error> {
        Ok(x)
    }

    fn call_mut<T: Tape<f32, Cpu>>(
        &mut self,
        x: S::Data<f32, Cpu, T>,
    ) -> Result<S::Data<f32, Cpu, T>, Error> {
        trapped(Place::Forward)?;
        S::map(x, |x| {
            let (x, mut tape) = x.split_tape();
            tape.add_backward_op(|_| {
                trapped(Place::Backward).map_err(|_| CpuError::WrongNumElements)
            });
            Ok(x.put_tape(tape))
        })
    }
}

impl Build for Trap {
    fn build(_: &Cpu) -> Result<Self, Error> {
        Ok(Self)
    }
}

impl Parameters for Trap {}

impl<M> Callback<M> for Trap {
    fn on_train_batch_begin(&mut self, _: &mut Training<'_, M>, _: usize) -> Result<(), Error> {
        trapped(Place::BatchBegin)
    }

    fn on_train_batch_end(
        &mut self,
        _: &mut Training<'_, M>,
        _: usize,
        _: &kerata::train::Logs,
    ) -> Result<(), Error> {
        trapped(Place::BatchEnd)
    }
}

type Of = Trainer<Words, MeanSquaredError, Adam, (Batch, Const<1>)>;

fn trainer() -> Of {
    let model = Words::build(&Cpu::seed_from_u64(3)).unwrap();
    Trainer::new(model, MeanSquaredError, Adam::new(0.01)).unwrap().callback(Trap)
}

fn sample(i: usize) -> ([usize; 4], [f32; 1]) {
    ([i * 7 % 900, i * 31 % 900, i * 17 % 90, 0], [(i % 5) as f32])
}

fn data(from: usize, count: usize) -> InMemory<Vec<[usize; 4]>, Vec<[f32; 1]>> {
    let (x, y) = (from..from + count).map(sample).unzip();
    InMemory::new(x, y).unwrap()
}

fn fit() -> Fit {
    Fit { shuffle: false, ..Fit { epochs: 1, ..super::fit() } }
}

/// All that there is, as bits.
fn bits(trainer: &Of) -> Vec<u32> {
    let mut all: Vec<u32> = values(&trainer.model).into_iter().map(f32::to_bits).collect();
    let mut state = trainer.state.clone();
    let model = &trainer.model;
    state.visit_slots(model, |slot| all.extend(slot.values.iter().map(|x| x.to_bits()))).unwrap();
    let ids = Cpu::default().tensor_from_vec((0..16).collect(), (4_usize, Const));
    let y = trainer.model.clone().forward(ids).unwrap().as_vec();
    all.extend(y.into_iter().map(f32::to_bits));
    all.push(trainer.steps() as u32);
    all
}

#[test]
fn a_step_is_whole_wherever_it_fails() {
    let places = [Place::Forward, Place::Backward, Place::BatchBegin, Place::BatchEnd, Place::Data];
    for (place, panics) in places.into_iter().flat_map(|place| [(place, false), (place, true)]) {
        let what = format!("{place:?}, {panics}");
        let (mut failing, mut twin) = (trainer(), trainer());
        for trainer in [&mut failing, &mut twin] {
            trainer.fit(&data(0, 12), &fit()).unwrap();
        }
        assert_eq!(bits(&failing), bits(&twin), "{what}");
        TRAP.set(Some((place, panics)));
        let failed = catch_unwind(AssertUnwindSafe(|| match place {
            Place::Data => {
                let stream = Stream::new(move |_| {
                    let failing = std::iter::once_with(move || {
                        assert!(!panics, "the data panics");
                        Err(Error::Data("no more".into()))
                    });
                    Ok((20..24).map(|i| Ok(sample(i))).chain(failing))
                });
                failing.fit(&stream.batched(), &fit()).map(drop)
            }
            _ => failing.fit(&data(20, 12), &fit()).map(drop),
        }));
        TRAP.set(None);
        assert!(failed.unwrap_or(Err(Error::Empty("a panic"))).is_err(), "{what}");
        // After a batch has ended, its step has been made.
        if matches!(place, Place::BatchEnd | Place::Data) {
            twin.fit(&data(20, 4), &fit()).unwrap();
        }
        assert_eq!(bits(&failing), bits(&twin), "{what}");
        for trainer in [&mut failing, &mut twin] {
            trainer.fit(&data(40, 12), &fit()).unwrap();
        }
        assert_eq!(bits(&failing), bits(&twin), "{what}, training on");
    }
}
