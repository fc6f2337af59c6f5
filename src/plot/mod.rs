//! Pictures, as SVG and PNG: of a model, of its training, of its answers, and of words. The guide shows
//! [all of them](crate::guide::pictures).
//!
//! | picture | of what |
//! | --- | --- |
//! | [`model_graph`] | a model: its layers, with shapes and masks on the edges |
//! | [`history`], [`learning_curves`] | a training, epoch by epoch |
//! | [`weight_histograms`] | the values of the parameters |
//! | [`confusion_matrix`], [`calibration`] | predictions |
//! | [`masked_batch`] | a padded batch and its mask |
//! | [`word_map`], [`similarity_map`] | word vectors |
//!
//! This module is there with the feature `plot`: `kerata = { version = "0.1", features = ["plot"] }`. It needs nothing
//! of the system: the text in a PNG is drawn with a font that comes along (Ubuntu Light: Latin, Greek and Cyrillic
//! letters), and an SVG is drawn with the fonts of whoever looks at it. For other scripts in a PNG, [`use_font`] takes
//! another font; letters are set one by one there, from left to right, so that Hebrew and Arabic are for an SVG.
//!
//! ```
//! use kerata::{plot, words::WordVectors};
//!
//! let vectors = WordVectors::read("king 2 1\nqueen 2 -1\nman 0.5 1\nwoman 0.5 -1".as_bytes())?;
//! let words = ["king", "queen", "man", "woman"];
//! let map = plot::word_map(&vectors, &words, &[("man", "woman"), ("king", "queen")])?;
//! assert!(map.svg()?.contains("queen"));
//! let path = std::env::temp_dir().join("kerata-doc-map.png");
//! plot::similarity_map(&vectors, &words)?.save(&path)?;
//! # std::fs::remove_file(path).unwrap();
//! # Ok::<(), kerata::Error>(())
//! ```

mod axis;
mod calibration;
mod confusion;
mod curves;
mod history;
mod labels;
mod masked_batch;
mod model_graph;
mod picture;
mod similarity;
mod style;
mod text;
mod thinned;
mod weights;
mod word_map;

pub use calibration::calibration;
pub use confusion::confusion_matrix;
pub use curves::learning_curves;
pub use history::history;
pub use masked_batch::masked_batch;
pub use model_graph::model_graph;
pub use picture::Picture;
pub use similarity::similarity_map;
pub use text::use_font;
pub use weights::weight_histograms;
pub use word_map::word_map;
