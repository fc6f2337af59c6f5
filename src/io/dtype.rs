//! The types that the values of an array can have in a file.

use crate::backend::Element;

/// A type that is read. Whatever fits into the element is converted exactly, all else to the nearest value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dtype {
    Bool,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    F16,
    Bf16,
    F32,
    F64,
}

/// A finite value that is infinite in the type that was asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct TooLarge {
    pub(crate) index: usize,
    pub(crate) value: f64,
}

const KNOWN: &str = "floats of 16, 32 and 64 bits, integers and booleans are";

impl Dtype {
    /// The type that safetensors calls so.
    pub(super) fn of_safetensors(name: &str) -> Result<Self, String> {
        Ok(match name {
            "BOOL" => Self::Bool,
            "I8" => Self::I8,
            "I16" => Self::I16,
            "I32" => Self::I32,
            "I64" => Self::I64,
            "U8" => Self::U8,
            "U16" => Self::U16,
            "U32" => Self::U32,
            "U64" => Self::U64,
            "F16" => Self::F16,
            "BF16" => Self::Bf16,
            "F32" => Self::F32,
            "F64" => Self::F64,
            _ => return Err(format!("values of the type {name} are not read; {KNOWN}")),
        })
    }

    /// The type that NumPy calls so, and whether the first byte is the highest.
    pub(crate) fn of_numpy(descr: &str) -> Result<(Self, bool), String> {
        let (order, name) = descr.split_at_checked(1).unwrap_or_default();
        let dtype = match name {
            "b1" => Self::Bool,
            "i1" => Self::I8,
            "i2" => Self::I16,
            "i4" => Self::I32,
            "i8" => Self::I64,
            "u1" => Self::U8,
            "u2" => Self::U16,
            "u4" => Self::U32,
            "u8" => Self::U64,
            "f2" => Self::F16,
            "f4" => Self::F32,
            "f8" => Self::F64,
            _ => {
                let hint = match name {
                    "O" => " (Python objects, in a pickle)",
                    "V2" => " (bytes; NumPy does not know bfloat16: save it as float32)",
                    _ => "",
                };
                let descr = crate::error::shortened(descr);
                return Err(format!("values of the type {descr}{hint} are not read; {KNOWN}"));
            }
        };
        match order {
            "<" => Ok((dtype, false)),
            ">" => Ok((dtype, true)),
            // One byte has no order.
            "|" if dtype.width() == 1 => Ok((dtype, false)),
            _ => {
                Err(format!("values of the type {descr} are not read: its byte order is not known"))
            }
        }
    }

    /// How many bytes a value takes.
    pub(crate) fn width(self) -> usize {
        match self {
            Self::Bool | Self::I8 | Self::U8 => 1,
            Self::I16 | Self::U16 | Self::F16 | Self::Bf16 => 2,
            Self::I32 | Self::U32 | Self::F32 => 4,
            Self::I64 | Self::U64 | Self::F64 => 8,
        }
    }

    /// Whether the values are whole numbers.
    pub(crate) fn is_whole(self) -> bool {
        !matches!(self, Self::F16 | Self::Bf16 | Self::F32 | Self::F64)
    }

    /// The whole numbers of bytes whose first one is the lowest; none of floats.
    pub(crate) fn decode_whole(self, bytes: &[u8]) -> Vec<i128> {
        match self {
            Self::Bool => whole(bytes, |[b]: [u8; 1]| u8::from(b != 0)),
            Self::I8 => whole(bytes, i8::from_le_bytes),
            Self::I16 => whole(bytes, i16::from_le_bytes),
            Self::I32 => whole(bytes, i32::from_le_bytes),
            Self::I64 => whole(bytes, i64::from_le_bytes),
            Self::U8 => whole(bytes, u8::from_le_bytes),
            Self::U16 => whole(bytes, u16::from_le_bytes),
            Self::U32 => whole(bytes, u32::from_le_bytes),
            Self::U64 => whole(bytes, u64::from_le_bytes),
            Self::F16 | Self::Bf16 | Self::F32 | Self::F64 => Vec::new(),
        }
    }

    /// The values of bytes whose first one is the lowest.
    pub(crate) fn decode<E: Element>(self, bytes: &[u8]) -> Result<Vec<E>, TooLarge> {
        let values = match self {
            Self::Bool => each(bytes, |[b]: [u8; 1]| u8::from(b != 0)),
            Self::I8 => each(bytes, i8::from_le_bytes),
            Self::I16 => each(bytes, i16::from_le_bytes),
            Self::I32 => each(bytes, i32::from_le_bytes),
            Self::I64 => each(bytes, i64::from_le_bytes),
            Self::U8 => each(bytes, u8::from_le_bytes),
            Self::U16 => each(bytes, u16::from_le_bytes),
            Self::U32 => each(bytes, u32::from_le_bytes),
            Self::U64 => each(bytes, u64::from_le_bytes),
            Self::F16 => each(bytes, |b| f16(u16::from_le_bytes(b))),
            Self::Bf16 => each(bytes, |b| f32::from_bits(u32::from(u16::from_le_bytes(b)) << 16)),
            Self::F32 => each(bytes, f32::from_le_bytes),
            Self::F64 => each(bytes, f64::from_le_bytes),
        };
        match self {
            Self::F64 => too_large(bytes, &values).map_or(Ok(values), Err),
            _ => Ok(values),
        }
    }
}

fn whole<const W: usize, T: Into<i128>>(bytes: &[u8], value: impl Fn([u8; W]) -> T) -> Vec<i128> {
    bytes.as_chunks().0.iter().map(|&chunk| value(chunk).into()).collect()
}

fn each<const W: usize, T: num_traits::ToPrimitive, E: Element>(
    bytes: &[u8],
    value: impl Fn([u8; W]) -> T,
) -> Vec<E> {
    let (chunks, _) = bytes.as_chunks();
    let convert =
        |&chunk: &[u8; W]| <E as num_traits::NumCast>::from(value(chunk)).unwrap_or_else(E::nan);
    chunks.iter().map(convert).collect()
}

/// The first `f64` that is finite in the file and infinite here.
fn too_large<E: Element>(bytes: &[u8], values: &[E]) -> Option<TooLarge> {
    let (chunks, _) = bytes.as_chunks();
    let infinite = values.iter().enumerate().filter(|(_, value)| value.is_infinite());
    let stored = |index: usize| chunks.get(index).map(|&chunk| f64::from_le_bytes(chunk));
    let mut stored = infinite.filter_map(|(index, _)| Some((index, stored(index)?)));
    let (index, value) = stored.find(|(_, value)| value.is_finite())?;
    Some(TooLarge { index, value })
}

/// A float of 16 bits, exactly.
fn f16(bits: u16) -> f32 {
    let sign = u32::from(bits & 0x8000) << 16;
    let magnitude = u32::from(bits & 0x7fff) << 13;
    if bits & 0x7c00 == 0x7c00 {
        return f32::from_bits(sign | 0x7f80_0000 | magnitude);
    }
    // The exponent counts from -14 there, from -126 here.
    const SCALE: f32 = f32::from_bits((127 + 112) << 23);
    f32::from_bits(sign | (f32::from_bits(magnitude) * SCALE).to_bits())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_floats_are_what_they_say() {
        for bits in 0..=u16::MAX {
            let (sign, exponent, mantissa) = (bits >> 15, bits >> 10 & 31, f64::from(bits & 1023));
            let magnitude = match exponent {
                0 => mantissa * 2_f64.powi(-24),
                31 if mantissa == 0.0 => f64::INFINITY,
                31 => f64::NAN,
                _ => (1024.0 + mantissa) * 2_f64.powi(i32::from(exponent) - 25),
            };
            let expected = if sign == 1 { -magnitude } else { magnitude };
            let found = f64::from(f16(bits));
            let same = found.to_bits() == expected.to_bits();
            assert!(same || found.is_nan() && expected.is_nan(), "{bits:04x}: {found}");
        }
    }

    #[test]
    fn each_type_is_converted_to_the_nearest_value() {
        fn same<T: Copy + num_traits::ToPrimitive, const W: usize>(
            dtype: Dtype,
            values: [T; 3],
            bytes: impl Fn(T) -> [u8; W],
            expected: [f32; 3],
        ) {
            assert_eq!(dtype.width(), W);
            let bytes = values.map(bytes).concat();
            assert_eq!(dtype.decode::<f32>(&bytes).unwrap(), expected, "{dtype:?}");
            let wide: Vec<f64> = dtype.decode(&bytes).unwrap();
            assert_eq!(wide, values.map(|v| v.to_f64().unwrap()), "{dtype:?}");
        }
        same(Dtype::Bool, [0, 1, 1], u8::to_le_bytes, [0.0, 1.0, 1.0]);
        same(Dtype::I8, [-128, 0, 127], i8::to_le_bytes, [-128.0, 0.0, 127.0]);
        same(Dtype::U16, [0, 7, 65535], u16::to_le_bytes, [0.0, 7.0, 65535.0]);
        let rounded = [16_777_216.0, -16_777_216.0, 16_777_220.0];
        same(Dtype::I32, [16_777_217, -16_777_217, 16_777_219], i32::to_le_bytes, rounded);
        // Once, not first to `f64` and then to `f32`.
        let value = (1 << 54) + (1 << 30) + 1;
        assert_eq!(Dtype::I64.decode::<f32>(&i64::to_le_bytes(value)).unwrap(), [value as f32]);
        same(Dtype::F64, [0.1, 1e-300, f64::INFINITY], f64::to_le_bytes, [0.1, 0.0, f32::INFINITY]);
    }

    #[test]
    fn overflow_is_an_error() {
        let bytes = [f64::INFINITY, 1.0, -1e300].map(f64::to_le_bytes).concat();
        let too_large = TooLarge { index: 2, value: -1e300 };
        assert_eq!(Dtype::F64.decode::<f32>(&bytes), Err(too_large));
        assert_eq!(Dtype::F64.decode::<f64>(&bytes).unwrap()[2], -1e300);
        // Whatever rounds to the largest `f32` is none.
        let edge = 3.402_823_5e38_f64.to_le_bytes();
        assert_eq!(Dtype::F64.decode::<f32>(&edge).unwrap(), [f32::MAX]);
    }

    #[test]
    fn other_types_are_named() {
        assert_eq!(Dtype::of_numpy(">u4"), Ok((Dtype::U32, true)));
        assert_eq!(Dtype::of_numpy("|i1"), Ok((Dtype::I8, false)));
        for descr in ["|O", "<c8", "<U5", "|S3", "<M8[ns]", "<f16", "|V2", "", "é", "|f4", "f4"] {
            let error = Dtype::of_numpy(descr).unwrap_err();
            assert!(error.contains(descr), "{error}");
        }
        assert!(Dtype::of_safetensors("F8_E4M3").unwrap_err().contains("F8_E4M3"));
    }
}
