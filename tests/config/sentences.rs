//! Layers at each step of ids: a vector for each sentence of a text.

use kerata::{
    Const, Cpu, Embedding, Error,
    config::{AnySignal, DynamicLayer, DynamicValue, SignalKind},
    prelude::*,
};
use serde_json::{Value, json};

use crate::dynamic::{error, layer};

fn inside() -> Value {
    json!({"class_name": "Sequential", "config": {"name": "sentence", "layers": [
        {"class_name": "InputLayer", "config": {"batch_shape": [null, 3]}},
        {"class_name": "Embedding", "config": {"input_dim": 5, "output_dim": 2, "mask_zero": true}},
        {"class_name": "GRU", "config": {"units": 4}}]}})
}

fn text_of_sentences(inside: Value) -> Value {
    json!({"class_name": "Sequential", "config": {"layers": [
        {"class_name": "InputLayer", "config": {"batch_shape": [null, 2, 3]}},
        {"class_name": "TimeDistributed", "config": {"layer": inside}}]}})
}

#[test]
fn each_sentence_is_read_as_a_sample() {
    let mut text = layer(text_of_sentences(inside())).unwrap();
    let weights: Vec<Vec<f32>> = text.weights().map(|weight| weight.values).collect();
    let ids = vec![1, 2, 0, 4, 0, 0, 3, 3, 1, 0, 0, 0];
    let y = text.run(DynamicValue::ids([2, 2, 3], ids.clone()).unwrap()).unwrap();
    assert_eq!(y.sizes(), [2, 2, 4]);

    let mut one = layer(inside()).unwrap();
    one.set_weights(weights).unwrap();
    let sentences = one.run(DynamicValue::ids([4, 3], ids).unwrap()).unwrap();
    assert_eq!(y.values(), sentences.values());
    // A sentence of padding alone leaves the state as it was.
    assert_eq!(&y.values()[12..], [0.0; 4]);
    assert!(y.values()[..4].iter().any(|&value| value != 0.0));
}

#[test]
fn what_is_no_sequence_of_ids_is_refused() {
    let embedding = json!({"class_name": "Embedding", "config": {"input_dim": 5, "output_dim": 2}});
    let steps =
        layer(json!({"class_name": "TimeDistributed", "config": {"layer": embedding}})).unwrap();
    let ids =
        |sizes: &[Option<usize>]| AnySignal { kind: SignalKind::Tokens, sizes: sizes.to_vec() };
    assert!(steps.gives(&ids(&[None, Some(3)])).is_err());
    let gives = steps.gives(&ids(&[None, Some(3), Some(4)])).unwrap();
    assert_eq!(gives.sizes, [None, Some(3), Some(4), Some(2)]);

    let dense = json!({"class_name": "Dense", "config": {"units": 2}});
    let text =
        error(json!({"class_name": "TimeDistributed", "config": {"layer": dense, "units": 1}}));
    assert!(text.contains("units"), "{text}");
}

#[test]
fn several_ids_at_each_step_are_as_many_rows() {
    let dev = Cpu::seed_from_u64(3);
    let embedding = Embedding::<5, 2>::build(&dev).unwrap();
    let table = embedding.embeddings.array();
    let ids = vec![1, 2, 0, 4, 0, 3, 3, 3, 1, 0, 4, 2];
    let rows: Vec<f32> = ids.iter().flat_map(|&id| table[id]).collect();

    let mut dynamic = DynamicLayer::from_layer(&embedding).unwrap();
    let y = dynamic.run(DynamicValue::ids([2, 3, 2], ids.clone()).unwrap()).unwrap();
    assert_eq!((y.sizes(), y.values()), (&[2, 3, 2, 2][..], &rows[..]));
    let x = |ids| dev.tensor_from_vec(ids, (2, Const::<3>, Const::<2>));
    assert_eq!(embedding.forward(x(ids.clone())).unwrap().as_vec(), rows);

    // Row 1 has two ids at each of three steps.
    let mut wrong = ids;
    wrong[9] = 5;
    let place = Error::IdOutsideVocabulary { id: 5, vocabulary: 5, row: 1, step: 1 };
    assert_eq!(
        dynamic.run(DynamicValue::ids([2, 3, 2], wrong.clone()).unwrap()),
        Err(place.clone())
    );
    assert_eq!(embedding.forward(x(wrong)).unwrap_err(), place);

    // A mask says which steps there are, and not which ids at one step.
    let config = json!({"input_dim": 5, "output_dim": 2, "mask_zero": true});
    let masked = layer(json!({"class_name": "Embedding", "config": config})).unwrap();
    let sizes = vec![None, Some(3), Some(2)];
    let refused = masked.gives(&AnySignal { kind: SignalKind::Tokens, sizes }).unwrap_err();
    assert!(refused.to_string().contains("Ids<(Batch, Length)>"), "{refused}");
}
