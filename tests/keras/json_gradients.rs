//! The gradients, and the training pass, of models that were made from Keras's JSON: those whose loss is a mean
//! squared error, without weights.

use std::collections::HashMap;

use dfdx::{
    prelude::{ReshapeTo, SumTo},
    tensor::{Gradients, OwnedTape, PutTape},
};
use kerata::{
    Cpu, Error, Masked, Tensor,
    config::{DynamicLayer, FromDynamic},
    parameters::{Parameter, Parameters, Visitor},
    prelude::*,
    shape::HasShape,
    signal::Value,
};
use serde_json::json;

use crate::{case::Case, from_json, variants::is_training};

type Tape = OwnedTape<f32, Cpu>;

/// What leaves a model, as rows.
trait AsRows: FromDynamic {
    fn rows(data: Self::Data<f32, Cpu, Tape>) -> (Tensor<(usize,), f32, Cpu, Tape>, Vec<bool>);
}

impl AsRows for (usize, usize) {
    fn rows(y: Tensor<Self, f32, Cpu, Tape>) -> (Tensor<(usize,), f32, Cpu, Tape>, Vec<bool>) {
        let count = y.shape().num_elements();
        (y.reshape_like(&(count,)), vec![true; count])
    }
}

impl AsRows for Masked<(usize, usize, usize)> {
    fn rows(
        y: Masked<Tensor<(usize, usize, usize), f32, Cpu, Tape>>,
    ) -> (Tensor<(usize,), f32, Cpu, Tape>, Vec<bool>) {
        let (y, mask) = y.into_parts();
        let &(batch, length, features) = y.shape();
        let keep = mask.as_slice().iter().flat_map(|&keep| std::iter::repeat_n(keep, features));
        (y.reshape_like(&(batch * length * features,)), keep.collect())
    }
}

/// The parameters by name: their values, or their gradients.
struct Named<'a> {
    path: Vec<String>,
    found: HashMap<String, Vec<f32>>,
    gradients: Option<&'a mut Gradients<f32, Cpu>>,
}

impl Visitor<f32, Cpu> for Named<'_> {
    fn visit(&mut self, parameter: Parameter<'_, f32, Cpu>) -> Result<(), Error> {
        let name = [&self.path.join("."), parameter.name].join(".");
        let values = match &mut self.gradients {
            Some(gradients) => parameter.tensor.gradient(gradients)?,
            None => parameter.tensor.to_vec()?,
        };
        self.found.insert(name, values);
        Ok(())
    }

    fn enter(&mut self, name: &str) {
        self.path.push(name.to_owned());
    }

    fn leave(&mut self) {
        self.path.pop();
    }
}

/// Compares with the tensors of a group of the case.
fn compare(
    case: &Case,
    model: &mut DynamicLayer,
    group: (&str, &str),
    gradients: Option<&mut Gradients<f32, Cpu>>,
) {
    let mut named = Named { path: Vec::new(), found: HashMap::new(), gradients };
    model.visit(&mut named).unwrap();
    let (group, tolerance) = group;
    let mut compared = 0;
    for name in case.group(group) {
        // `0.lstm.kernel` in the case is `0.kernel` here.
        let parts: Vec<&str> = name.split('.').collect();
        let own = [&parts[..1], &parts[2..]].concat().join(".");
        case.assert_tensor(tolerance, &format!("{group}.{name}"), &named.found[&own]);
        compared += 1;
    }
    assert!(compared > 0, "{}: nothing of `{group}`", case.name);
}

fn check<Out: AsRows, X: Value<f32, Cpu, Signal: FromDynamic, Tape = Tape>>(
    case: &Case,
    model: DynamicLayer,
    x: X,
) {
    let mut model = model.typed::<X::Signal, Out>().unwrap();
    let x = x.into_data();
    let y = if is_training(case) { model.call_mut(x) } else { model.call(x) };
    let (y, keep) = Out::rows(y.unwrap());
    case.assert_tensor("forward", "output", &y.as_vec());
    let count = keep.iter().filter(|&&keep| keep).count() as f32;
    let weights = keep.iter().map(|&keep| if keep { 1.0 / count } else { 0.0 }).collect();
    let dev = Cpu::default();
    let target = dev.tensor_from_vec(case.floats("target"), (keep.len(),));
    let weights = dev.tensor_from_vec(weights, (keep.len(),));
    let loss = ((y - target).square() * weights).sum();
    case.assert_tensor("loss", "loss", &[loss.array()]);
    let mut gradients = loss.backward();
    compare(case, &mut model.layer, ("grad", "grad"), Some(&mut gradients));
    if is_training(case) {
        compare(case, &mut model.layer, ("after_forward", "forward"), None);
    }
}

/// Runs a case, if [`is_here`].
pub(crate) fn run(case: &Case) {
    let mut json = case.model_json().unwrap();
    let masked = case.has("output_mask");
    if !masked {
        json["config"]["layers"]
            .as_array_mut()
            .unwrap()
            .push(json!({"class_name": "Flatten", "config": {"name": "of_the_test"}}));
    }
    let model = from_json::load_json(case, json, "").unwrap();
    let embeds = case.json["tensors"]["input"]["dtype"] == "i32";
    let (dev, floats) = (Cpu::default(), || case.floats("input"));
    macro_rules! inputs {
        ($($x:expr),*; $model:ident) => {
            match (case.shape("input"), masked) {
                $((shape, masked) if $x.0 == (shape.len(), embeds) => {
                    let x = $x.1(shape);
                    if masked {
                        check::<Masked<(usize, usize, usize)>, _>(case, $model, x)
                    } else {
                        check::<(usize, usize), _>(case, $model, x)
                    }
                })*
                (shape, _) => panic!("{}: {shape:?}", case.name),
            }
        };
    }
    let tape = Tape::default;
    inputs!(
        ((2, true), |s: &[usize]| {
            let ids: Tensor<(usize, usize), usize, Cpu> =
                dev.tensor_from_vec(case.ids("input"), (s[0], s[1]));
            ids.put_tape(tape())
        }),
        ((2, false), |s: &[usize]| dev.tensor_from_vec(floats(), (s[0], s[1])).put_tape(tape())),
        ((3, false), |s: &[usize]| {
            dev.tensor_from_vec(floats(), (s[0], s[1], s[2])).put_tape(tape())
        }),
        ((4, false), |s: &[usize]| {
            dev.tensor_from_vec(floats(), (s[0], s[1], s[2], s[3])).put_tape(tape())
        });
        model
    );
}

/// Whether a case has gradients that can be compared here.
pub(crate) fn is_here(case: &Case) -> bool {
    case.model_json().is_some()
        && case.has_group("grad")
        && case.json["loss"]["class_name"] == "MeanSquaredError"
        && !case.has("sample_weight")
}
