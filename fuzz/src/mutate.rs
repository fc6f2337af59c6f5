//! Makes hostile files of good ones.

/// A small generator of random numbers: SplitMix64.
pub struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`, which is not 0.
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }
}

/// Integers at the edges of their types, and sizes that no file keeps.
const INTEGERS: [u64; 12] = [
    0,
    1,
    2,
    0x7f,
    0xff,
    0xffff,
    0x7fff_ffff,
    0xffff_ffff,
    1 << 40,
    1 << 62,
    i64::MAX as u64,
    u64::MAX,
];

/// The same in text, and what is not quite a number.
const WORDS: [&str; 24] = [
    "0",
    "-1",
    "1",
    "2",
    "3",
    "255",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "18446744073709551616",
    "1e308",
    "1e400",
    "1.5",
    "-0.0",
    "NaN",
    "null",
    "true",
    "\"a\"",
    "[]",
    "{}",
    "\u{feff}",
    " ",
    "\n",
    "é",
];

/// The longest file that is made.
const LONGEST: usize = 1 << 16;

/// A file that differs from one of the seeds in a few places.
pub fn mutated(seeds: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut data = seeds[random.below(seeds.len())].clone();
    for _ in 0..1 + random.below(6) {
        change(&mut data, seeds, random);
        data.truncate(LONGEST);
    }
    if random.below(2) == 0 {
        mend_length(&mut data);
    }
    data
}

fn change(data: &mut Vec<u8>, seeds: &[Vec<u8>], random: &mut Random) {
    let at = random.below(data.len() + 1);
    match random.below(10) {
        0 => data.truncate(at),
        1 => data.insert(at, random.next() as u8),
        2 => {
            let from = seeds[random.below(seeds.len())].as_slice();
            let begin = random.below(from.len() + 1);
            let end = begin + random.below(from.len() - begin + 1);
            data.splice(at..at, from[begin..end].iter().copied());
        }
        3 => {
            let end = at + random.below((data.len() - at).min(32) + 1);
            data.drain(at..end);
        }
        4 => {
            let end = at + random.below(data.len() - at + 1);
            let copy = data[at..end].to_vec();
            data.splice(at..at, copy);
        }
        5 | 6 => replace_number(data, at, random.pick(&WORDS)),
        7 => {
            let word = random.pick(&WORDS);
            data.splice(at..at, word.bytes());
        }
        8 => {
            let bytes = random.pick(&INTEGERS).to_le_bytes();
            let width = 1 << random.below(4);
            let places = data.iter_mut().skip(at).take(width);
            places.zip(bytes).for_each(|(place, byte)| *place = byte);
        }
        _ => {
            if let Some(byte) = data.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
    }
}

/// Puts a word in place of the first number behind `at`.
fn replace_number(data: &mut Vec<u8>, at: usize, word: &str) {
    let Some(begin) = data[at..].iter().position(u8::is_ascii_digit) else { return };
    let begin = at + begin;
    let digits = data[begin..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    data.splice(begin..begin + digits, word.bytes());
}

/// Writes the length of the header of a safetensors file where it belongs, so that what was changed in the
/// header is read.
fn mend_length(data: &mut [u8]) {
    let Some((length, header)) = data.split_first_chunk_mut::<8>() else { return };
    if header.first() == Some(&b'{')
        && let Some(end) = header.windows(2).position(|two| two == b"}}")
    {
        *length = (end as u64 + 2).to_le_bytes();
    }
}
