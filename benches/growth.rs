//! How the cost of an LSTM grows: with the batch, the length, the units, and the share of steps that are real.
//!
//! ```text
//! cargo bench --bench growth
//! ```
//!
//! Each point is the quickest of many training passes, forward and backward, of one layer. One JSON line a
//! point, and a picture, `benches/growth.svg`, with the straight line that fits best. Where the points of all three
//! patterns of padding lie on one, steps that the mask rules out cost nothing but their place in memory.

use std::{hint::black_box, time::Instant};

use dfdx::{
    prelude::{Backward, SumTo},
    shapes::{Const, Rank0},
    tensor::{OwnedTape, PutTape},
};
use kerata::{Cpu, Error, Lstm, Mask, Sequences, prelude::*};
use plotters::{prelude::*, style::register_font};

const FEATURES: usize = 64;
const BATCH: usize = 32;
const LENGTH: usize = 100;
const UNITS: usize = 128;
const STEPS: f64 = (BATCH * LENGTH) as f64;

/// How long a point is measured at least, in seconds.
const ENOUGH: f64 = 0.3;

/// Where the padding stands.
#[derive(Clone, Copy)]
enum Padding {
    Right,
    Left,
    Gaps,
}

/// A mask of rows of different lengths around a share of real steps.
fn mask(padding: Padding, share: f64) -> Result<Mask, Error> {
    let real = |row: usize| {
        let spread = (row as f64 / (BATCH - 1) as f64 - 0.5) * share.min(1.0 - share);
        ((share + spread) * LENGTH as f64).round() as usize
    };
    let keep = (0..BATCH).flat_map(|row| {
        let real = real(row);
        (0..LENGTH).map(move |step| match padding {
            Padding::Right => step < real,
            Padding::Left => step >= LENGTH - real,
            // As even as it gets.
            Padding::Gaps => (step + 1) * real / LENGTH > step * real / LENGTH,
        })
    });
    Mask::from_bools(keep.collect::<Vec<_>>(), BATCH, LENGTH)
}

/// Milliseconds of a training pass.
fn time<const H: usize>(batch: usize, length: usize, mask: Option<&Mask>) -> Result<f64, Error> {
    let dev = Cpu::seed_from_u64(0);
    let lstm = Lstm::<FEATURES, H, Sequences>::build(&dev)?;
    let numbers = (0..batch * length * FEATURES).map(|i| (i * 7919 % 2003) as f32 / 1001.5 - 1.0);
    let x = dev.tensor_from_vec(numbers.collect(), (batch, length, Const::<FEATURES>));
    let (start, mut best) = (Instant::now(), f64::INFINITY);
    while start.elapsed().as_secs_f64() < ENOUGH {
        let start = Instant::now();
        let x = x.clone().put_tape(OwnedTape::default());
        let (y, _) = lstm.forward_with_state(x, mask, None)?;
        drop(black_box(y.sum::<Rank0, _>().backward()));
        best = best.min(start.elapsed().as_secs_f64() * 1e3);
    }
    Ok(best)
}

/// One picture: what is varied, and the points of one or more patterns.
struct Panel {
    what: &'static str,
    series: Vec<(&'static str, Vec<(f64, f64)>)>,
}

impl Panel {
    fn points(&self) -> impl Iterator<Item = (f64, f64)> {
        self.series.iter().flat_map(|(_, points)| points.iter().copied())
    }

    /// The straight line that fits best: what is left at 0, its slope, and which share of the variance it explains.
    fn line(&self) -> (f64, f64, f64) {
        let n = self.points().count() as f64;
        let mean = |of: fn((f64, f64)) -> f64| self.points().map(of).sum::<f64>() / n;
        let (x, y) = (mean(|p| p.0), mean(|p| p.1));
        let (xx, xy) = (mean(|p| p.0 * p.0) - x * x, mean(|p| p.0 * p.1) - x * y);
        let (slope, yy) = (xy / xx, mean(|p| p.1 * p.1) - y * y);
        (y - slope * x, slope, xy * xy / (xx * yy))
    }
}

fn measure() -> Result<Vec<Panel>, Error> {
    let list = |sizes: &[usize], time: &dyn Fn(usize) -> Result<f64, Error>| {
        sizes.iter().map(|&size| Ok((size as f64, time(size)?))).collect::<Result<Vec<_>, Error>>()
    };
    let batches = list(&[8, 16, 32, 64, 96, 128], &|batch| time::<UNITS>(batch, LENGTH, None))?;
    let lengths = list(&[10, 25, 50, 100, 150, 200], &|length| time::<UNITS>(BATCH, length, None))?;
    // Work grows with units * (units + features).
    let units = [
        (32, time::<32>(BATCH, LENGTH, None)?),
        (64, time::<64>(BATCH, LENGTH, None)?),
        (128, time::<128>(BATCH, LENGTH, None)?),
        (192, time::<192>(BATCH, LENGTH, None)?),
        (256, time::<256>(BATCH, LENGTH, None)?),
    ];
    let units = units.map(|(units, ms)| ((units * (units + FEATURES)) as f64 / 1e3, ms)).to_vec();
    let patterns = [("right", Padding::Right), ("left", Padding::Left), ("gaps", Padding::Gaps)];
    let fill = patterns.into_iter().map(|(name, padding)| {
        let points = [0.1, 0.25, 0.5, 0.75, 1.0].into_iter().map(|share| {
            let mask = mask(padding, share)?;
            Ok((mask.count() as f64 / STEPS * 100.0, time::<UNITS>(BATCH, LENGTH, Some(&mask))?))
        });
        Ok((name, points.collect::<Result<Vec<_>, Error>>()?))
    });
    Ok(vec![
        Panel { what: "rows of the batch", series: vec![("", batches)] },
        Panel { what: "time steps", series: vec![("", lengths)] },
        Panel { what: "units x (units + features) / 1000", series: vec![("", units)] },
        Panel { what: "real steps, %", series: fill.collect::<Result<_, Error>>()? },
    ])
}

fn draw(panels: &[Panel], path: &str) -> Result<(), Box<dyn std::error::Error>> {
    const FONT: &str = "sans-serif";
    let font = epaint_default_fonts::UBUNTU_LIGHT;
    register_font(FONT, FontStyle::Normal, font).map_err(|_| "the font is not readable")?;
    let area = SVGBackend::new(path, (900, 680)).into_drawing_area();
    area.fill(&WHITE)?;
    let colors = [RGBColor(31, 119, 180), RGBColor(214, 96, 32), RGBColor(44, 140, 60)];
    for (panel, area) in panels.iter().zip(area.split_evenly((2, 2))) {
        let most = |of: fn((f64, f64)) -> f64| panel.points().map(of).fold(0.0, f64::max) * 1.08;
        let (right, top) = (most(|p| p.0), most(|p| p.1));
        let mut chart = ChartBuilder::on(&area)
            .margin(14)
            .x_label_area_size(42)
            .y_label_area_size(48)
            .build_cartesian_2d(0.0..right, 0.0..top)?;
        chart
            .configure_mesh()
            .x_desc(panel.what)
            .y_desc("ms a training pass")
            .x_labels(6)
            .y_labels(6)
            .label_style((FONT, 14))
            .axis_desc_style((FONT, 15))
            .light_line_style(WHITE)
            .draw()?;
        let (rest, slope, _) = panel.line();
        let line = vec![(0.0, rest.max(0.0)), (right, rest + right * slope)];
        chart.draw_series([PathElement::new(line, BLACK.mix(0.4))])?;
        for ((name, points), color) in panel.series.iter().zip(colors) {
            let dot = |&point: &(f64, f64)| Circle::new(point, 4, color.filled());
            let series = chart.draw_series(points.iter().map(dot))?;
            if !name.is_empty() {
                series
                    .label(format!("padding: {name}"))
                    .legend(move |(x, y)| Circle::new((x + 10, y), 4, color.filled()));
            }
        }
        if panel.series.len() > 1 {
            chart
                .configure_series_labels()
                .position(SeriesLabelPosition::UpperLeft)
                .label_font((FONT, 14))
                .draw()?;
        }
    }
    area.present()?;
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let panels = measure()?;
    for panel in &panels {
        for (name, points) in &panel.series {
            for (x, ms) in points {
                println!(
                    "{{\"grows_with\":\"{}\",\"padding\":\"{name}\",\"x\":{x:.2},\"ms\":{ms:.3}}}",
                    panel.what
                );
            }
        }
        let (rest, slope, explained) = panel.line();
        println!("# {}: {rest:.2} ms + {slope:.4} ms a unit, R2 = {explained:.4}", panel.what);
    }
    draw(&panels, concat!(env!("CARGO_MANIFEST_DIR"), "/benches/growth.svg"))
}
