use super::{Picture, curves::learning_curves};
use crate::{error::Error, train::History};

/// Panels stand side by side, up to so many.
const COLUMNS: usize = 2;
/// More panels than these cannot be looked at any more.
const PANELS: usize = 40;

/// The learning curves of a training: a panel for the loss and for each metric, with the curve of the validation data beside that of the
/// training data. Columns without any finite value are left out.
///
/// # Errors
/// [`Error::Empty`] for a history without finite values, [`Error::Invalid`] for one of more than 40 panels.
///
/// ```
/// use kerata::{plot, train::History};
///
/// let mut history = History::default();
/// history.push([("loss".into(), 0.7), ("val_loss".into(), 0.9)]);
/// history.push([("loss".into(), 0.5), ("val_loss".into(), 0.8)]);
/// assert!(plot::history(&history)?.svg()?.contains("validation"));
/// # Ok::<(), kerata::Error>(())
/// ```
pub fn history(history: &History) -> Result<Picture, Error> {
    let measured = |name: &str| {
        let values = history.get(name)?;
        values.iter().any(|value| value.is_finite()).then_some(values)
    };
    let mut titles: Vec<&str> = Vec::new();
    for name in history.names() {
        let title = name.strip_prefix("val_").unwrap_or(name);
        if !titles.contains(&title) && measured(name).is_some() {
            titles.push(title);
        }
    }
    if titles.is_empty() {
        return Err(Error::Empty("the list of values to draw"));
    }
    if titles.len() > PANELS {
        let expected = "a picture shows at most 40";
        return Err(Error::invalid("the number of panels", titles.len(), expected));
    }
    let mut panels = Vec::new();
    for title in titles {
        let validation = format!("val_{title}");
        let curves = [("training", measured(title)), ("validation", measured(&validation))];
        let curves: Vec<(&str, &[f64])> =
            curves.into_iter().filter_map(|(name, values)| Some((name, values?))).collect();
        panels.push(learning_curves(title, "epoch", &curves)?);
    }
    let size = |panel: &Picture| (f64::from(panel.size().0), f64::from(panel.size().1));
    let wide = panels.iter().map(|panel| size(panel).0).fold(0.0, f64::max);
    let high = panels.iter().map(|panel| size(panel).1).fold(0.0, f64::max);
    let columns = panels.len().min(COLUMNS);
    let rows = panels.len().div_ceil(columns);
    let mut picture = Picture::new(wide * columns as f64, high * rows as f64);
    for (i, panel) in panels.into_iter().enumerate() {
        picture.add_at(((i % columns) as f64 * wide, (i / columns) as f64 * high), panel);
    }
    Ok(picture)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_metric_has_a_panel() {
        let mut measured = History::default();
        for epoch in 1..=3 {
            let value = 1.0 / f64::from(epoch);
            let names = ["loss", "accuracy", "val_loss", "val_recall", "broken"];
            let value = |name: &str| if name == "broken" { f64::NAN } else { value };
            measured.push(names.map(|name| (name.to_owned(), value(name))));
        }
        let picture = history(&measured).unwrap();
        picture.assert_texts_apart();
        let svg = picture.svg().unwrap();
        for (text, times) in
            [("loss", 1), ("recall", 1), ("training", 2), ("validation", 2), ("broken", 0)]
        {
            assert_eq!(svg.lines().filter(|line| line.trim() == text).count(), times, "{text}");
        }
        assert!(matches!(history(&History::default()), Err(Error::Empty(_))));
    }
}
