/// The column of the loss.
pub(super) const LOSS: &str = "loss";

/// The column of a value that was measured on the validation data.
pub(super) fn of_validation(name: &str) -> String {
    format!("val_{name}")
}

/// The names of metrics in a history, as Keras gives them: a second metric of one name is `name_1`, and one that
/// honours the sample weights is `weighted_name` beside one of the same name that does not.
///
/// Keras loses a metric called `loss`; here it is `loss_1`. No name is given that is that of another column, be it
/// of the training or of the validation data.
///
/// `metrics` are the names that the metrics have by themselves, and whether each honours the weights.
pub(super) fn columns(metrics: &[(String, bool)]) -> Vec<String> {
    let mut taken = vec![LOSS.to_owned(), of_validation(LOSS)];
    let mut columns = vec![String::new(); metrics.len()];
    // Those without weights come first, in whatever order they were added.
    for weighted in [false, true] {
        let of_kind = metrics.iter().zip(&mut columns).filter(|((_, kind), _)| *kind == weighted);
        for ((name, _), column) in of_kind {
            *column = free(name, weighted, &taken);
            taken.extend([column.clone(), of_validation(column)]);
        }
    }
    columns
}

/// The first name that is not taken.
fn free(name: &str, weighted: bool, taken: &[String]) -> String {
    let is_free = |name: &String| !taken.contains(name) && !taken.contains(&of_validation(name));
    let base = if weighted { format!("weighted_{name}") } else { name.to_owned() };
    std::iter::once(name.to_owned())
        .chain(std::iter::once(base.clone()))
        .chain((1..).map(|number| format!("{base}_{number}")))
        .find(is_free)
        .unwrap_or(base)
}

#[cfg(test)]
mod tests {
    use super::columns;

    fn named(metrics: &[(&str, bool)]) -> Vec<String> {
        columns(&metrics.iter().map(|&(name, w)| (name.to_owned(), w)).collect::<Vec<_>>())
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
