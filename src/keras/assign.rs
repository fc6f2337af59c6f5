//! The weights of a file to those of a model: compared as a whole, and only then read.

use std::collections::{HashMap, HashSet};

use kerata_format::hdf5::{Folder, Hdf5, Stored};

use super::{
    cudnn::{Transform, transforms},
    hdf5,
    lists::{self, Listed},
    open::{KerasFile, Layout},
    places::{Place, Visited},
};
use crate::{
    backend::{Backend, Element},
    error::{Difference, Error, shortened},
    io::shape,
    order::sort_places,
    parameters::{Parameter, Parameters, Visitor},
};

/// A layer of a model, and what a file has for it.
struct Pair {
    /// The layer, for messages.
    name: String,
    /// Its parameters among all of the model, in the order of the file.
    weights: Vec<usize>,
    found: Vec<(String, Option<Stored>)>,
}

/// Where the values of each parameter of a model are.
pub(super) struct Plan {
    sources: Vec<Option<Source>>,
    pub(super) differences: Vec<Difference>,
}

struct Source {
    path: String,
    stored: Stored,
    transform: Transform,
}

/// Which layer of the file is which layer of the model: what the model's visitor is told, and the name in the file.
/// `None` if the file does not say what its layers are.
pub(super) type Matches<'a> = Option<&'a [(Vec<String>, Vec<String>)]>;

impl Plan {
    /// Compares the weights of a file with those of a model.
    ///
    /// `there` are the layers as the file has them, `here` as the model has them; where the file does not say, both are
    /// the model's.
    pub(super) fn new(
        file: &KerasFile,
        there: &[Place],
        here: &[Place],
        visited: &[Visited],
        matches: Matches<'_>,
    ) -> Result<Self, String> {
        let weights = &file.weights;
        let mut plan =
            Self { sources: visited.iter().map(|_| None).collect(), differences: Vec::new() };
        match file.layout {
            Layout::Groups => {
                let (pairs, mut claimed) = by_groups(weights, there, here, matches)?;
                pairs.into_iter().for_each(|pair| plan.compare(pair, visited));
                claimed.extend(file.passed_over.iter().cloned());
                if let Some(layers) = weights.root.folder("layers") {
                    plan.left_over(weights, layers, "layers", &claimed)?;
                }
            }
            Layout::Lists(place) => {
                let listed = lists::layers(weights, place)?;
                let (pairs, rest) = by_lists(listed, here, visited, matches);
                pairs.into_iter().for_each(|pair| plan.compare(pair, visited));
                for Listed { name, arrays } in rest {
                    for (path, stored) in arrays {
                        plan.too_much(&name, &path, stored.as_ref());
                    }
                }
            }
        }
        Ok(plan)
    }

    fn compare(&mut self, pair: Pair, visited: &[Visited]) {
        let Pair { name, weights, found } = pair;
        let layer = shortened(&name);
        let wanted: Vec<&[usize]> = weights.iter().map(|&w| visited[w].sizes.as_slice()).collect();
        let sizes = |stored: &Option<Stored>| stored.as_ref().map(|stored| stored.sizes.clone());
        let sizes: Vec<Vec<usize>> =
            found.iter().map(|(_, stored)| sizes(stored).unwrap_or_default()).collect();
        let mut how = vec![Transform::None; weights.len()];
        let mut fits = vec![false; weights.len()];
        for i in 0..weights.len() {
            fits[i] = sizes.get(i).is_some_and(|sizes| sizes == wanted[i]);
            if let ([a, b, c], Some([x, y, z])) =
                (&wanted[i.saturating_sub(2)..=i], sizes.get(i.saturating_sub(2)..=i))
                && let Some(transforms) = transforms([a, b, c], [x, y, z])
            {
                how[i - 2..=i].copy_from_slice(&transforms);
                fits[i] = true;
            }
        }
        let mut found = found.into_iter();
        for (i, weight) in weights.into_iter().enumerate() {
            let parameter = &visited[weight];
            let place = format!("`{layer}`, {}", parameter.name);
            let expected = format!("the model has {}", shape(&parameter.sizes));
            let differ = |found| Difference { place, expected, found };
            match found.next() {
                Some((path, Some(stored))) if fits[i] => {
                    self.sources[weight] = Some(Source { path, stored, transform: how[i] });
                }
                Some((path, Some(stored))) => {
                    let (path, found) = (shortened(&path), shape(&stored.sizes));
                    self.differences.push(differ(format!("the file has {found} in {path}")));
                }
                Some((path, None)) => {
                    let path = shortened(&path);
                    self.differences.push(differ(format!("the file has nothing in {path}")));
                }
                None => self.differences.push(differ("the file has nothing".to_owned())),
            }
        }
        for (path, stored) in found {
            self.too_much(&name, &path, stored.as_ref());
        }
    }

    fn too_much(&mut self, layer: &str, path: &str, stored: Option<&Stored>) {
        let found = stored.map_or("nothing".to_owned(), |stored| shape(&stored.sizes));
        self.differences.push(Difference {
            place: format!("`{}`, {}", shortened(layer), shortened(path)),
            expected: "the model has nothing".to_owned(),
            found: format!("the file has {found}"),
        });
    }

    /// Datasets that no layer has claimed. The states of random numbers are no weights.
    fn left_over(
        &mut self,
        file: &Hdf5,
        folder: &Folder,
        path: &str,
        claimed: &HashSet<String>,
    ) -> Result<(), String> {
        for name in folder.arrays() {
            let array = format!("{path}/{name}");
            if !claimed.contains(&array) {
                self.too_much(path, &array, file.array(folder, name)?.as_ref());
            }
        }
        for (name, inner) in folder.folders().filter(|(name, _)| *name != "seed_generator") {
            let path = format!("{path}/{name}");
            if !claimed.contains(&path) {
                self.left_over(file, inner, &path, claimed)?;
            }
        }
        Ok(())
    }

    /// Reads all values into a model, or changes nothing.
    pub(super) fn load<M: Parameters<E, D>, E: Element, D: Backend<E>>(
        &self,
        file: &KerasFile,
        model: &mut M,
    ) -> Result<(), Error> {
        // Tensors are shared, and copied when they are written to.
        let mut loaded = model.clone();
        loaded.visit(&mut Load { plan: self, file, next: 0, is_new: false })?;
        *model = loaded;
        Ok(())
    }

    /// Reads all values into a model that nobody else has: after an error, a part of them may be there.
    pub(super) fn load_new<M: Parameters<E, D>, E: Element, D: Backend<E>>(
        &self,
        file: &KerasFile,
        model: &mut M,
    ) -> Result<(), Error> {
        model.visit(&mut Load { plan: self, file, next: 0, is_new: true })
    }
}

/// The layers of a `.weights.h5`, and the datasets that they have claimed.
fn by_groups(
    file: &Hdf5,
    there: &[Place],
    here: &[Place],
    matches: Matches<'_>,
) -> Result<(Vec<Pair>, HashSet<String>), String> {
    let by_name: HashMap<&[String], &Place> =
        there.iter().map(|place| (place.names.as_slice(), place)).collect();
    let matched: Option<HashMap<&[String], &[String]>> = matches.map(|matches| {
        matches.iter().rev().map(|(here, there)| (here.as_slice(), there.as_slice())).collect()
    });
    let (mut pairs, mut claimed) = (Vec::new(), HashSet::new());
    let mut of = |place: &Place| {
        let mut found = Vec::new();
        for group in &place.groups {
            let (part, group) = (group.part, &group.path);
            let Some(folder) = file.root.folder(group) else { continue };
            let mut names: Vec<&str> = folder.arrays().collect();
            names.sort_by_key(|name| name.parse::<usize>().unwrap_or(usize::MAX));
            for name in names {
                let path = format!("{group}/{name}");
                claimed.insert(path.clone());
                if part.repeats(name) {
                    continue;
                }
                found.push((path, file.array(folder, name)?));
            }
        }
        Ok::<_, String>(found)
    };
    for place in here {
        let other = match &matched {
            None => Some(place),
            Some(matched) => {
                matched.get(place.visited.as_slice()).and_then(|names| by_name.get(names).copied())
            }
        };
        // What has no counterpart is a difference of the configs.
        let Some(other) = other else { continue };
        let group = other.groups.first().map_or("", |group| group.path.as_str());
        let name = match place.weights.is_empty() {
            true => group.to_owned(),
            false => other.names.join("/"),
        };
        let mut found = of(other)?;
        if found.is_empty() {
            // So that the message names the place.
            found.extend(place.weights.first().map(|_| (format!("{group}/0"), None)));
        }
        pairs.push(Pair { name, weights: place.weights.clone(), found });
    }
    if matched.is_some() {
        // What only the file has is a difference of the configs, too.
        there.iter().try_for_each(|place| of(place).map(drop))?;
    }
    Ok((pairs, claimed))
}

/// The layers of a file that lists them: those of a model with those of the file, by their names, or as Keras does by
/// their order.
fn by_lists(
    listed: Vec<Listed>,
    here: &[Place],
    visited: &[Visited],
    matches: Matches<'_>,
) -> (Vec<Pair>, Vec<Listed>) {
    // The lists know the layers of the model itself; a model inside is one of them.
    let mut layers: Vec<(&str, &str, Vec<usize>)> = Vec::new();
    for place in here.iter().filter(|place| !place.weights.is_empty()) {
        let (name, visited) = (place.names[0].as_str(), place.visited[0].as_str());
        match layers.last_mut().filter(|(_, last, _)| *last == visited) {
            Some((.., weights)) => weights.extend(&place.weights),
            None => layers.push((name, visited, place.weights.clone())),
        }
    }
    for (.., weights) in &mut layers {
        // Those that are trained come first, of all layers inside.
        sort_places(weights, |a, b| visited[b].trainable.cmp(&visited[a].trainable));
    }
    let mut listed: Vec<Listed> =
        listed.into_iter().filter(|layer| !layer.arrays.is_empty()).collect();
    let of_name = |(name, step, _): &(&str, &str, Vec<usize>)| -> Option<String> {
        let Some(matches) = matches else { return Some((*name).to_owned()) };
        let found = matches.iter().find(|(here, _)| here.first().is_some_and(|h| h == step));
        found.and_then(|(_, there)| there.first().cloned())
    };
    let names: Vec<Option<String>> = layers.iter().map(of_name).collect();
    let known: HashSet<&str> = listed.iter().map(|layer| layer.name.as_str()).collect();
    let all_known = names.iter().flatten().all(|name| known.contains(name.as_str()));
    let by_order = matches.is_none() && !all_known && layers.len() == listed.len();
    let mut pairs = Vec::new();
    for ((name, _, weights), other) in layers.into_iter().zip(names) {
        let at = match (by_order, &other) {
            (true, _) => Some(0),
            (false, Some(other)) => listed.iter().position(|layer| layer.name == *other),
            (false, None) => continue,
        };
        let found = at.map(|at| listed.remove(at));
        let name = found.as_ref().map_or(name, |found| found.name.as_str()).to_owned();
        let found = found.map(|found| found.arrays).unwrap_or_default();
        pairs.push(Pair { name, weights, found });
    }
    (pairs, listed)
}

struct Load<'a> {
    plan: &'a Plan,
    file: &'a KerasFile,
    next: usize,
    /// Whether no optimiser knows the parameters yet.
    is_new: bool,
}

impl<E: Element, D: Backend<E>> Visitor<E, D> for Load<'_> {
    fn visit(&mut self, parameter: Parameter<'_, E, D>) -> Result<(), Error> {
        let source = self.plan.sources.get(self.next).and_then(Option::as_ref);
        self.next += 1;
        let source = source.ok_or(Error::Empty("what a file has for a parameter"))?;
        let values = hdf5::values::<E>(&self.file.weights, &source.stored).map_err(|e| {
            let path = shortened(&source.path);
            Error::File { path: self.file.path.clone(), message: format!("{path}: {e}") }
        })?;
        let values = source.transform.apply(values);
        match self.is_new {
            true => parameter.tensor.replace(values),
            false => parameter.tensor.assign(&values),
        }
    }
}
