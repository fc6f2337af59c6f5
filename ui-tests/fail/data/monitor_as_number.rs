//~ `{integer}` names no column of the history: write `"val_loss"`
use kerata::callbacks::EarlyStopping;

fn main() {
    let _ = EarlyStopping::new(3);
}
