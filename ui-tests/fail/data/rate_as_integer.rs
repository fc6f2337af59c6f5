//~ `{integer}` is no learning rate
//~ a learning rate is a number, `0.001`, or a schedule
use kerata::optim::Sgd;

fn main() {
    let sgd = Sgd { momentum: 0.9, ..Sgd::new(1) };
    println!("{sgd:?}");
}
