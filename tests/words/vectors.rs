//! Similarity, neighbours, analogies.

use dfdx::tensor::TensorFromVec;
use kerata::{
    Const, Cpu, Embedding, MaskZero,
    data::{Split, Splitter, Vocabulary},
    prelude::*,
    words::WordVectors,
};

use crate::{case::Case, says};

/// Vectors of made-up words, `w1` and so on.
fn made_up<const V: usize, const N: usize>(seed: u64) -> WordVectors {
    let embedding = Embedding::<V, N>::build(&Cpu::seed_from_u64(seed)).unwrap();
    let vocabulary = Vocabulary::words().list((1..V).map(|i| format!("w{i}"))).unwrap();
    WordVectors::new(&embedding, &vocabulary).unwrap()
}

#[test]
fn keras_s_vectors_and_similarities() {
    let Some(case) = Case::open("embedding_word_vectors") else { return };
    let index = case.json["word_index"].as_object().unwrap();
    let mut words: Vec<&str> = index.keys().map(String::as_str).collect();
    words.sort_by_key(|word| index[*word].as_u64());
    let spaces = Splitter { split: Split::Whitespace, lower: false, strip_punctuation: false };
    let vocabulary = Vocabulary::split_by(spaces).list(words[1..].to_vec()).unwrap();
    let mut embedding: Embedding<6, 4, MaskZero> = vocabulary.embedding(&Cpu::default()).unwrap();
    embedding.embeddings.copy_from(&case.floats("0.embedding.embeddings"));
    let vectors = WordVectors::new(&embedding, &vocabulary).unwrap();

    assert_eq!(vectors.by_id(0).unwrap(), case.floats("vector.<pad>"));
    assert_eq!((vectors.get("<pad>"), vectors.by_id(6)), (None, None));
    assert_eq!(vectors.iter().len(), 5);
    for (word, vector) in vectors.iter() {
        assert_eq!(vector, case.floats(&format!("vector.{word}")));
        assert_eq!(vectors.get(word), Some(vector));
    }
    let expected = case.floats("cosine_similarity");
    let found = vectors.similarities(&words[1..]).unwrap();
    for (i, row) in found.iter().enumerate() {
        case.assert_close("forward", "similarity", row, &expected[(i + 1) * 6 + 1..(i + 2) * 6]);
    }
    // The neighbours are those of the table of Keras.
    for (i, word) in words.iter().enumerate().skip(1) {
        let nearest = vectors.nearest(word, 4).unwrap();
        assert_eq!(nearest.len(), 4);
        assert!(nearest.windows(2).all(|pair| pair[0].1 >= pair[1].1));
        for (other, similarity) in nearest {
            let j = words.iter().position(|word| *word == other).unwrap();
            assert_ne!(i, j);
            case.assert_close("forward", other, &[similarity], &[expected[i * 6 + j]]);
        }
    }
}

/// The blocked product finds what looking at every word by itself finds.
#[test]
fn neighbours_are_those_of_a_plain_search() {
    let vectors = made_up::<1500, 37>(3);
    let queries: Vec<String> = (1..300).map(|i| format!("w{}", i * 5)).collect();
    let queries: Vec<&str> = queries.iter().map(String::as_str).collect();
    let many = vectors.nearest_of_all(&queries, 7).unwrap();
    for (query, found) in queries.iter().zip(&many).step_by(23) {
        let similar = |word: &str| (word.to_owned(), vectors.similarity(query, word).unwrap());
        let mut all: Vec<(String, f32)> =
            vectors.iter().map(|(word, _)| similar(word)).filter(|(w, _)| w != query).collect();
        all.sort_by(|a, b| b.1.total_cmp(&a.1));
        let one = vectors.nearest(query, 7).unwrap();
        assert_eq!(one.len(), 7);
        for (((a, x), (b, y)), (c, z)) in one.iter().zip(found).zip(&all) {
            assert!(a == b && a == c, "{query}: {a} {b} {c}");
            assert!((x - z).abs() < 1e-5 && (y - z).abs() < 1e-5, "{query}: {x} {y} {z}");
        }
    }
    let vector = vectors.get("w9").unwrap();
    assert_eq!(vectors.nearest_to(vector, 1).unwrap()[0].0, "w9");
}

#[test]
fn padding_and_the_unknown_token_are_no_neighbours() {
    let vocabulary = Vocabulary::words().unknown("[UNK]").list(["a", "b"]).unwrap();
    let mut embedding: Embedding<4, 2> = vocabulary.embedding(&Cpu::default()).unwrap();
    embedding.embeddings.copy_from(&[1.0, 0.0, 1.0, 0.0, 1.0, 0.1, 0.0, 1.0]);
    let vectors = WordVectors::new(&embedding, &vocabulary).unwrap();
    let words: Vec<&str> = vectors.nearest("a", 9).unwrap().iter().map(|(word, _)| *word).collect();
    assert_eq!(words, ["b"]);
    let words: Vec<&str> =
        vectors.nearest_to(&[1.0, 0.0], 9).unwrap().iter().map(|(word, _)| *word).collect();
    assert_eq!(words, ["a", "b"]);
    assert!(vectors.get("[UNK]").is_some());
    assert_eq!(vectors.nearest("a", 0).unwrap(), []);
    assert_eq!(vectors.nearest_of_all(&[], 3).unwrap(), Vec::<Vec<_>>::new());
    says(vectors.nearest("c", 1), "`c` is not among the 2 words of the vocabulary");
    says(vectors.similarity("a", "c"), "`c` is not among the 2 words of the vocabulary");
    says(vectors.analogy("a", "b", "c", 1), "`c` is not among the 2 words of the vocabulary");
    says(vectors.nearest_to(&[1.0], 1), "the width of a vector: expected 2, found 1");
    says(vectors.nearest_to(&[1.0, f32::NAN], 1), "the number 1 is NaN, which is not finite");
}

#[test]
fn odd_tables() {
    let dev = Cpu::default();
    let vectors = |table: [[f32; 2]; 4]| {
        let vocabulary = Vocabulary::words().list(["a", "b", "c"]).unwrap();
        WordVectors::new(&Embedding::<4, 2>::from_embeddings(dev.tensor(table)), &vocabulary)
    };
    // Zeros are like nothing; what is equally near comes in the order of the ids.
    let zeros = vectors([[1.0, 1.0], [0.0, 0.0], [2.0, 0.0], [0.0, 3.0]]).unwrap();
    assert_eq!(zeros.similarity("a", "b").unwrap(), 0.0);
    assert_eq!(zeros.nearest("a", 2).unwrap(), [("b", 0.0), ("c", 0.0)]);
    assert_eq!(zeros.nearest("b", 2).unwrap(), [("a", 0.0), ("c", 0.0)]);
    assert_eq!(zeros.nearest_to(&[0.0, 0.0], 1).unwrap(), [("a", 0.0)]);
    // Very long and very short vectors are compared by their direction.
    let tiny = vectors([[0.0, 0.0], [1e-38, 1e-38], [1e38, 1e38], [-1e-30, -1e-30]]).unwrap();
    assert!((tiny.similarity("a", "b").unwrap() - 1.0).abs() < 1e-6);
    assert!((tiny.nearest("c", 2).unwrap()[1].1 + 1.0).abs() < 1e-6);
    let text = "the length of the vector with the id 2 is NaN, which is not finite";
    says(vectors([[0.0, 0.0], [1.0, 1.0], [f32::NAN, 0.0], [1.0, 1.0]]), text);
    assert!(vectors([[0.0, 0.0], [f32::MAX, f32::MAX], [1.0, 0.0], [1.0, 1.0]]).is_err());
    // A table without numbers, and one that lies otherwise in memory.
    let none = Embedding::<2, 0>::from_embeddings(dev.tensor_from_vec(vec![], (Const, Const)));
    let one = Vocabulary::words().list(["a"]).unwrap();
    let none = WordVectors::new(&none, &one).unwrap();
    assert_eq!((none.get("a"), none.nearest("a", 1).unwrap()), (Some([].as_slice()), vec![]));
    use dfdx::tensor_ops::PermuteTo;
    let turned = dev.tensor([[1.0_f32, 2.0], [3.0, 4.0]]).permute::<_, dfdx::shapes::Axes2<1, 0>>();
    let turned = WordVectors::new(&Embedding::<2, 2>::from_embeddings(turned), &one).unwrap();
    assert_eq!(turned.get("a"), Some([2.0, 4.0].as_slice()));
    let wide = Embedding::<2, 2, MaskZero, f64>::build(&Cpu::seed_from_u64(1)).unwrap();
    let narrow = WordVectors::new(&wide, &one).unwrap();
    assert_eq!(narrow.get("a").unwrap()[0], wide.embeddings[[1, 0]] as f32);
}

#[test]
fn projections_keep_what_differs() {
    let vectors = made_up::<40, 8>(5);
    let words: Vec<&str> = vectors.iter().map(|(word, _)| word).collect();
    // More words than numbers, and fewer.
    for words in [&words[..], &words[..5]] {
        let map = vectors.project(words).unwrap();
        assert_eq!(map.points.len(), words.len());
        let [first, second] = map.explained;
        assert!(first >= second && second > 0.0 && first + second <= 1.0 + 1e-12);
        let rows: Vec<&[f32]> = words.iter().map(|word| vectors.get(word).unwrap()).collect();
        let mean = |column: usize| {
            rows.iter().map(|row| f64::from(row[column])).sum::<f64>() / rows.len() as f64
        };
        let total: f64 = (0..8)
            .map(|c| rows.iter().map(|row| (f64::from(row[c]) - mean(c)).powi(2)).sum::<f64>())
            .sum();
        for axis in 0..2 {
            let sum: f64 = map.points.iter().map(|point| point[axis]).sum();
            let square: f64 = map.points.iter().map(|point| point[axis].powi(2)).sum();
            assert!(sum.abs() < 1e-9);
            assert!((square / total - map.explained[axis]).abs() < 1e-9);
        }
        let across: f64 = map.points.iter().map(|[x, y]| x * y).sum();
        assert!(across.abs() < 1e-9);
    }
    assert_eq!(vectors.project(&["w1"]).unwrap().points, [[0.0; 2]]);
    assert_eq!(vectors.project(&["w1", "w1"]).unwrap().explained, [0.0; 2]);
    says(vectors.project(&[]), "the list of words is empty");
    says(vectors.project(&["x"]), "`x` is not among the 39 words of the vocabulary");
}
