//! Layers whose channels come first: they are those of channels that come last, between two changes of the order.

use dfdx::tensor::Cpu;

use super::{
    DynamicLayer,
    flow::{Flow, Flows, Numbers},
    is_padded,
    op::Op,
    places::permuted,
    said::{CallWords, Said},
    words::refused,
};
use crate::{
    error::Error,
    fields::{AnySignal, Config},
    parameters::Visitor,
};

const KEY: &str = "data_format";
const FIRST: &str = "channels_first";

/// Makes the config of a layer whose channels come first that of one whose channels come last. Whether it was one.
pub(super) fn put_last(config: &mut Config) -> bool {
    let said = config.config.get_mut(KEY);
    let said = said.filter(|said| said.as_str().is_some_and(|s| s.eq_ignore_ascii_case(FIRST)));
    said.map(|said| *said = "channels_last".into()).is_some()
}

#[derive(Debug)]
pub(super) struct ChannelsFirst {
    inner: Box<dyn Op>,
    order: Order,
}

impl Clone for ChannelsFirst {
    fn clone(&self) -> Self {
        Self { inner: self.inner.boxed(), order: self.order }
    }
}

impl ChannelsFirst {
    pub(super) fn new(inner: Box<dyn Op>, class: &str) -> Self {
        let order = Order { steps: class.starts_with("ConvLSTM"), flat: class == "Flatten" };
        Self { inner, order }
    }
}

/// Where the channels of a layer stand.
#[derive(Debug, Clone, Copy)]
struct Order {
    /// Whether a sequence arrives, whose steps stand in front of the channels, and states behind it.
    steps: bool,
    /// Whether all of a sample leaves the layer in one row.
    flat: bool,
}

impl Order {
    /// Where the channels stand in one of several values; those of a vector are where they are. `rank` is that of what arrives
    /// first.
    fn place(self, of: usize, rank: usize) -> Option<usize> {
        let first = if self.steps && of == rank { 2 } else { 1 };
        (of > first + 1).then_some(first)
    }

    /// What arrives, with the channels behind.
    fn last(self, arrive: &[AnySignal]) -> Vec<AnySignal> {
        let rank = arrive.first().map_or(0, AnySignal::rank);
        let mut arrive = arrive.to_vec();
        for one in &mut arrive {
            if let Some(place) = self.place(one.rank(), rank) {
                one.sizes[place..].rotate_left(1);
            }
        }
        arrive
    }

    /// Runs a layer on values with the channels behind.
    fn between(
        self,
        x: Flows,
        run: impl FnOnce(Flows) -> Result<Flows, Error>,
    ) -> Result<Flows, Error> {
        let rank = x.first().map_or(0, |x| x.sizes().len());
        let turned = |x: Flow, back: bool| {
            let Some(place) = self.place(x.sizes().len(), rank) else { return Ok(x) };
            let Numbers { x, sizes, .. } = x.numbers()?;
            let mut order: Vec<usize> = (0..sizes.len()).collect();
            match back {
                true => order[place..].rotate_right(1),
                false => order[place..].rotate_left(1),
            }
            let (x, sizes) = permuted(x, &sizes, &order)?;
            Flow::plain(x, sizes)
        };
        let x = x.into_iter().map(|x| turned(x, false)).collect::<Result<Flows, _>>()?;
        let y = run(x)?.into_iter();
        y.map(|y| if self.flat { Ok(y) } else { turned(y, true) }).collect()
    }
}

impl Op for ChannelsFirst {
    fn gives(&self, arrive: &[AnySignal]) -> Result<Vec<AnySignal>, Error> {
        if let Some(one) = arrive.iter().find(|one| is_padded(one)) {
            let needed = "a sequence without a mask is needed where the channels come first";
            return Err(refused(format!("{needed}, but `{one}` arrives")));
        }
        let rank = arrive.first().map_or(0, AnySignal::rank);
        let mut gives = self.inner.gives(&self.order.last(arrive))?;
        for one in gives.iter_mut().filter(|_| !self.order.flat) {
            if let Some(place) = self.order.place(one.rank(), rank) {
                one.sizes[place..].rotate_right(1);
            }
        }
        Ok(gives)
    }

    fn apply(&self, x: Flows) -> Result<Flows, Error> {
        self.order.between(x, |x| self.inner.apply(x))
    }

    fn train(&mut self, x: Flows) -> Result<Flows, Error> {
        self.order.between(x, |x| self.inner.train(x))
    }

    fn build(&mut self, dev: &Cpu, prefix: &str, arrive: &[AnySignal]) -> Result<(), Error> {
        self.inner.build(dev, prefix, &self.order.last(arrive))
    }

    fn takes_states(&self) -> bool {
        self.inner.takes_states()
    }

    fn words(&self) -> CallWords {
        self.inner.words()
    }

    fn called(&mut self, said: Said) {
        self.inner.called(said);
    }

    fn call_flags(&self) -> &[&'static str] {
        self.inner.call_flags()
    }

    fn visit(&mut self, visitor: &mut dyn Visitor<f32, Cpu>) -> Result<(), Error> {
        self.inner.visit(visitor)
    }

    fn write(&self, config: &mut Config) {
        self.inner.write(config);
        config.config.insert(KEY.to_owned(), FIRST.into());
    }

    fn rests(&self) -> bool {
        self.inner.rests()
    }

    fn inside(&self) -> Vec<&DynamicLayer> {
        self.inner.inside()
    }

    fn inside_mut(&mut self) -> Vec<&mut DynamicLayer> {
        self.inner.inside_mut()
    }

    fn reset_states(&mut self) {
        self.inner.reset_states();
    }
}
