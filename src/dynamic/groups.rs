use dfdx::tensor::Cpu;
use serde_json::Value;

use super::{
    flow::{Flow, Numbers, as_rows},
    op::OneToOne,
    options::Options,
    places::{inverse, permuted},
    visit,
    weights::{Role, Weights, tensor},
    words::{self, refused},
};
use crate::{
    backend::{
        Backend, IntoShape, NormWeights,
        memory::{elements, filled},
    },
    error::Error,
    fields::{AnySignal, Initializer},
    layers::group_norm,
};

/// Keras's `GroupNormalization`: a mean and a variance of each sample for the channels of each group.
#[derive(Debug, Clone)]
pub(crate) struct Groups {
    /// How many there are; `None` for one of each channel.
    groups: Option<usize>,
    /// The axis of the channels; a negative one is counted from the end.
    axis: i64,
    epsilon: f64,
    /// Whether padding counts.
    as_keras: bool,
    /// How gamma and beta begin, if there are any.
    hows: [Option<Initializer>; 2],
    channels: Option<usize>,
    weights: Weights,
}

impl Groups {
    pub(crate) fn new(options: &mut Options<'_>) -> Result<Self, Error> {
        let get = |key: &str| options.value(key);
        let groups = match get("groups").as_i64() {
            Some(-1) => None,
            Some(groups @ 1..) => usize::try_from(groups).ok(),
            _ => {
                let expected = "a whole number above 0, or -1, is needed";
                return Err(options.misfit("groups", expected, get("groups")));
            }
        };
        // One axis in a list is that axis.
        let axis = match get("axis") {
            Value::Array(list) if list.len() == 1 => list[0].as_i64(),
            axis => axis.as_i64(),
        };
        let needed = || options.misfit("axis", "one axis behind the batch is needed", get("axis"));
        let how = |name: &str, there: bool| {
            there.then(|| options.initializer(&format!("{name}_initializer"))).transpose()
        };
        let epsilon = options.element("epsilon")?;
        if epsilon < 0.0 {
            let expected = "a number of at least 0 is needed";
            return Err(options.misfit("epsilon", expected, get("epsilon")));
        }
        Ok(Self {
            groups,
            axis: axis.filter(|&axis| axis != 0).ok_or_else(needed)?,
            epsilon: options.number("epsilon")?,
            as_keras: options.custom.masks_as_keras,
            hows: [how("gamma", options.flag("scale")?)?, how("beta", options.flag("center")?)?],
            channels: None,
            weights: Weights::default(),
        })
    }

    /// The axis, counted from the front.
    fn axis(&self, rank: usize) -> Result<usize, Error> {
        let axis = if self.axis < 0 { self.axis + rank as i64 } else { self.axis };
        let axis = usize::try_from(axis).ok().filter(|axis| (1..rank).contains(axis));
        axis.ok_or_else(|| {
            refused(format!("there is no axis {} of {rank} dimensions behind the batch", self.axis))
        })
    }

    fn weight(&self, name: &'static str, value: f32) -> Result<super::op::Flat, Error> {
        let there = if name == "gamma" { self.hows[0] } else { self.hows[1] };
        match there {
            Some(_) => self.weights.flat(name),
            None => tensor(filled(&[self.channels.unwrap_or(0)], value)?),
        }
    }
}

impl OneToOne for Groups {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        words::features_axis(arrives)?;
        let axis = self.axis(arrives.rank())?;
        let Some(channels) = arrives.sizes[axis] else {
            let message = format!("the channels of `{arrives}`, along axis {axis}, are not known");
            return Err(refused(message));
        };
        if let Some(groups) = self.groups.filter(|&groups| channels % groups != 0) {
            let message = format!(
                "{channels} channels, along axis {axis} of `{arrives}`, are not a multiple of \
                 {groups} groups"
            );
            return Err(refused(message));
        }
        if let Some(own) = self.channels.filter(|&own| own != channels) {
            let message =
                format!("{own} channels are needed along axis {axis}, but `{arrives}` arrives");
            return Err(refused(message));
        }
        let together: Vec<usize> = (1..arrives.rank())
            .filter(|&one| one != axis || self.groups.is_some_and(|groups| groups != channels))
            .collect();
        words::steps_apart(arrives, &together, self.as_keras)?;
        Ok(arrives.clone())
    }

    fn build(&mut self, dev: &Cpu, _: &str, arrives: &AnySignal) -> Result<(), Error> {
        let channels = arrives.sizes[self.axis(arrives.rank())?].unwrap_or(0);
        let sizes = [channels];
        let wanted =
            |name, how: Option<Initializer>| how.map(|how| (name, &sizes[..], how, Role::Trained));
        let [gamma, beta] = self.hows;
        let wanted = [wanted("gamma", gamma), wanted("beta", beta)].into_iter().flatten();
        self.weights = Weights::draw(dev, &wanted.collect::<Vec<_>>())?;
        self.channels = Some(channels);
        Ok(())
    }

    fn apply(&self, x: Flow) -> Result<Flow, Error> {
        let Numbers { x, sizes, mask } = x.numbers()?;
        let x = Cpu::bounded_padding(x, mask.as_ref())?;
        let (rank, axis) = (sizes.len(), self.axis(sizes.len())?);
        let channels = sizes[axis];
        let groups = self.groups.unwrap_or(channels);
        // The channels stand last there.
        let order: Vec<usize> = (0..rank).filter(|&other| other != axis).chain([axis]).collect();
        let (x, by_channels) = permuted(x, &sizes, &order)?;
        let weights = NormWeights {
            gamma: self.weight("gamma", 1.0)?,
            beta: self.weight("beta", 0.0)?,
            epsilon: self.epsilon,
        };
        let held = elements(&by_channels[1..rank - 1])?;
        let x = x.into_shape(&(sizes[0], held, channels))?;
        let x = group_norm(x, groups, weights)?.into_shape(&as_rows(&by_channels)?)?;
        let (x, sizes) = permuted(x, &by_channels, &inverse(&order))?;
        Ok(Flow::Numbers(Numbers { x, sizes, mask }))
    }

    visit!();
}
