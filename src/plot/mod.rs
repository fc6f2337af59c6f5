//! Pictures, as SVG and PNG: learning curves, confusion matrices, a map of words, and how similar words are.
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

mod confusion;
mod curves;
mod labels;
mod picture;
mod similarity;
mod text;
mod word_map;

pub use confusion::confusion_matrix;
pub use curves::learning_curves;
pub use picture::Picture;
pub use similarity::similarity_map;
pub use text::use_font;
pub use word_map::word_map;
