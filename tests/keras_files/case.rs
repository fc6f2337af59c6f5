//! Cases: a folder with `case.json`, `tensors.safetensors` and model files.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use kerata::{
    Error,
    config::{DynamicLayer, DynamicValue},
    io::WeightFile,
};
use serde_json::Value;

/// The largest difference between two lists of numbers: NaN if there is one.
pub(crate) fn largest_difference(found: &[f32], expected: &[f32]) -> f32 {
    let each = found.iter().zip(expected).map(|(a, b)| (a - b).abs());
    each.max_by(f32::total_cmp).unwrap_or(0.0)
}

/// Says on standard error what was not looked at, past the capture of the test harness.
pub(crate) fn skipped(what: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {what}");
}

/// The folders of all cases: those of this repository, and those that are not shipped, if they are here.
pub(crate) fn folders() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let set = std::env::var_os("KERATA_CLIENTS").map(PathBuf::from);
    let all = set.unwrap_or_else(|| root.join("../shared/clients"));
    if !all.is_dir() {
        skipped("most of the models of Keras are not here; set KERATA_CLIENTS");
    }
    [root.join("tests/cases/keras-files"), all].into_iter().filter(|all| all.is_dir()).collect()
}

pub(crate) struct Case {
    pub(crate) folder: PathBuf,
    pub(crate) json: Value,
}

impl Case {
    /// The case of a name, of this repository if it is there.
    pub(crate) fn of(name: &str) -> Self {
        let mut places = folders().into_iter().map(|all| all.join(name));
        Self::open(&places.find(|folder| folder.is_dir()).unwrap())
    }

    pub(crate) fn open(folder: &Path) -> Self {
        let text = fs::read_to_string(folder.join("case.json")).unwrap();
        Self { folder: folder.to_owned(), json: serde_json::from_str(&text).unwrap() }
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.folder.join(file)
    }

    pub(crate) fn names(&self, key: &str) -> Vec<String> {
        let list = self.json[key].as_array().unwrap();
        list.iter().map(|name| name.as_str().unwrap().to_owned()).collect()
    }

    pub(crate) fn tensor(&self, name: &str) -> (Vec<usize>, Vec<f32>) {
        let mut file = WeightFile::open(self.path("tensors.safetensors")).unwrap();
        let found = file.arrays().iter().find(|array| array.name == name);
        let sizes = found.unwrap_or_else(|| panic!("there is no tensor {name}")).sizes.clone();
        (sizes, file.read(name).unwrap())
    }

    /// The inputs, as numbers or as ids.
    pub(crate) fn input(&self, name: &str) -> DynamicValue {
        let (sizes, values) = self.tensor(name);
        let ids = self.json["tensors"][name]["dtype"] == "i32";
        match ids {
            true => DynamicValue::ids(sizes, values.into_iter().map(|v| v as usize).collect()),
            false => DynamicValue::numbers(sizes, values),
        }
        .unwrap()
    }

    /// A tensor as NumPy takes it: its type, and lists of lists.
    pub(crate) fn nested(&self, name: &str) -> Value {
        fn lists(sizes: &[usize], values: &[f32]) -> Value {
            let [_, inner @ ..] = sizes else { return values[0].into() };
            let step = inner.iter().product::<usize>().max(1);
            values.chunks(step).map(|values| lists(inner, values)).collect()
        }
        let (sizes, values) = self.tensor(name);
        let ids = self.json["tensors"][name]["dtype"] == "i32";
        serde_json::json!([if ids { "int32" } else { "float32" }, lists(&sizes, &values)])
    }

    /// Runs a model, and says by how much of the tolerance it is off at most.
    pub(crate) fn off(&self, model: &mut DynamicLayer) -> Result<f64, Error> {
        let mut inputs: Vec<_> = self.names("inputs").iter().map(|name| self.input(name)).collect();
        let x = match inputs.len() {
            1 => inputs.remove(0),
            _ => DynamicValue::several(inputs),
        };
        let (y, outputs) = (model.run(x)?, self.names("outputs"));
        assert_eq!(y.parts().len(), outputs.len(), "outputs");
        let each = y.parts().iter().zip(&outputs);
        Ok(each
            .map(|(y, name)| self.compare(name, y.sizes(), y.values()))
            .max_by(f64::total_cmp)
            .unwrap_or(0.0))
    }

    pub(crate) fn compare(&self, output: &str, sizes: &[usize], values: &[f32]) -> f64 {
        let (expected_sizes, expected) = self.tensor(output);
        assert_eq!(sizes, expected_sizes, "{output}");
        let tolerance = &self.json["tolerance"]["forward"];
        let (atol, rtol) =
            (tolerance["atol"].as_f64().unwrap(), tolerance["rtol"].as_f64().unwrap());
        let off = |(&a, &b): (&f32, &f32)| {
            let (a, b) = (f64::from(a), f64::from(b));
            // A number on one side only is off as well, and a maximum would not see NaN.
            match (a == b || a.is_nan() && b.is_nan(), a.is_nan() || b.is_nan()) {
                (true, _) => 0.0,
                (false, true) => f64::INFINITY,
                (false, false) => (a - b).abs() / (atol + rtol * b.abs()),
            }
        };
        assert_eq!(values.len(), expected.len(), "{output}");
        values.iter().zip(&expected).map(off).max_by(f64::total_cmp).unwrap_or(0.0)
    }
}
