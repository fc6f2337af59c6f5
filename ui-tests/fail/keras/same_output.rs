//~ `ui-tests/files/same_output.json` makes no struct: its outputs `a`, `a` are not two to six different layers
use kerata::model;

#[model(keras = "ui-tests/files/same_output.json")]
struct Two;

fn main() {}
