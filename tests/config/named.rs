//! Errors say of which layer, or of which weight, they speak.

use kerata::{
    Cpu,
    config::DynamicValue,
    loss::MeanSquaredError,
    optim::{Sgd, State},
    prelude::*,
};
use serde_json::json;

use crate::dynamic::layer;

/// What is wrong with a weight, or with what holds for one, is said with the name of the layer.
#[test]
fn what_is_refused_of_a_weight_names_the_layer() {
    for (options, says) in [
        (json!({"units": 1_u64 << 40}), "`it`: the shape of a weight is [3, 1099511627776]: "),
        (
            json!({"units": 2, "bias_initializer": {"class_name": "Constant", "config": {"value": 1e300}}}),
            "`it`: the initial value 0 is inf, which is not finite",
        ),
    ] {
        let mut config = json!({"class_name": "Dense", "config": options});
        config["config"]["name"] = "it".into();
        let x = DynamicValue::numbers([2, 3], vec![0.0; 6]).unwrap();
        let text = layer(config).unwrap().run(x).unwrap_err().to_string();
        assert!(text.starts_with(says), "{text}");
    }
    for (key, rule, says) in [
        ("bias_regularizer", json!(3), "`bias`: regularizer is 3: training needs one of Keras's"),
        ("kernel_constraint", json!({"a": 1}), "`kernel`: constraint is {\"a\":1}: "),
        (
            "bias_regularizer",
            json!({"class_name": "OrthogonalRegularizer", "config": {"factor": 0.1}}),
            "`bias`: the dimensions of a weight with an orthogonal regularizer: expected 2, found 1",
        ),
    ] {
        let mut model =
            layer(json!({"class_name": "Dense", "config": {"units": 2, key: rule}})).unwrap();
        let step = State::default().attempt(&Sgd::new(0.1), &mut model, |model| {
            let x = Cpu::default().tensor([[1.0_f32, 2.0]]).leaky_traced();
            let y = model.forward_mut::<(kerata::Const<1>, kerata::Const<2>), _>(x)?;
            MeanSquaredError.compute(y, Cpu::default().tensor([[0.0, 0.0]]))
        });
        let text = step.unwrap_err().to_string();
        assert!(text.starts_with(says), "{text}");
    }
}
