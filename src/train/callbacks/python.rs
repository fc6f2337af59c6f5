//! Numbers as Python's `format` writes them.

/// How a number is written: what stands behind the colon in `{val_loss:+08.3f}`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct NumberFormat {
    fill: char,
    /// Where the fill stands, `<>^=`.
    align: char,
    /// What stands before a number that is not negative, `+- `.
    sign: char,
    width: usize,
    precision: Option<usize>,
    kind: Option<char>,
    /// Whether the number is an `int` of Python.
    whole: bool,
}

/// No name of a file is longer.
const LONGEST: usize = 200;

/// How many digits Python writes before it takes an exponent, where no precision is said.
const SHORTEST: i64 = 16;

impl NumberFormat {
    /// Of a number that is whole, or of any other. None for what Python does not know, and for grouping, `#`, `z` and the kinds that are
    /// not decimal.
    pub(super) fn parse(spec: &str, whole: bool) -> Option<Self> {
        let chars: Vec<char> = spec.chars().collect();
        let is_align = |at: usize| chars.get(at).is_some_and(|c| "<>^=".contains(*c));
        let (own, mut at) = match (is_align(1), is_align(0)) {
            (true, _) => (Some((Some(chars[0]), chars[1])), 2),
            (false, true) => (Some((None, chars[0])), 1),
            (false, false) => (None, 0),
        };
        let sign = chars.get(at).copied().filter(|c| "+- ".contains(*c));
        at += usize::from(sign.is_some());
        let zeros = chars.get(at) == Some(&'0');
        let number = |at: &mut usize| {
            let start = *at;
            while chars.get(*at).is_some_and(char::is_ascii_digit) {
                *at += 1;
            }
            let digits: String = chars[start..*at].iter().collect();
            if digits.is_empty() { Some(None) } else { Some(Some(digits.parse().ok()?)) }
        };
        let width: usize = number(&mut at)?.unwrap_or(0);
        let mut precision = None;
        if chars.get(at) == Some(&'.') {
            at += 1;
            precision = Some(number(&mut at)??);
        }
        let kind = chars.get(at).copied();
        let rest = chars.len() > at + 1;
        let known = match kind {
            None => !(whole && precision.is_some()),
            Some('d') => whole && precision.is_none(),
            Some(kind) => "eEfFgG%".contains(kind),
        };
        let fits = width <= LONGEST && precision.is_none_or(|precision| precision <= LONGEST);
        let (fill, align) = match (own, zeros) {
            (Some((fill, align)), zeros) => (fill.unwrap_or(if zeros { '0' } else { ' ' }), align),
            (None, true) => ('0', '='),
            (None, false) => (' ', '>'),
        };
        let sign = sign.unwrap_or('-');
        let format = Self { fill, align, sign, width, precision, kind, whole };
        (known && fits && !rest).then_some(format)
    }

    /// The number as a text.
    pub(super) fn write(&self, value: f64) -> String {
        let magnitude = self.magnitude(value.abs());
        let sign = match self.sign {
            _ if value.is_sign_negative() && !value.is_nan() => "-",
            '+' => "+",
            ' ' => " ",
            _ => "",
        };
        let length = sign.len() + magnitude.chars().count();
        let fill = |count: usize| self.fill.to_string().repeat(count);
        let missing = self.width.saturating_sub(length);
        match self.align {
            '<' => format!("{sign}{magnitude}{}", fill(missing)),
            '^' => format!("{}{sign}{magnitude}{}", fill(missing / 2), fill(missing - missing / 2)),
            '=' => format!("{sign}{}{magnitude}", fill(missing)),
            _ => format!("{}{sign}{magnitude}", fill(missing)),
        }
    }

    fn magnitude(&self, value: f64) -> String {
        let precision = self.precision.unwrap_or(6);
        let text = match self.kind {
            Some('d') => format!("{value:.0}"),
            None if self.whole => format!("{value:.0}"),
            _ if value.is_nan() => "nan".to_owned(),
            _ if value.is_infinite() && self.kind != Some('%') => "inf".to_owned(),
            Some('f' | 'F') => format!("{value:.precision$}"),
            Some('%') => format!("{:.precision$}", value * 100.0),
            Some('e' | 'E') => {
                let (digits, exponent) = scientific(&format!("{value:.precision$e}"));
                with_exponent(&digits, exponent)
            }
            Some(_) => general(value, precision, false),
            None => match self.precision {
                Some(precision) => general(value, precision, true),
                None => shortest(value),
            },
        };
        match self.kind {
            Some('%') => text + "%",
            Some('E' | 'F' | 'G') => text.to_ascii_uppercase(),
            _ => text,
        }
    }
}

/// The digits and the exponent of what Rust writes as `1.25e-3`.
fn scientific(text: &str) -> (String, i64) {
    let (digits, exponent) = text.split_once('e').unwrap_or((text, "0"));
    (digits.replace('.', ""), exponent.parse().unwrap_or(0))
}

fn with_exponent(digits: &str, exponent: i64) -> String {
    let (first, rest) = digits.split_at(digits.len().min(1));
    let point = if rest.is_empty() { "" } else { "." };
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{first}{point}{rest}e{sign}{:02}", exponent.unsigned_abs())
}

/// So many digits at most, `g`; as a `float`, which has a point, where no kind is said.
fn general(value: f64, precision: usize, as_float: bool) -> String {
    let precision = precision.max(1);
    let (digits, exponent) = scientific(&format!("{value:.*e}", precision - 1));
    let limit = precision as i64 - i64::from(as_float);
    placed(digits.trim_end_matches('0'), exponent, limit, as_float)
}

/// As few digits as tell the number from all others.
fn shortest(value: f64) -> String {
    let (digits, exponent) = scientific(&format!("{value:e}"));
    placed(digits.trim_end_matches('0'), exponent, SHORTEST, true)
}

/// Digits with a point between them, or with an exponent where there were too many.
fn placed(digits: &str, exponent: i64, limit: i64, as_float: bool) -> String {
    let digits = if digits.is_empty() { "0" } else { digits };
    if exponent < -4 || exponent >= limit {
        return with_exponent(digits, exponent);
    }
    if exponent < 0 {
        let zeros = "0".repeat(exponent.unsigned_abs() as usize - 1);
        return format!("0.{zeros}{digits}");
    }
    let before = exponent as usize + 1;
    if digits.len() > before {
        let (whole, fraction) = digits.split_at(before);
        return format!("{whole}.{fraction}");
    }
    format!("{digits:0<before$}{}", if as_float { ".0" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::NumberFormat;

    const VALUES: [f64; 15] = [
        0.5,
        3.0,
        123.456,
        1e-5,
        0.0001,
        f64::NAN,
        f64::NEG_INFINITY,
        1e16,
        123_456_789_012_345.0,
        -0.123_456,
        0.001_5,
        1e22,
        100.0,
        -0.0,
        99.99,
    ];

    /// `"|".join(format(value, spec) for value in VALUES)`, by Python 3.
    #[test]
    #[rustfmt::skip]
    fn numbers_are_written_as_in_python() {
        let cases = [
            ("", "0.5|3.0|123.456|1e-05|0.0001|nan|-inf|1e+16|123456789012345.0|-0.123456|0.0015|1e+22|100.0|-0.0|99.99"),
            (".3", "0.5|3.0|1.23e+02|1e-05|0.0001|nan|-inf|1e+16|1.23e+14|-0.123|0.0015|1e+22|1e+02|-0.0|1e+02"),
            (".2", "0.5|3.0|1.2e+02|1e-05|0.0001|nan|-inf|1e+16|1.2e+14|-0.12|0.0015|1e+22|1e+02|-0.0|1e+02"),
            (".0", "0.5|3e+00|1e+02|1e-05|0.0001|nan|-inf|1e+16|1e+14|-0.1|0.002|1e+22|1e+02|-0e+00|1e+02"),
            (".3g", "0.5|3|123|1e-05|0.0001|nan|-inf|1e+16|1.23e+14|-0.123|0.0015|1e+22|100|-0|100"),
            ("g", "0.5|3|123.456|1e-05|0.0001|nan|-inf|1e+16|1.23457e+14|-0.123456|0.0015|1e+22|100|-0|99.99"),
            ("G", "0.5|3|123.456|1E-05|0.0001|NAN|-INF|1E+16|1.23457E+14|-0.123456|0.0015|1E+22|100|-0|99.99"),
            (".2F", "0.50|3.00|123.46|0.00|0.00|NAN|-INF|10000000000000000.00|123456789012345.00|-0.12|0.00|10000000000000000000000.00|100.00|-0.00|99.99"),
            ("e", "5.000000e-01|3.000000e+00|1.234560e+02|1.000000e-05|1.000000e-04|nan|-inf|1.000000e+16|1.234568e+14|-1.234560e-01|1.500000e-03|1.000000e+22|1.000000e+02|-0.000000e+00|9.999000e+01"),
            (".1E", "5.0E-01|3.0E+00|1.2E+02|1.0E-05|1.0E-04|NAN|-INF|1.0E+16|1.2E+14|-1.2E-01|1.5E-03|1.0E+22|1.0E+02|-0.0E+00|1.0E+02"),
            ("+", "+0.5|+3.0|+123.456|+1e-05|+0.0001|+nan|-inf|+1e+16|+123456789012345.0|-0.123456|+0.0015|+1e+22|+100.0|-0.0|+99.99"),
            ("+.2f", "+0.50|+3.00|+123.46|+0.00|+0.00|+nan|-inf|+10000000000000000.00|+123456789012345.00|-0.12|+0.00|+10000000000000000000000.00|+100.00|-0.00|+99.99"),
            (" .1f", " 0.5| 3.0| 123.5| 0.0| 0.0| nan|-inf| 10000000000000000.0| 123456789012345.0|-0.1| 0.0| 10000000000000000000000.0| 100.0|-0.0| 100.0"),
            ("08.2f", "00000.50|00003.00|00123.46|00000.00|00000.00|00000nan|-0000inf|10000000000000000.00|123456789012345.00|-0000.12|00000.00|10000000000000000000000.00|00100.00|-0000.00|00099.99"),
            ("<9.1f", "0.5      |3.0      |123.5    |0.0      |0.0      |nan      |-inf     |10000000000000000.0|123456789012345.0|-0.1     |0.0      |10000000000000000000000.0|100.0    |-0.0     |100.0    "),
            ("^9.1f", "   0.5   |   3.0   |  123.5  |   0.0   |   0.0   |   nan   |  -inf   |10000000000000000.0|123456789012345.0|  -0.1   |   0.0   |10000000000000000000000.0|  100.0  |  -0.0   |  100.0  "),
            ("*>9", "******0.5|******3.0|**123.456|****1e-05|***0.0001|******nan|*****-inf|****1e+16|123456789012345.0|-0.123456|***0.0015|****1e+22|****100.0|*****-0.0|****99.99"),
            ("=+8.1f", "+    0.5|+    3.0|+  123.5|+    0.0|+    0.0|+    nan|-    inf|+10000000000000000.0|+123456789012345.0|-    0.1|+    0.0|+10000000000000000000000.0|+  100.0|-    0.0|+  100.0"),
            (".1%", "50.0%|300.0%|12345.6%|0.0%|0.0%|nan%|-inf%|1000000000000000000.0%|12345678901234500.0%|-12.3%|0.1%|999999999999999983222784.0%|10000.0%|-0.0%|9999.0%"),
            ("012", "0000000000.5|0000000003.0|00000123.456|00000001e-05|0000000.0001|000000000nan|-00000000inf|00000001e+16|123456789012345.0|-0000.123456|0000000.0015|00000001e+22|0000000100.0|-000000000.0|000000099.99"),
            (".17g", "0.5|3|123.456|1.0000000000000001e-05|0.0001|nan|-inf|10000000000000000|123456789012345|-0.123456|0.0015|1e+22|100|-0|99.989999999999995"),
            ("-", "0.5|3.0|123.456|1e-05|0.0001|nan|-inf|1e+16|123456789012345.0|-0.123456|0.0015|1e+22|100.0|-0.0|99.99"),
        ];
        for (spec, expected) in cases {
            let format = NumberFormat::parse(spec, false).expect(spec);
            let written = VALUES.map(|value| format.write(value)).join("|");
            assert_eq!(written, expected, "{spec}");
        }
        let whole = [
            ("", "7"), ("d", "7"), ("03d", "007"), ("+d", "+7"), ("<3d", "7  "), ("^5d", "  7  "), (".2f", "7.00"),
            ("e", "7.000000e+00"), ("g", "7"), ("5", "    7"), ("_>4d", "___7"), (".0%", "700%"),
        ];
        for (spec, expected) in whole {
            assert_eq!(NumberFormat::parse(spec, true).expect(spec).write(7.0), expected, "{spec}");
        }
    }

    #[test]
    fn what_is_not_written() {
        for spec in
            ["x", "n", ",", "_d", "#.2f", "z.2f", "s", ".f", "5.", "999", ".999f", "dd", "<<<"]
        {
            assert_eq!(NumberFormat::parse(spec, true), None, "{spec}");
            assert_eq!(NumberFormat::parse(spec, false), None, "{spec}");
        }
        // Python writes no `float` as an `int`, and no `int` to so many places.
        assert_eq!(NumberFormat::parse("d", false), None);
        assert_eq!(NumberFormat::parse(".2", true), None);
        assert_eq!(NumberFormat::parse(".2d", true), None);
    }
}
