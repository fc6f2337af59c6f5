//! Parameters that a layer has or has not, and how many numbers it holds.

/// A parameter that a layer has or has not, as an option says.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub struct Optional {
    /// The name of the option.
    pub option: &'static str,
    /// What the option is if nothing is said of it.
    pub by_itself: bool,
    /// How many numbers the parameter holds.
    pub params: usize,
    /// Whether an optimiser changes it.
    pub trainable: bool,
}

/// How many numbers a layer holds with some options set, of so many by itself.
#[doc(hidden)]
pub const fn counted(
    mut params: usize,
    (optional, copies): (&[Optional], usize),
    trainable: bool,
    set: &[(&str, bool)],
) -> usize {
    let mut i = 0;
    while i < optional.len() {
        let of = optional[i];
        let mut j = 0;
        while j < set.len() {
            let (name, value) = set[j];
            if (of.trainable || !trainable)
                && value != of.by_itself
                && equal(name.as_bytes(), of.option.as_bytes())
            {
                let held = copies * of.params;
                params = if value { params + held } else { params - held };
            }
            j += 1;
        }
        i += 1;
    }
    params
}

/// `==` of slices, which a constant cannot call.
const fn equal(a: &[u8], b: &[u8]) -> bool {
    let mut i = 0;
    while i < a.len() && i < b.len() && a[i] == b[i] {
        i += 1;
    }
    i == a.len() && i == b.len()
}
