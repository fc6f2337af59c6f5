//! What a model of branches without a type tells of its layers.

use crate::{case::Case, graphs::model};

/// The table of a model of branches, with a model inside.
#[test]
fn a_summary_names_what_reaches_each_layer() {
    let summary = model(&Case::graph("nested")).summary();
    let rows: Vec<(&str, &str, String, usize)> = summary
        .rows
        .iter()
        .map(|row| (row.name.as_str(), row.role, row.from.join(", "), row.params))
        .collect();
    let row = |name: &str| rows.iter().find(|row| row.0 == name).unwrap().clone();
    assert_eq!(row("inner"), ("inner", "input", "input `x`, again".to_owned(), 15 + 10));
    assert_eq!(row("chain"), ("chain", "hidden", "inner".to_owned(), 9 + 6));
    assert_eq!(row("head").1, "output");
    assert_eq!(summary.params(), model(&Case::graph("nested")).params());
    assert!(summary.to_string().contains("TimeDistributed"), "{summary}");
    let masked = model(&Case::graph("dropped")).summary();
    let masks: Vec<(&str, &str)> =
        masked.rows.iter().map(|row| (row.name.as_str(), row.mask)).collect();
    assert_eq!(
        masks,
        [
            ("embed", "made"),
            ("not_equal", ""),
            ("conv", "dropped"),
            ("lstm", "passed"),
            ("most", ""),
            ("flat", "dropped"),
            ("mean", "consumed"),
            ("all", ""),
            ("head", "")
        ]
    );
}

/// Layers are found by their names, inside of models too.
#[test]
fn layers_are_found_by_their_names() {
    let mut model = model(&Case::graph("nested"));
    assert_eq!(model.find("inner/wide").unwrap().class(), "Dense");
    assert_eq!(model.find("td/steps/each").unwrap().weights().count(), 2);
    assert!(model.find("inner/other").is_none() && model.find("inn").is_none());
    let wide = model.find_mut("inner/wide").unwrap();
    let text = wide.set_weights([vec![0.0; 3]]).unwrap_err().to_string();
    assert_eq!(text, "the weights of a layer: expected 2, found 1");
    let text = wide.set_weights([vec![0.0; 12], vec![0.0; 4]]).unwrap_err().to_string();
    assert_eq!(text, "the values of a weight: expected [3], found 4");
    wide.set_weights([vec![1.0; 12], vec![2.0; 3]]).unwrap();
    assert_eq!(model.find("inner/wide").unwrap().weights().last().unwrap().values, [2.0; 3]);
}
