//~ `?` couldn't convert the error to `kerata::Error`
use kerata::Error;

fn main() -> Result<(), Error> {
    println!("{}", std::fs::read_to_string("iris.csv")?);
    Ok(())
}
