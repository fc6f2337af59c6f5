//! A model out of a file of Keras, in which states go from layer to layer and two directions stay apart.

use kerata::{Batch, Const, Cpu, Error, Tensor, model, prelude::*};

use super::{Fill, close, values, wide};

#[model(keras = "tests/cases/keras-3.15.1-states/translator.json", output = (Batch, 3, 2))]
struct Translator;

#[test]
fn states_and_directions_have_types() -> Result<(), Error> {
    let dev = Cpu::default();
    let mut model = Translator::build(&dev)?;
    model.visit(&mut Fill(1))?;
    let words: Tensor<(usize, Const<4>), usize, Cpu> =
        dev.tensor_from_vec(vec![1, 2, 3, 0, 4, 5, 0, 0], (2, Const));
    let before: Tensor<(usize, Const<3>, Const<2>), f32, Cpu> =
        dev.tensor_from_vec(values(9, 12), (2, Const, Const));
    let expected = [
        1.031624, 0.88926, 1.137038, 0.938236, 1.208346, 0.980523, 1.033424, 0.887884, 1.137762,
        0.934626, 1.208447, 0.976822,
    ];
    close("y", &wide(model.forward((words, before))?.as_vec()), &expected, 3e-6);
    let json = include_str!("../cases/keras-3.15.1-states/translator.json");
    Translator::from_json(json.trim_end())?;
    Ok(())
}
