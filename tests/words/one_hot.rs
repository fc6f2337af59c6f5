//! Ids to one-hot rows and back.

use kerata::{
    Batch, Const, Cpu, Dense, Lstm, Masking, Sigmoid, Tensor,
    data::{Samples, Vocabulary, from_one_hot, from_one_hot_padded, one_hot, one_hot_padded},
    prelude::*,
};

use crate::{case::Case, says};

/// The letters of a case as ids, and as the rows that Keras was given.
fn letters(case: &Case) -> Vec<[usize; 10]> {
    let alphabet = case.json["alphabet"].as_str().unwrap().chars().map(String::from);
    let words = case.json["words"].as_array().unwrap().iter().map(|word| word.as_str().unwrap());
    Vocabulary::characters().list(alphabet).unwrap().encode_padded(words).unwrap()
}

fn batch(rows: &Vec<[[f32; 27]; 10]>) -> Tensor<(Batch, Const<10>, Const<27>), f32, Cpu> {
    let all: Vec<usize> = (0..rows.len()).collect();
    rows.batch(&all, &Cpu::default()).unwrap()
}

#[test]
fn words_as_keras_has_them() {
    if let Some(case) = Case::open("onehot_chars_lstm") {
        let rows = one_hot_padded::<27, 10>(&letters(&case)).unwrap();
        assert_eq!(rows.as_flattened().as_flattened(), case.floats("input"));
        assert_eq!(from_one_hot_padded(&rows).unwrap(), letters(&case));
        let mut model = <(Lstm<27, 6>, Dense<6, 1, Sigmoid>)>::build(&Cpu::default()).unwrap();
        case.load(&mut model);
        case.assert_tensor("forward", "output", &model.forward(batch(&rows)).unwrap().as_vec());
    }
    if let Some(case) = Case::open("onehot_chars_masking_lstm") {
        let rows = one_hot_padded::<27, 10>(&letters(&case)).unwrap();
        let mut model =
            <(Masking, Lstm<27, 6>, Dense<6, 1, Sigmoid>)>::build(&Cpu::default()).unwrap();
        case.load(&mut model);
        case.assert_tensor("forward", "output", &model.forward(batch(&rows)).unwrap().as_vec());
    }
    if let Some(case) = Case::open("char_embedding_lstm") {
        assert_eq!(letters(&case).as_flattened(), case.ids("input"));
    }
    if let Some(case) = Case::open("onehot_equals_embedding") {
        let ids = case.ids("ids");
        let ids = ids.as_chunks::<10>().0;
        let rows = one_hot::<27, 10>(ids).unwrap();
        assert_eq!(rows.as_flattened().as_flattened(), case.floats("onehot"));
        assert_eq!(from_one_hot(&rows).unwrap(), ids);
    }
}

#[test]
fn bad_ids_and_rows() {
    let text = "token id 3 at row 1, step 0 is outside the vocabulary of 3 (ids are 0 to 2)";
    says(one_hot::<3, 2>(&[[0, 2], [3, 9]]), text);
    let text = "token id 4 at row 0, step 1 is outside the vocabulary of 4 (ids are 0 to 3)";
    says(one_hot_padded::<3, 2>(&[[3, 4]]), text);
    let text = "row 0, step 1 is not one-hot: it must be a single 1, and zeros";
    for bad in [[0.0, 0.0], [1.0, 1.0], [0.5, 0.0], [f32::NAN, 1.0], [1.0, f32::NAN], [0.0, -1.0]] {
        says(from_one_hot(&[[[1.0, 0.0], bad]]), text);
        if bad != [0.0, 0.0] {
            says(from_one_hot_padded(&[[[0.0, 0.0], bad]]), text);
        }
    }
    assert_eq!(one_hot::<3, 2>(&[]).unwrap(), [[[0.0; 3]; 2]; 0]);
    assert_eq!(one_hot::<3, 0>(&[[]; 2]).unwrap(), [[[0.0; 3]; 0]; 2]);
    assert_eq!(one_hot_padded::<0, 1>(&[[0]]).unwrap(), [[[0.0; 0]]]);
}
