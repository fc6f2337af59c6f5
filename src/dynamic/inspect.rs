//! What is inside of a dynamic layer: layers, weights, and a table of both.

use dfdx::tensor::Cpu;

use super::{DynamicLayer, LayerWeight, is_padded, layer::Masks, typed};
use crate::{
    error::Error,
    fields::AnySignal,
    model::{Row, Summary},
    parameters::{Parameter, Parameters, Visitor},
};

/// What is left of a path behind a name: nothing, or what stands behind the `/`.
fn inside<'a>(path: &'a str, name: &str) -> Option<&'a str> {
    let rest = path.strip_prefix(name)?;
    if rest.is_empty() {
        Some(rest)
    } else {
        rest.strip_prefix('/').filter(|rest| !rest.is_empty())
    }
}

impl DynamicLayer {
    /// The names of the layers at which a mask is taken off, as Keras does, if this layer or the layers inside were made so;
    /// it has to be built. See [`CustomObjects::masks_as_keras`](super::CustomObjects::masks_as_keras).
    pub fn dropped_masks(&self) -> Vec<String> {
        let inside = self.op.inside();
        let own = (self.masks == Masks::TakenOff { found: true }).then(|| self.name().to_owned());
        own.into_iter().chain(inside.iter().flat_map(|layer| layer.dropped_masks())).collect()
    }

    /// The layers inside, in the order of the config: those of a model, the one of a `TimeDistributed`, the two of a
    /// `Bidirectional`. One that is called several times is there once; inputs are not.
    ///
    /// ```
    /// use kerata::{Error, config::{Config, CustomObjects, layer_from_config}};
    ///
    /// let config: Config = r#"{"class_name": "Sequential", "config": {"layers": [
    ///     {"class_name": "Dense", "config": {"name": "first", "units": 4}},
    ///     {"class_name": "Dense", "config": {"name": "second", "units": 2}}],
    ///     "build_input_shape": [null, 3]}}"#.parse()?;
    /// let model = layer_from_config(&config, &CustomObjects::new())?;
    /// let names: Vec<&str> = model.layers().iter().map(|layer| layer.name()).collect();
    /// assert_eq!(names, ["first", "second"]);
    /// let sizes: Vec<_> = model.layers()[1].weights().map(|weight| weight.sizes).collect();
    /// assert_eq!(sizes, [vec![4, 2], vec![2]]);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn layers(&self) -> Vec<&DynamicLayer> {
        self.op.inside()
    }

    /// The layers inside, to be changed: see [`layers`](Self::layers).
    pub fn layers_mut(&mut self) -> Vec<&mut DynamicLayer> {
        self.op.inside_mut()
    }

    /// The layer of this name among those [inside](Self::layers), or of this path, `outer/inner`, as models nest.
    pub fn find(&self, path: &str) -> Option<&DynamicLayer> {
        self.layers().into_iter().find_map(|layer| match inside(path, layer.name())? {
            "" => Some(layer),
            rest => layer.find(rest),
        })
    }

    /// The layer of this name or path, to be changed: see [`find`](Self::find).
    pub fn find_mut(&mut self, path: &str) -> Option<&mut DynamicLayer> {
        self.layers_mut().into_iter().find_map(|layer| {
            let rest = inside(path, layer.name())?.len();
            match &path[path.len() - rest..] {
                "" => Some(layer),
                rest => layer.find_mut(rest),
            }
        })
    }

    /// Replaces the values of all weights, in the order of [`weights`](Self::weights), which is Keras's. An iterator is asked
    /// for as many as there are.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if there are fewer, or one has another number of values. Then the layer is as it was before.
    ///
    /// ```
    /// use kerata::{Cpu, Error, config::{AnySignal, Config, CustomObjects, layer_from_config}, prelude::*};
    ///
    /// let config: Config = r#"{"class_name": "Dense", "config": {"units": 1}}"#.parse()?;
    /// let mut layer = layer_from_config(&config, &CustomObjects::new())?;
    /// layer.build(&AnySignal::numbers([None, Some(2)]))?;
    /// layer.set_weights([vec![1.0, 10.0], vec![0.5]])?;
    /// assert_eq!(layer.run(Cpu::default().tensor([[2.0_f32, 3.0]]))?.values(), [32.5]);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn set_weights(&mut self, values: impl IntoIterator<Item = Vec<f32>>) -> Result<(), Error> {
        struct Set(std::vec::IntoIter<Vec<f32>>);

        impl Visitor<f32, Cpu> for Set {
            fn visit(&mut self, parameter: Parameter<'_, f32, Cpu>) -> Result<(), Error> {
                parameter.tensor.assign(&self.0.next().unwrap_or_default())
            }
        }

        let wanted: Vec<LayerWeight> = self.weights().collect();
        let values: Vec<Vec<f32>> = values.into_iter().take(wanted.len()).collect();
        if values.len() < wanted.len() {
            return Err(Error::mismatch("the weights of a layer", wanted.len(), values.len()));
        }
        for (wanted, values) in wanted.iter().zip(&values) {
            if wanted.values.len() != values.len() {
                let (sizes, found) = (&wanted.sizes, values.len());
                return Err(Error::mismatch("the values of a weight", sizes, found));
            }
        }
        self.visit(&mut Set(values.into_iter()))
    }

    /// A table of the layers, as that of a typed model: one row for each layer of a model, else one for the layer.
    ///
    /// ```
    /// use kerata::{Error, config::{Config, CustomObjects, layer_from_config}};
    ///
    /// let config: Config = r#"{"class_name": "Sequential", "config": {"name": "net", "layers": [
    ///     {"class_name": "Dense", "config": {"name": "first", "units": 4}},
    ///     {"class_name": "Dense", "config": {"name": "second", "units": 2}}],
    ///     "build_input_shape": [null, 3]}}"#.parse()?;
    /// let summary = layer_from_config(&config, &CustomObjects::new())?.summary();
    /// assert_eq!((summary.model.as_str(), summary.params()), ("net", 16 + 10));
    /// assert_eq!((summary.rows[1].from[0].as_str(), summary.rows[1].output.as_str()), ("first", "(Batch, 2)"));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn summary(&self) -> Summary {
        let rows = self.op.rows().unwrap_or_else(|| vec![self.row(vec!["input".to_owned()], true)]);
        Summary { model: self.name().to_owned(), rows }
    }

    /// The row of this layer in a summary: what it takes from, and whether it is an output.
    pub(super) fn row(&self, from: Vec<String>, output: bool) -> Row {
        let unknown = || "not built".to_owned();
        let listed = |signals: &[AnySignal]| {
            let names: Vec<String> = signals.iter().map(AnySignal::to_string).collect();
            names.join(", ")
        };
        let gives = self.built.as_ref().and_then(|built| self.gives_each(built).ok());
        let padded = |signals: Option<&Vec<AnySignal>>| {
            signals.is_some_and(|signals| signals.iter().any(is_padded))
        };
        let mask = match (padded(self.built.as_ref()), padded(gives.as_ref())) {
            (_, _) if self.masks == (Masks::TakenOff { found: true }) => "dropped",
            (false, false) => "",
            (false, true) => "made",
            (true, true) => "passed",
            (true, false) => "consumed",
        };
        let first = from.iter().any(|from| from == "input" || from.starts_with("input "));
        let parameters = crate::parameters::list(self);
        let count = |trained: bool| {
            let counted = parameters.iter().filter(|named| named.trainable || !trained);
            counted.map(|named| named.shape.iter().product::<usize>()).sum()
        };
        Row {
            name: self.name().to_owned(),
            layer: self.class().to_owned(),
            role: match (first, output) {
                (true, true) => "input, output",
                (true, false) => "input",
                (false, true) => "output",
                (false, false) => "hidden",
            },
            from,
            input: self.built.as_deref().map_or_else(unknown, listed),
            output: gives.as_deref().map_or_else(unknown, listed),
            mask,
            params: count(false),
            trainable: count(true),
        }
    }

    /// The weights: none before the layer is built.
    pub fn weights(&self) -> impl Iterator<Item = LayerWeight> {
        // To visit weights may fail for what changes them only.
        typed::weights(self).unwrap_or_default().into_iter()
    }
}
