//! Images of another size.

use serde_json::{Map, Value};

use super::{
    flow::{Flow, Numbers},
    op::OneToOne,
    options::Options,
    places::{all, arranged},
    space::stretched,
    words::{self, refused},
};
use crate::{
    backend::NOWHERE,
    error::Error,
    fields::{AnySignal, OptionValue, whole},
    layers::{ResizeInterpolation as Interpolation, Stretch},
};

/// Keras's `Resizing`, and its `CenterCrop`.
#[derive(Debug, Clone)]
pub(crate) struct Resize {
    size: [usize; 2],
    how: Interpolation,
    antialias: bool,
    fit: Fit,
    fill: f32,
}

/// What is brought to the new size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fit {
    Whole,
    /// The largest part in the middle that has the proportions of the new size.
    Part,
    /// The image with as much around it that it has the proportions of the new size.
    Padded,
    /// The middle, as it is; of a smaller image the part.
    Middle,
}

impl Fit {
    /// Of whether the image is cut, and whether it is padded, to the proportions of the new size.
    fn of(flags: [bool; 2]) -> Option<Self> {
        match flags {
            [false, false] => Some(Self::Whole),
            [true, false] => Some(Self::Part),
            [false, true] => Some(Self::Padded),
            [true, true] => None,
        }
    }
}

impl Resize {
    pub(crate) fn new(options: &mut Options<'_>) -> Result<Self, Error> {
        let size = [options.size("height")?, options.size("width")?];
        if size.iter().any(|&size| size >= NOWHERE as usize) {
            return Err(refused(format!("images of {size:?} are too large")));
        }
        if options.config.class_name == "CenterCrop" {
            let (how, fit) = (Interpolation::Bilinear, Fit::Middle);
            return Ok(Self { size, how, antialias: false, fit, fill: 0.0 });
        }
        let how = options.word("interpolation")?;
        let flags = [options.flag("crop_to_aspect_ratio")?, options.flag("pad_to_aspect_ratio")?];
        let both = || {
            let needed = "it is false where `crop_to_aspect_ratio` is true";
            options.misfit("pad_to_aspect_ratio", needed, &true.into())
        };
        Ok(Self {
            size,
            how,
            antialias: options.flag("antialias")?,
            fit: Fit::of(flags).ok_or_else(both)?,
            fill: options.element("fill_value")?,
        })
    }

    /// Keras's `image.resize`, of what a call says.
    pub(super) fn of_function(options: &Map<String, Value>) -> Result<Self, Error> {
        let said = |key: &str| options.get(key).filter(|one| !one.is_null());
        let wrong = |key: &str| {
            let value = said(key).unwrap_or(&Value::Null);
            refused(format!("`{key}` {value} of a function is not known here"))
        };
        let size = said("size").and_then(Value::as_array).ok_or_else(|| wrong("size"))?;
        let one = |size: &Value| usize::try_from(whole(size)?).ok();
        let size: Option<Vec<usize>> = size.iter().map(one).collect();
        let size = size.and_then(|size| <[usize; 2]>::try_from(size).ok());
        let size = size.filter(|size| size.iter().all(|size| (1..NOWHERE as usize).contains(size)));
        let size = size.ok_or_else(|| wrong("size"))?;
        for (key, usual) in [("fill_mode", "constant"), ("data_format", "channels_last")] {
            if said(key).is_some_and(|value| value != usual) {
                return Err(wrong(key));
            }
        }
        let how = said("interpolation").map_or(Some(Interpolation::Bilinear), OptionValue::parse);
        let flag = |key| said(key).map_or(Some(false), Value::as_bool).ok_or_else(|| wrong(key));
        let flags = [flag("crop_to_aspect_ratio")?, flag("pad_to_aspect_ratio")?];
        let fill = said("fill_value").map_or(Some(0.0), Value::as_f64);
        let fill = fill.map(|fill| fill as f32).filter(|fill| fill.is_finite());
        Ok(Self {
            size,
            how: how.ok_or_else(|| wrong("interpolation"))?,
            antialias: flag("antialias")?,
            fit: Fit::of(flags).ok_or_else(|| wrong("pad_to_aspect_ratio"))?,
            fill: fill.ok_or_else(|| wrong("fill_value"))?,
        })
    }

    /// What becomes of the rows and of the columns.
    fn axes(&self, size: [usize; 2]) -> [Stretch; 2] {
        let fits = size[0] >= self.size[0] && size[1] >= self.size[1];
        [0, 1].map(|axis| {
            let (own, to) = (size[axis], self.size[axis]);
            // How much of this axis goes with all of the other.
            let along = size[1 - axis] as f64 * to as f64 / self.size[1 - axis] as f64;
            let along = along as usize;
            let (from, window) = match self.fit {
                Fit::Whole => (0, own),
                Fit::Middle if fits => ((own - to) / 2, to),
                Fit::Part | Fit::Middle => {
                    let window = along.min(own).max(1);
                    ((own - window) / 2, window)
                }
                // As much in front as behind: one that is left over is left out.
                Fit::Padded => (0, own + (along.max(own) - own) / 2 * 2),
            };
            let from = from as i64 - (window.saturating_sub(own) / 2) as i64;
            let (how, antialias, fill) = (self.how, self.antialias, self.fill);
            Stretch { from, window, to, how, antialias, fill }
        })
    }
}

impl OneToOne for Resize {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        words::images(arrives)?;
        if arrives.sizes[1..3].contains(&Some(0)) {
            return Err(refused(format!("there is nothing to resize in `{arrives}`")));
        }
        if let [_, Some(height), Some(width), _] = arrives.sizes[..] {
            // A narrow image that is padded may need a lot in between.
            let count = self.axes([height, width]).map(|axis| axis.window.max(axis.to));
            if count.iter().any(|&size| size >= NOWHERE as usize) {
                return Err(refused(format!("`{arrives}` padded is too large")));
            }
        }
        let mut gives = arrives.clone();
        gives.sizes[1..3].copy_from_slice(&self.size.map(Some));
        Ok(gives)
    }

    fn apply(&self, x: Flow) -> Result<Flow, Error> {
        let Numbers { mut x, mut sizes, mask } = x.numbers()?;
        let axes = self.axes([sizes[1], sizes[2]]);
        if self.fit == Fit::Middle && axes.iter().all(|axis| axis.window == axis.to) {
            let mut places = all(&sizes);
            for (place, axis) in places[1..].iter_mut().zip(axes) {
                let from = axis.from.unsigned_abs() as usize;
                place.take((from..from + axis.to).map(Some))?;
            }
            let (x, sizes) = arranged(x, places)?;
            return Ok(Flow::Numbers(Numbers { x, sizes, mask }));
        }
        for (axis, stretch) in (1..).zip(axes) {
            (x, sizes) = stretched(x, sizes, axis, stretch)?;
        }
        Ok(Flow::Numbers(Numbers { x, sizes, mask }))
    }
}
