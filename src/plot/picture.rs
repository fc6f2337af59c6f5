use std::{fmt::Display, io::Write, path::Path};

use plotters::{
    backend::{BitMapBackend, DrawingBackend, SVGBackend},
    style::{
        BLACK, Color, FontTransform, IntoFont, RGBColor, TextStyle,
        text_anchor::{HPos, Pos, VPos},
    },
};

#[cfg(test)]
use super::labels::Area;
use super::text::FAMILY;
use crate::{
    error::Error,
    io::{has_extension, write_with},
    memory::filled,
};

/// A place in a picture, in pixels from the left and the top.
pub(super) type Point = (f64, f64);

/// How many pixels of a PNG are one of the picture, in each direction: so that text is sharp.
const SCALE: f64 = 2.0;
/// A PNG of more pixels takes more than 400 MB to draw.
const PIXELS: usize = 1 << 27;

/// Which end of a text stands at its place; its middle, in height.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shape {
    /// A filled rectangle.
    Rectangle {
        from: Point,
        to: Point,
        color: RGBColor,
    },
    Line {
        from: Point,
        to: Point,
        color: RGBColor,
    },
    /// Lines from each point to the next.
    Path {
        points: Vec<Point>,
        width: f64,
        color: RGBColor,
    },
    /// The outline of a rectangle.
    Frame {
        from: Point,
        to: Point,
        color: RGBColor,
    },
    /// A filled polygon.
    Polygon {
        points: Vec<Point>,
        color: RGBColor,
    },
    /// A filled circle.
    Dot {
        at: Point,
        radius: f64,
        color: RGBColor,
    },
    /// A text; upwards if it is turned.
    Text {
        at: Point,
        text: String,
        size: f64,
        anchor: Anchor,
        turned: bool,
        color: RGBColor,
    },
}

/// A picture that can be saved.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    width: f64,
    height: f64,
    shapes: Vec<Shape>,
}

impl Picture {
    pub(super) fn new(width: f64, height: f64) -> Self {
        Self { width: width.ceil(), height: height.ceil(), shapes: Vec::new() }
    }

    pub(super) fn add(&mut self, shape: Shape) {
        self.shapes.push(shape);
    }

    /// A text in black.
    pub(super) fn text(&mut self, at: Point, text: impl Into<String>, size: f64, anchor: Anchor) {
        let text = text.into();
        self.add(Shape::Text { at, text, size, anchor, turned: false, color: BLACK });
    }

    /// Adds the shapes of another picture, so far from the left and the top.
    pub(super) fn add_at(&mut self, (x, y): Point, other: Self) {
        let moved = |(a, b): Point| (a + x, b + y);
        self.shapes.extend(other.shapes.into_iter().map(|mut shape| {
            match &mut shape {
                Shape::Rectangle { from, to, .. }
                | Shape::Line { from, to, .. }
                | Shape::Frame { from, to, .. } => (*from, *to) = (moved(*from), moved(*to)),
                Shape::Path { points, .. } | Shape::Polygon { points, .. } => {
                    points.iter_mut().for_each(|point| *point = moved(*point));
                }
                Shape::Dot { at, .. } | Shape::Text { at, .. } => *at = moved(*at),
            }
            shape
        }));
    }

    #[cfg(test)]
    pub(super) fn shapes(&self) -> &[Shape] {
        &self.shapes
    }

    /// Every text lies within the picture and on no other one.
    #[cfg(test)]
    pub(super) fn assert_texts_apart(&self) {
        let mut areas: Vec<(Area, &str)> = Vec::new();
        for shape in &self.shapes {
            if let Shape::Text { at: (x, y), text, size, anchor, turned, .. } = shape {
                let long = super::text::width(text, *size).unwrap();
                let before = match anchor {
                    Anchor::Start => 0.0,
                    Anchor::Middle => long / 2.0,
                    Anchor::End => long,
                };
                let half = size / 2.0;
                let area = if *turned {
                    Area {
                        left: x - half,
                        top: y + before - long,
                        right: x + half,
                        bottom: y + before,
                    }
                } else {
                    Area {
                        left: x - before,
                        top: y - half,
                        right: x - before + long,
                        bottom: y + half,
                    }
                };
                let inside = area.left >= 0.0
                    && area.top >= 0.0
                    && area.right <= self.width
                    && area.bottom <= self.height;
                assert!(inside, "`{text}` at {area:?} in {:?}", self.size());
                if let Some((_, other)) = areas.iter().find(|(other, _)| area.overlaps(other)) {
                    panic!("`{text}` lies on `{other}`");
                }
                areas.push((area, text));
            }
        }
    }

    /// The width and height, in pixels. A PNG has twice as many in each direction.
    pub fn size(&self) -> (u32, u32) {
        (self.width as u32, self.height as u32)
    }

    /// The picture as an SVG.
    ///
    /// # Errors
    /// [`Error::Device`].
    pub fn svg(&self) -> Result<String, Error> {
        let mut svg = String::new();
        self.draw(SVGBackend::with_string(&mut svg, self.size()), 1.0, true).map_err(device)?;
        Ok(svg)
    }

    /// The picture as a PNG.
    ///
    /// # Errors
    /// [`Error::Invalid`] for one of more than 2^27 pixels, such as the graph of a model of a thousand layers;
    /// [`Error::Device`].
    pub fn png(&self) -> Result<Vec<u8>, Error> {
        let size = ((self.width * SCALE) as u32, (self.height * SCALE) as u32);
        let (across, down) = (size.0 as usize, size.1 as usize);
        if across.saturating_mul(down) > PIXELS {
            let value = format!("{across} x {down}");
            return Err(Error::invalid("the size of the PNG", value, "it is for an SVG"));
        }
        let mut pixels = filled(&[across, down, 3], 255)?;
        self.draw(BitMapBackend::with_buffer(&mut pixels, size), SCALE, false).map_err(device)?;
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, size.0, size.1);
        encoder.set_color(png::ColorType::Rgb);
        let written = encoder.write_header().and_then(|mut png| png.write_image_data(&pixels));
        written.map_err(device)?;
        Ok(bytes)
    }

    /// Writes the picture: as SVG or PNG, as the path ends, in whatever case. The file is whole or not there.
    ///
    /// # Errors
    /// [`Error::Invalid`] for another ending, [`Error::File`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let path = path.as_ref();
        let bytes = match path {
            path if has_extension(path, "svg") => self.svg()?.into_bytes(),
            path if has_extension(path, "png") => self.png()?,
            _ => {
                let (name, value) = ("the path of the picture", path.display().to_string());
                return Err(Error::Invalid {
                    name,
                    value,
                    expected: "it must end in .svg or .png",
                });
            }
        };
        write_with(path, |file| file.write_all(&bytes))
    }

    /// Draws all shapes. If the backend cannot join the parts of a line, each is drawn by itself: that of bitmaps makes long spikes of
    /// sharp turns.
    fn draw<B: DrawingBackend>(
        &self,
        mut backend: B,
        scale: f64,
        joins: bool,
    ) -> Result<(), Error> {
        let at = |(x, y): Point| ((x * scale).round() as i32, (y * scale).round() as i32);
        let corner = at((self.width, self.height));
        backend.draw_rect((0, 0), corner, &plotters::style::WHITE, true).map_err(device)?;
        for shape in &self.shapes {
            let drawn = match shape {
                Shape::Rectangle { from, to, color } => {
                    backend.draw_rect(at(*from), at(*to), color, true)
                }
                Shape::Line { from, to, color } => {
                    let style = color.stroke_width(scale as u32);
                    backend.draw_line(at(*from), at(*to), &style)
                }
                Shape::Path { points, width, color } => {
                    let style = color.stroke_width((width * scale).round().max(1.0) as u32);
                    let mut path =
                        |points: &[Point]| backend.draw_path(points.iter().map(|&p| at(p)), &style);
                    let drawn = match joins {
                        true => path(points),
                        false => points.windows(2).try_for_each(path),
                    };
                    let radius = (width * scale / 2.0) as u32;
                    let joints = points.iter().skip(1).rev().skip(1);
                    match drawn {
                        Ok(()) if !joins && radius > 0 => joints.copied().try_for_each(|joint| {
                            backend.draw_circle(at(joint), radius, &color.filled(), true)
                        }),
                        drawn => drawn,
                    }
                }
                Shape::Frame { from, to, color } => {
                    backend.draw_rect(at(*from), at(*to), &color.stroke_width(scale as u32), false)
                }
                Shape::Polygon { points, color } => {
                    backend.fill_polygon(points.iter().map(|&point| at(point)), &color.filled())
                }
                Shape::Dot { at: center, radius, color } => {
                    let radius = (radius * scale).round() as u32;
                    backend.draw_circle(at(*center), radius, &color.filled(), true)
                }
                Shape::Text { at: place, text, size, anchor, turned, color } => {
                    let font = (FAMILY, size * scale).into_font();
                    let font =
                        if *turned { font.transform(FontTransform::Rotate270) } else { font };
                    let h_pos = match anchor {
                        Anchor::Start => HPos::Left,
                        Anchor::Middle => HPos::Center,
                        Anchor::End => HPos::Right,
                    };
                    let pos = Pos::new(h_pos, VPos::Center);
                    let style = TextStyle::from(font).color(color).pos(pos);
                    backend.draw_text(text, &style, at(*place))
                }
            };
            drawn.map_err(device)?;
        }
        backend.present().map_err(device)
    }
}

fn device(error: impl Display) -> Error {
    Error::Device(format!("the picture cannot be drawn: {error}"))
}
