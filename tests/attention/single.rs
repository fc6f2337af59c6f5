//! Attention without projections: what Keras 3.15.1 answers and its gradients (`tests/cases/keras-single-attention`), and files.

use dfdx::{
    prelude::{Backward, SumTo, TryMul},
    tensor::{OwnedTape, PutTape, TensorFromVec},
};
use kerata::{
    Add, AdditiveAttention, Attention, Batch, Cpu, Dense, Embedding, GlobalAveragePooling1d, Ids,
    Inputs, Layer, Mask, MaskZero, Masked, Tensor,
    config::{Config, CustomObjects, DynamicValue},
    keras::{self, rust_source},
    model,
    prelude::*,
    shape::Const,
    signal::Signal,
};
use serde_json::Value;

type Steps<const F: usize> = (usize, usize, Const<F>);
type Values<const F: usize, T> = Tensor<Steps<F>, f32, Cpu, T>;
type Tape = OwnedTape<f32, Cpu>;

const MASKS: [&[bool]; 2] =
    [&[true, true, false, false, true, true], &[true, true, false, true, false, true, true, false]];

fn floats(value: &Value) -> Vec<f32> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap() as f32).collect()
}

fn steps<const F: usize>(values: &Value, length: usize) -> Tensor<Steps<F>, f32, Cpu> {
    Cpu::default().tensor_from_vec(floats(values), (2, length, Const))
}

fn close(what: &str, found: &[f32], right: &[f32]) {
    assert_eq!(found.len(), right.len(), "{what}");
    let close = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-5;
    assert!(found.iter().zip(right).all(close), "{what}: {found:?}, not {right:?}");
}

/// Puts a mask on values; of no mask they are all real, which is the same.
fn masked<const F: usize, T: kerata::tensor::Tape<f32, Cpu>>(
    x: Values<F, T>,
    mask: &[bool],
    case: &Value,
) -> Masked<Values<F, T>> {
    let keep: Vec<bool> = mask.iter().map(|&keep| keep || case["masked"] == false).collect();
    let mask = Mask::from_bools(keep, 2, mask.len() / 2).unwrap();
    Masked::new(x, mask).unwrap()
}

type M<const F: usize> = kerata::Masked<Steps<F>>;
type Data<S> = <S as Signal>::Data<f32, Cpu, Tape>;

/// One case, by a layer with its options and a scale of it.
fn check<L>(
    case: &Value,
    layer: &L,
    d_scale: impl Fn(&mut kerata::tensor::Gradients<f32, Cpu>) -> Option<Vec<f32>>,
) where
    L: Layer<Inputs<(M<2>, M<3>, M<2>)>, Out = M<3>> + Layer<Inputs<(M<2>, M<2>)>, Out = M<2>>,
{
    let what = format!("{} {} {}", case["class"], case["keyed"], case["masked"]);
    let (inputs, d_inputs) = (&case["inputs"], &case["d_inputs"]);
    let q = steps::<2>(&inputs[0], 3);
    let of_q = || masked(q.clone().put_tape(Tape::default()), MASKS[0], case);
    let mut gradients;
    if case["keyed"] == true {
        let (v, k) = (steps::<3>(&inputs[1], 4), steps::<2>(&inputs[2], 4));
        let x: Data<Inputs<(M<2>, M<3>, M<2>)>> = (
            of_q(),
            masked(v.clone().put_tape(Tape::default()), MASKS[1], case),
            masked(k.clone().put_tape(Tape::default()), MASKS[1], case),
        );
        let y = Layer::<Inputs<(M<2>, M<3>, M<2>)>>::call(layer, x).unwrap().into_parts().0;
        close(&what, &y.as_vec(), &floats(&case["y"]));
        gradients = y.try_mul(steps::<3>(&case["slope"], 3)).unwrap().sum().backward();
        close(&what, &gradients.get(&v).as_vec(), &floats(&d_inputs[1]));
        close(&what, &gradients.get(&k).as_vec(), &floats(&d_inputs[2]));
    } else {
        let v = steps::<2>(&inputs[1], 4);
        let x: Data<Inputs<(M<2>, M<2>)>> =
            (of_q(), masked(v.clone().put_tape(Tape::default()), MASKS[1], case));
        let y = Layer::<Inputs<(M<2>, M<2>)>>::call(layer, x).unwrap().into_parts().0;
        close(&what, &y.as_vec(), &floats(&case["y"]));
        gradients = y.try_mul(steps::<2>(&case["slope"], 3)).unwrap().sum().backward();
        close(&what, &gradients.get(&v).as_vec(), &floats(&d_inputs[1]));
    }
    close(&what, &gradients.get(&q).as_vec(), &floats(&d_inputs[0]));
    if case["use_scale"] == true {
        close(&what, &d_scale(&mut gradients).unwrap(), &floats(&case["d_scale"][0]));
    }
}

#[test]
fn answers_and_gradients_are_those_of_keras() {
    let path =
        concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases/keras-single-attention/cases.json");
    let cases: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let cases = cases.as_array().unwrap();
    assert_eq!(cases.len(), 7);
    for case in cases {
        let (scale, causal) = (case["use_scale"] == true, case["causal"] == true);
        if case["class"] == "Attention" {
            let mut layer = Attention::<2>::build(&Cpu::default()).unwrap();
            (layer.use_scale, layer.use_causal_mask) = (scale, causal);
            if scale {
                layer.scale.copy_from(&floats(&case["scale"][0]));
            }
            check(case, &layer, |of| Some(of.get_or_alloc_mut(&layer.scale).unwrap().to_vec()));
        } else {
            let mut layer = AdditiveAttention::<2>::build(&Cpu::default()).unwrap();
            (layer.use_scale, layer.use_causal_mask) = (scale, causal);
            if scale {
                layer.scale.copy_from(&floats(&case["scale"][0]));
            }
            check(case, &layer, |of| Some(of.get_or_alloc_mut(&layer.scale).unwrap().to_vec()));
        }
    }
}

/// The gradient of a sequence that attends to itself is the sum of those of a query and a value that are the same.
#[test]
fn a_sequence_attends_to_itself() {
    fn check<L: Layer<M<2>, Out = M<2>> + Layer<Inputs<(M<2>, M<2>)>, Out = M<2>>>(layer: &L) {
        let case = serde_json::json!({"masked": true});
        let values: Vec<f32> = (0..16).map(|i| (i as f32 * 0.7).sin()).collect();
        let made =
            || -> Values<2, _> { Cpu::default().tensor_from_vec(values.clone(), (2, 4, Const)) };
        let traced = |x: &Values<2, kerata::tensor::NoneTape>| {
            masked(x.clone().put_tape(Tape::default()), MASKS[1], &case)
        };
        let (one, q, v) = (made(), made(), made());
        let of_one = Layer::<M<2>>::call(layer, traced(&one)).unwrap().into_parts().0;
        let two: Data<Inputs<(M<2>, M<2>)>> = (traced(&q), traced(&v));
        let of_two = Layer::<Inputs<(M<2>, M<2>)>>::call(layer, two).unwrap().into_parts().0;
        close("the same twice", &of_one.as_vec(), &of_two.as_vec());
        let gradient = of_one.square().sum().backward().get(&one).as_vec();
        let both = of_two.square().sum().backward();
        let sum = both.get(&q).as_vec().into_iter().zip(both.get(&v).as_vec());
        let sum: Vec<f32> = sum.map(|(q, v)| q + v).collect();
        assert!(sum.iter().any(|slope| slope.abs() > 0.01));
        close("its gradient", &gradient, &sum);
    }

    let dev = Cpu::seed_from_u64(4);
    check(&Attention::<2>::build(&dev).unwrap());
    let mut layer = AdditiveAttention::<2>::build(&dev).unwrap();
    for (use_scale, use_causal_mask) in [(true, false), (false, true)] {
        (layer.use_scale, layer.use_causal_mask) = (use_scale, use_causal_mask);
        check(&layer);
    }
}

#[model(input = Ids<(Batch, 5)>, output = (Batch, 2))]
struct Reader {
    words: Embedding<9, 4, MaskZero>,
    #[with(use_scale = true, dropout = 0.2)]
    itself: Attention<_>,
    #[from(words, itself)]
    sum: Add,
    #[from(sum, words)]
    #[with(use_causal_mask = true)]
    other: AdditiveAttention<_>,
    mean: GlobalAveragePooling1d,
    head: Dense<_, 2>,
}

#[test]
fn files_and_source() {
    let mut model = Reader::build(&Cpu::seed_from_u64(3)).unwrap();
    model.itself.scale.copy_from(&[0.7]);
    let words = vec![[1_usize, 2, 3, 0, 0], [4, 0, 5, 6, 7]];
    let y = model.predict(&words, 2).unwrap().as_vec();
    let path = std::env::temp_dir().join(format!("kerata-single-{}.keras", std::process::id()));
    model.save_keras(&path).unwrap();
    let mut again = Reader::build(&Cpu::seed_from_u64(4)).unwrap();
    again.load_keras(&path).unwrap();
    assert_eq!(again.predict(&words, 2).unwrap().as_vec(), y);
    let mut dynamic = keras::load(&path, &CustomObjects::new()).unwrap();
    let ids = DynamicValue::Tokens { sizes: vec![2, 5], ids: words.concat() };
    close("dynamic", dynamic.run(ids).unwrap().values(), &y);
    std::fs::remove_file(path).unwrap();

    let config: Config = model.to_json().parse().unwrap();
    model.check_json(&model.to_json()).unwrap();
    let source = rust_source(&config, "Reader").unwrap();
    for line in [
        "    #[with(use_scale = true, dropout = 0.2)]\n    pub itself: Attention<_>,",
        "    #[with(use_causal_mask = true)]\n    pub other: AdditiveAttention<_>,",
    ] {
        assert!(source.contains(line), "{source}");
    }
    let concat = model.to_json().replace("\"score_mode\":\"dot\"", "\"score_mode\":\"concat\"");
    let error = model.check_json(&concat).unwrap_err().to_string();
    assert!(error.contains("score_mode"), "{error}");
    let source = rust_source(&concat.parse().unwrap(), "Reader").unwrap();
    assert!(!source.contains("pub itself: Attention"), "{source}");
}
