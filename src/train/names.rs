/// The column of the loss.
pub(super) const LOSS: &str = "loss";

/// The column of a value that was measured on the validation data.
pub(super) fn of_validation(name: &str) -> String {
    format!("val_{name}")
}

/// A metric, of which a column is to be named.
pub(super) struct Measured {
    /// The name of the output that it is of, if there are several.
    pub(super) output: Option<String>,
    /// The name that it has by itself.
    pub(super) name: String,
    /// Whether it honours the weights.
    pub(super) weighted: bool,
}

/// The names in a history behind `loss`, as Keras gives them: the losses of several `outputs`, `size_loss`, then the
/// metrics. A second metric of one name is `name_1`, and one that honours the sample weights is `weighted_name` beside one
/// of the same name that does not; in front of the name is that of its output, if there are several.
///
/// Keras loses a metric called `loss`; here it is `loss_1`. No name is given that is that of another column, be it
/// of the training or of the validation data.
pub(super) fn columns(outputs: &[String], metrics: &[Measured]) -> Vec<String> {
    // Logs, and the names of files, have the number of the epoch under `epoch`.
    let mut taken = vec![LOSS.to_owned(), of_validation(LOSS), "epoch".to_owned()];
    let mut named = |name: &str, output: Option<&str>, weighted: bool| {
        let column = free(name, output, weighted, &taken);
        taken.extend([column.clone(), of_validation(&column)]);
        column
    };
    let mut columns: Vec<String> =
        outputs.iter().map(|output| named(LOSS, Some(output), false)).collect();
    columns.resize(outputs.len() + metrics.len(), String::new());
    // Those without weights come first, in whatever order they were added.
    for weighted in [false, true] {
        for (metric, column) in metrics.iter().zip(&mut columns[outputs.len()..]) {
            if metric.weighted == weighted {
                *column = named(&metric.name, metric.output.as_deref(), weighted);
            }
        }
    }
    columns
}

/// The first name that is not taken.
fn free(name: &str, output: Option<&str>, weighted: bool, taken: &[String]) -> String {
    let is_free = |name: &String| !taken.contains(name) && !taken.contains(&of_validation(name));
    let of_output = |name: &str| match output {
        Some(output) => format!("{output}_{name}"),
        None => name.to_owned(),
    };
    let base = of_output(&if weighted { format!("weighted_{name}") } else { name.to_owned() });
    std::iter::once(of_output(name))
        .chain(std::iter::once(base.clone()))
        .chain((1..).map(|number| format!("{base}_{number}")))
        .find(is_free)
        .unwrap_or(base)
}

#[cfg(test)]
mod tests {
    use super::{Measured, columns};

    fn measured(output: Option<&str>, name: &str, weighted: bool) -> Measured {
        Measured { output: output.map(str::to_owned), name: name.to_owned(), weighted }
    }

    fn named(metrics: &[(&str, bool)]) -> Vec<String> {
        let metrics = metrics.iter().map(|&(name, weighted)| measured(None, name, weighted));
        columns(&[], &metrics.collect::<Vec<_>>())
    }

    #[test]
    fn no_column_is_called_as_the_number_of_the_epoch() {
        assert_eq!(named(&[("epoch", false), ("epoch", true)]), ["epoch_1", "weighted_epoch"]);
    }

    /// What Keras 3.15.1 has in `history.history` for two outputs.
    #[test]
    fn names_of_several_outputs() {
        let outputs = ["size".to_owned(), "color".to_owned()];
        let metrics = [
            measured(Some("size"), "mse", false),
            measured(Some("color"), "mse", true),
            measured(Some("size"), "mse", true),
            measured(Some("size"), "mse", false),
        ];
        assert_eq!(
            columns(&outputs, &metrics),
            ["size_loss", "color_loss", "size_mse", "color_mse", "size_weighted_mse", "size_mse_1"]
        );
    }

    /// What Keras 3.15.1 has in `history.history`.
    #[test]
    fn names_are_those_of_keras() {
        assert_eq!(named(&[("mse", false)]), ["mse"]);
        assert_eq!(named(&[("mse", true)]), ["mse"]);
        assert_eq!(named(&[("mse", false), ("mse", true)]), ["mse", "weighted_mse"]);
        assert_eq!(named(&[("mse", true), ("mse", false)]), ["weighted_mse", "mse"]);
        assert_eq!(named(&[("a", false), ("a", false), ("a", false)]), ["a", "a_1", "a_2"]);
        assert_eq!(named(&[("a", true), ("a", true)]), ["a", "weighted_a"]);
        let weighted = [("a", false), ("a", true), ("a", true), ("a", true)];
        assert_eq!(named(&weighted), ["a", "weighted_a", "weighted_a_1", "weighted_a_2"]);
    }

    /// Where Keras loses a column.
    #[test]
    fn no_column_is_lost() {
        assert_eq!(named(&[("loss", false)]), ["loss_1"]);
        assert_eq!(named(&[("loss", true)]), ["weighted_loss"]);
        assert_eq!(named(&[("val_loss", false)]), ["val_loss_1"]);
        assert_eq!(named(&[("a", false), ("val_a", false)]), ["a", "val_a_1"]);
        assert_eq!(named(&[("val_a", false), ("a", false)]), ["val_a", "a_1"]);
        assert_eq!(named(&[("a_1", false), ("a", false), ("a", false)]), ["a_1", "a", "a_2"]);
        assert_eq!(
            named(&[("weighted_a", false), ("a", false), ("a", true)]),
            ["weighted_a", "a", "weighted_a_1"]
        );
    }
}
