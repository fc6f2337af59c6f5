//~ `ui-tests/files/hdf5.json` makes no model: this is an HDF5 file (`.h5`), not a config in JSON
use kerata::model;

#[model(keras = "ui-tests/files/hdf5.json")]
struct Ner;

fn main() {}
