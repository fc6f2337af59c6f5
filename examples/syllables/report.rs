//! What was learned, as a table and as pictures.

use std::{fs, path::Path};

use kerata::{Error, plot, prelude::*};

use super::{
    PARTS,
    answer::{SURE, best},
    dictionary::{Entry, MOST},
    net::{Curve, Data, Syllables},
    rules,
};

/// The held-out words and what the net makes of them.
pub(crate) struct Report<'a> {
    entries: &'a [Entry],
    /// The most probable class of each word, and its probability.
    answers: Vec<(usize, f32)>,
}

impl<'a> Report<'a> {
    pub(crate) fn new(net: &Syllables, entries: &'a [Entry], data: &Data) -> Result<Self, Error> {
        let probabilities = net.predict(data.inputs(), 256)?.as_vec();
        Ok(Self { entries, answers: probabilities.chunks(MOST).map(best).collect() })
    }

    fn right(&self) -> impl Iterator<Item = bool> {
        let pairs = self.entries.iter().zip(&self.answers);
        pairs.map(|((_, count), (class, _))| *count == class + 1)
    }

    /// The share of words whose count is right.
    pub(crate) fn accuracy(&self) -> f64 {
        self.right().filter(|right| *right).count() as f64 / self.entries.len() as f64
    }

    fn accuracy_of_rule(&self, rule: fn(&str) -> usize) -> f64 {
        let right = self.entries.iter().filter(|(word, count)| rule(word) == *count);
        right.count() as f64 / self.entries.len() as f64
    }

    /// Prints the net beside the rules of thumb and the net without the mask, and how much its being sure is worth.
    pub(crate) fn print(&self, masked: &Curve, unmasked: &Curve) {
        // Both after the same words, as far as the other net was trained.
        let half = unmasked.held_out.len() - 1;
        println!("\naccuracy on the {} held-out words", self.entries.len());
        for (name, accuracy) in [
            ("groups of vowels", self.accuracy_of_rule(rules::vowel_groups)),
            ("  without a final e", self.accuracy_of_rule(rules::silent_e)),
            ("  with exceptions for -es, -ed, -le", self.accuracy_of_rule(rules::silent_endings)),
            ("net without MaskZero, half an epoch", unmasked.held_out[half]),
            ("net with MaskZero, half an epoch", masked.held_out[half]),
        ] {
            println!("{name:<36} {accuracy:.3}");
        }
        let epochs = masked.held_out.len() as f64 / PARTS as f64;
        println!("{:<36} {:.3}", format!("net with MaskZero, {epochs} epochs"), self.accuracy());
        let sure = self.answers.iter().zip(self.right()).filter(|((_, p), _)| *p >= SURE);
        let (all, right) =
            sure.fold((0, 0), |(all, right), (_, r)| (all + 1, right + usize::from(r)));
        println!(
            "sure ({:.0} % or more) of {:.1} % of the words, and right on {:.1} % of those",
            SURE * 100.0,
            100.0 * f64::from(all) / self.entries.len() as f64,
            100.0 * right as f64 / f64::from(all),
        );
    }

    /// Draws the learning curve and the confusion matrix.
    pub(crate) fn draw(
        &self,
        folder: &Path,
        masked: &Curve,
        unmasked: &Curve,
    ) -> Result<(), Box<dyn std::error::Error>> {
        let rule = self.accuracy_of_rule(rules::silent_endings);
        let rule = vec![rule; masked.held_out.len()];
        let curve = plot::learning_curves(
            "accuracy",
            "half an epoch",
            &[
                ("training", &masked.learned),
                ("held out", &masked.held_out),
                ("held out, without MaskZero", &unmasked.held_out),
                ("held out, best rule of thumb", &rule),
            ],
        )?;
        let mut counts = vec![vec![0; MOST]; MOST];
        for ((_, count), (class, _)) in self.entries.iter().zip(&self.answers) {
            counts[count - 1][*class] += 1;
        }
        let mut names: Vec<String> = (1..=MOST).map(|count| count.to_string()).collect();
        names[MOST - 1].push_str(" or more");
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let confusion = plot::confusion_matrix(&names, &counts)?;
        fs::create_dir_all(folder)?;
        for (name, picture) in [("learning_curve", curve), ("confusion_matrix", confusion)] {
            picture.save(folder.join(name).with_extension("svg"))?;
            picture.save(folder.join(name).with_extension("png"))?;
        }
        Ok(())
    }
}
