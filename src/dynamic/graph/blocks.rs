//! Blocks of pixels as channels, and channels as blocks of pixels: the shuffle of super-resolution.

use serde_json::{Map, Value};

use super::super::{
    flow::{Rows, as_rows},
    places::permuted,
    words::refused,
};
use crate::{backend::IntoShape, error::Error};

/// What becomes what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::dynamic) enum Blocks {
    /// Channels become blocks.
    FromChannels,
    /// Blocks become channels.
    ToChannels,
}

/// The height and width of a block.
fn size(options: &Map<String, Value>) -> Result<usize, Error> {
    let format = options.get("data_format").filter(|format| !format.is_null());
    if format.is_some_and(|format| format != "channels_last") {
        return Err(refused("channels that come last are needed here"));
    }
    let size = options.get("block_size").and_then(Value::as_u64);
    let size = size.and_then(|size| usize::try_from(size).ok()).filter(|size| *size > 0);
    size.ok_or_else(|| refused("`block_size` of a function is needed"))
}

impl Blocks {
    pub(super) fn gives(
        self,
        sizes: &[Option<usize>],
        options: &Map<String, Value>,
    ) -> Result<Vec<Option<usize>>, Error> {
        let &[batch, rows, columns, channels] = sizes else {
            return Err(refused(format!("no images: {sizes:?}")));
        };
        let size = size(options)?;
        let wrong = || refused(format!("blocks of {size} x {size} do not fit into {sizes:?}"));
        let area = size.checked_mul(size).ok_or_else(wrong)?;
        let change = |from: Option<usize>, times: usize, parts: usize| match from {
            None => Ok(None),
            Some(from) if from % parts != 0 => Err(wrong()),
            Some(from) => (from / parts).checked_mul(times).map(Some).ok_or_else(wrong),
        };
        let (of_pixels, of_channels) = match self {
            Self::FromChannels => ([size, 1], [1, area]),
            Self::ToChannels => ([1, size], [area, 1]),
        };
        Ok(vec![
            batch,
            change(rows, of_pixels[0], of_pixels[1])?,
            change(columns, of_pixels[0], of_pixels[1])?,
            change(channels, of_channels[0], of_channels[1])?,
        ])
    }

    pub(super) fn apply(
        self,
        x: Rows,
        own: &[usize],
        sizes: &[usize],
        options: &Map<String, Value>,
    ) -> Result<Rows, Error> {
        let size = size(options)?;
        // Of the smaller image, a block of each pixel.
        let few = if self == Self::FromChannels { own } else { sizes };
        let (blocks, order) = match self {
            Self::FromChannels => {
                ([few[0], few[1], few[2], size, size, sizes[3]], [0, 1, 3, 2, 4, 5])
            }
            Self::ToChannels => ([few[0], few[1], size, few[2], size, own[3]], [0, 1, 3, 2, 4, 5]),
        };
        let (y, _) = permuted(x.into_shape(&as_rows(&blocks)?)?, &blocks, &order)?;
        y.into_shape(&as_rows(sizes)?)
    }
}
