//! An LSTM whose products are convolutions: Keras's `ConvLSTM1D`, `ConvLSTM2D` and `ConvLSTM3D`.

use dfdx::tensor::{Cpu, Merge, NoneTape, PutTape, SplitTape};

use super::{
    MAX_NUMBERS,
    conv::{PlacesOf, Slider, convolved},
    dense::known_features,
    flow::{Flow, Flows, Numbers, Rows, beside, join_tapes, put_first},
    functions::FoundFunction,
    merge::{Merging, merged},
    op::{Op, one},
    options::Options,
    places::{all, arranged},
    volumes::Depth,
    weights::{Role, Weights},
    words::{self, axes_of, refused},
};
use crate::{
    backend::{
        CarriedStates, ConvWeights, HiddenStates, IntoShape, Recorder, WeightCache, join_rows,
        memory::filled,
    },
    error::{Error, OrDevice},
    fields::{AnySignal, Initializer},
    parameters::Visitor,
    shape::{Padding, Same},
};

#[derive(Debug, Clone)]
pub(crate) struct ConvLstm {
    axes: usize,
    /// How the window slides over the steps, and over the states.
    sliders: [Slider; 2],
    /// The same along the depth of volumes.
    depths: Option<[Depth; 2]>,
    filters: usize,
    activation: FoundFunction,
    gate: FoundFunction,
    /// What is behind a convolution before the functions: nothing.
    linear: FoundFunction,
    use_bias: bool,
    unit_forget_bias: bool,
    sequences: bool,
    gives_states: bool,
    backwards: bool,
    /// How much drops in training.
    drops: [f64; 2],
    hows: [Initializer; 3],
    /// What arrives at a step, once the weights are there: the sizes behind the batch.
    step: Option<Vec<usize>>,
    weights: Weights,
    caches: [WeightCache; 2],
    carried: Option<CarriedStates<f32, Cpu>>,
}

/// How many products a step has: of the input gate, the forget gate, the candidate and the output gate.
const GATES: usize = 4;

impl ConvLstm {
    pub(crate) fn new(options: &mut Options<'_>) -> Result<Self, Error> {
        let axes = axes_of(&options.config.class_name);
        let slider = Slider::new(options, axes, "kernel_size")?;
        let same: PlacesOf = Same::places;
        let of_states = slider.with_padding(same);
        let depth = (axes > 2).then(|| Depth::new(options, "kernel_size")).transpose()?;
        let how = |key: &str| options.initializer(&format!("{key}_initializer"));
        Ok(Self {
            axes,
            sliders: [slider, of_states],
            depths: depth.map(|depth| [depth.clone(), depth.with_padding(same)]),
            filters: options.size("filters")?,
            activation: options.activation("activation")?,
            gate: options.activation("recurrent_activation")?,
            linear: options.custom.function("linear")?,
            use_bias: options.flag("use_bias")?,
            unit_forget_bias: options.flag("unit_forget_bias")?,
            sequences: options.flag("return_sequences")?,
            gives_states: options.flag("return_state")?,
            backwards: options.flag("go_backwards")?,
            drops: [options.number("dropout")?, options.number("recurrent_dropout")?],
            hows: [how("kernel")?, how("recurrent")?, how("bias")?],
            step: None,
            weights: Weights::default(),
            caches: Default::default(),
            carried: options.flag("stateful")?.then(CarriedStates::default),
        })
    }

    /// What a state is, of what arrives.
    fn state(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        words::sequence_of(arrives, self.axes)?;
        let mut step = arrives.sizes.clone();
        step.remove(1);
        let step = AnySignal::numbers(step);
        match &self.depths {
            Some([depth, _]) => depth.gives(&self.sliders[0], &step, Some(self.filters)),
            None => self.sliders[0].gives(&step, Some(self.filters)),
        }
    }

    /// The sizes of a kernel for so many channels, the first of them for volumes.
    fn sizes(&self, channels: usize) -> [usize; 5] {
        let [rows, columns] = self.sliders[0].kernel;
        let depth = self.depths.as_ref().map_or(1, |[depth, _]| depth.kernel);
        [depth, rows, columns, channels, GATES * self.filters]
    }

    /// The convolution of steps, or of states, with a kernel.
    fn product(&self, x: Flow, of_states: bool) -> Result<Flow, Error> {
        let name = if of_states { "recurrent_kernel" } else { "kernel" };
        let kernel = self.weights.matrix(name, GATES * self.filters)?;
        let bias = (self.use_bias && !of_states).then(|| self.weights.flat("bias")).transpose()?;
        let which = usize::from(of_states);
        let (bias, cache) = (bias.as_ref(), &self.caches[which]);
        let weights = ConvWeights { kernel: &kernel, bias, groups: 1, cache };
        let sizes = self.sizes(x.sizes().last().copied().unwrap_or(0));
        let depth = self.depths.as_ref().map(|depths| &depths[which]);
        convolved((&self.sliders[which], depth), x, weights, sizes, &self.linear)
    }

    /// The state and the memory behind a step, of the products of what arrives and of the state before.
    fn step(&self, products: Rows, memory: Option<&Rows<NoneTape>>) -> Result<(Rows, Rows), Error> {
        let (products, tape) = products.split_tape();
        let (rows, width) = *dfdx::shapes::HasShape::shape(&products);
        let part = |gate: usize| {
            let mut along = all(&[rows, width]);
            let first = gate * self.filters;
            along[1].take((first..first + self.filters).map(Some))?;
            Ok::<_, Error>(arranged(beside(&products, &tape), along)?.0)
        };
        let gate = |number: usize| self.gate.apply(part(number)?);
        let candidate = self.activation.apply(part(2)?)?;
        let mut c = merged(Merging::Product, gate(0)?, candidate)?;
        if let Some(memory) = memory {
            let kept = merged(Merging::Product, gate(1)?, beside(memory, &tape))?;
            c = merged(Merging::Sum, kept, c)?;
        }
        let (c, more) = c.split_tape();
        let shown = self.activation.apply(beside(&c, &tape))?;
        let h = merged(Merging::Product, gate(3)?, shown)?;
        let (h, last) = h.split_tape();
        let beside = tape.beside();
        Ok((h.put_tape(tape.merge(more).merge(last)), c.put_tape(beside)))
    }

    /// The states to begin with, as rows of channels, and the tape that they are on.
    fn initial(
        &self,
        given: Flows,
        shape: (usize, usize),
    ) -> Result<(Option<[Rows<NoneTape>; 2]>, Recorder), Error> {
        let (given, tape) = join_tapes(given);
        let mut states = Vec::new();
        for state in given {
            states.push(state.numbers()?.x);
        }
        if let (Some(c), Some(h)) = (states.pop(), states.pop()) {
            return Ok((Some([h.into_shape(&shape)?, c.into_shape(&shape)?]), tape));
        }
        let carried = self.carried.as_ref().map_or(Ok(None), CarriedStates::get)?;
        let Some(HiddenStates { h, c: Some(c), .. }) = carried else { return Ok((None, tape)) };
        Ok((Some([h.into_shape(&shape)?, c.into_shape(&shape)?]), tape))
    }
}

impl Op for ConvLstm {
    fn gives(&self, arrive: &[AnySignal]) -> Result<Vec<AnySignal>, Error> {
        let Some((arrives, given)) = arrive.split_first() else {
            return Err(refused("a sequence is needed here"));
        };
        let state = self.state(arrives)?;
        if let Some(step) = &self.step {
            let own = [None, None].into_iter().chain(step.iter().copied().map(Some));
            let own = AnySignal::numbers(own.collect::<Vec<_>>());
            if !own.agrees(&arrives.sizes) {
                return Err(refused(format!("`{own}` is needed here, but `{arrives}` arrives")));
            }
        }
        let all = arrives.sizes[1].into_iter().chain(state.sizes.iter().flatten().copied());
        let all = all.chain([GATES]).try_fold(1_usize, |n, size| n.checked_mul(size));
        if all.is_none_or(|n| n == 0 && arrives.sizes[1] == Some(0) || n > MAX_NUMBERS) {
            return Err(refused(format!("the steps of `{arrives}` are none, or too many")));
        }
        words::states_to_begin_with(given, 2, &state)?;
        let mut gives = vec![state.clone()];
        if self.sequences {
            gives[0].sizes.insert(1, arrives.sizes[1]);
        }
        gives.extend(std::iter::repeat_n(state, if self.gives_states { 2 } else { 0 }));
        Ok(gives)
    }

    fn build(&mut self, dev: &Cpu, _: &str, arrive: &[AnySignal]) -> Result<(), Error> {
        let arrives = arrive.first().ok_or_else(|| refused("a sequence is needed here"))?;
        let channels = known_features(arrives)?;
        let step: Option<Vec<usize>> = arrives.sizes[2..].iter().copied().collect();
        let unknown = || refused(format!("the sizes of the images of `{arrives}` are not known"));
        let step = step.ok_or_else(unknown)?;
        let too_many = || refused(format!("{} filters are too many", self.filters));
        self.filters.checked_mul(GATES).ok_or_else(too_many)?;
        let first = 3 - self.axes;
        let (kernel, recurrent) = (self.sizes(channels), self.sizes(self.filters));
        let [of_kernel, of_recurrent, of_bias] = self.hows;
        let wanted = [
            ("kernel", &kernel[first..], of_kernel, Role::Trained),
            ("recurrent_kernel", &recurrent[first..], of_recurrent, Role::Trained),
            ("bias", &kernel[4..], of_bias, Role::Trained),
        ];
        self.weights = Weights::draw(dev, &wanted[..if self.use_bias { 3 } else { 2 }])?;
        if self.unit_forget_bias && self.use_bias {
            self.weights.forget_nothing(self.filters)?;
        }
        self.step = Some(step);
        Ok(())
    }

    fn apply(&self, mut x: Flows) -> Result<Flows, Error> {
        let given = x.split_off(1);
        let Numbers { x, sizes, .. } = one(x)?.numbers()?;
        let (batch, length) = (sizes[0], sizes[1]);
        // All steps at once, as far as no state is needed.
        let steps = Flow::plain(x, [&[batch * length], &sizes[2..]].concat())?;
        let Numbers { x, sizes: images, .. } = self.product(steps, false)?.numbers()?;
        let (x, mut tape) = x.split_tape();
        let each: usize = images[1..images.len() - 1].iter().product();
        let image: Vec<usize> = [&[batch], &images[1..images.len() - 1], &[self.filters]].concat();
        let (mut state, more) = self.initial(given, (batch * each, self.filters))?;
        tape = tape.merge(more);
        let mut outputs: Vec<Rows<NoneTape>> = Vec::new();
        for i in 0..length {
            let step = if self.backwards { length - 1 - i } else { i };
            let mut along = all(&[batch, length, each * GATES * self.filters]);
            along[1].take([Some(step)])?;
            let (products, _) = arranged(beside(&x, &tape), along)?;
            let mut products = products.into_shape(&(batch * each, GATES * self.filters))?;
            if let Some([h, _]) = &state {
                let before = Flow::plain(beside(h, &tape), image.clone())?;
                let more = self.product(before, true)?.numbers()?.x;
                products = merged(Merging::Sum, products, more)?;
            }
            let memory = state.as_ref().map(|[_, c]| c);
            let (h, c) = self.step(products, memory)?;
            let ((h, of_h), (c, of_c)) = (h.split_tape(), c.split_tape());
            tape = tape.merge(of_h).merge(of_c);
            if self.sequences {
                outputs.push(h.clone().into_shape(&(batch, each * self.filters))?);
            }
            state = Some([h, c]);
        }
        let [h, c] = match state {
            Some(state) => state,
            None => {
                let zeros = || self.zeros(batch * each);
                [zeros()?, zeros()?]
            }
        };
        if let Some(carried) = &self.carried {
            carried.set(HiddenStates::new(
                h.clone().into_shape(&(batch, each * self.filters))?,
                Some(c.clone().into_shape(&(batch, each * self.filters))?),
            ))?;
        }
        let mut gives: Flows<NoneTape> = Vec::new();
        if self.sequences {
            let all = [&[batch, length], &image[1..]].concat();
            let outputs = outputs.iter().map(|h| beside(h, &tape)).collect();
            let (joined, more) = join_rows(outputs)?.split_tape();
            tape = tape.merge(more);
            gives.push(Flow::plain(joined, all)?);
        } else {
            gives.push(Flow::plain(h.clone(), image.clone())?);
        }
        if self.gives_states {
            gives.push(Flow::plain(h, image.clone())?);
            gives.push(Flow::plain(c, image)?);
        }
        Ok(put_first(gives, tape))
    }

    fn train(&mut self, x: Flows) -> Result<Flows, Error> {
        if self.drops != [0.0; 2] {
            return Err(refused("a `dropout` of convolutional states is not trained here"));
        }
        self.apply(x)
    }

    fn takes_states(&self) -> bool {
        true
    }

    fn reset_states(&mut self) {
        if let Some(carried) = &self.carried {
            carried.reset();
        }
    }

    fn visit(&mut self, visitor: &mut dyn Visitor<f32, Cpu>) -> Result<(), Error> {
        self.weights.visit(visitor)?;
        self.carried.iter().try_for_each(|carried| visitor.visit_carried(carried))
    }
}

impl ConvLstm {
    fn zeros(&self, rows: usize) -> Result<Rows<NoneTape>, Error> {
        use dfdx::tensor::TensorFromVec;
        let shape = (rows, self.filters);
        Cpu::default().try_tensor_from_vec(filled(&[shape.0, shape.1], 0.0)?, shape).or_device()
    }
}
