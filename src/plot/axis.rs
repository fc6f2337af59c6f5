//! Round values along an axis, and the colours of curves.

use plotters::style::RGBColor;

pub(super) const GRID: RGBColor = RGBColor(225, 225, 225);
/// Distinguishable with any common colour blindness (Okabe and Ito).
pub(super) const COLORS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
    RGBColor(90, 90, 90),
];

/// The smallest of 1, 2 and 5, times a power of ten, that is not below a number.
pub(super) fn rounded_up(at_least: f64) -> f64 {
    let power = 10.0_f64.powf(at_least.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
    steps.into_iter().find(|step| *step >= at_least).unwrap_or(10.0 * power)
}

/// Round values that span a range, and how many decimals they need.
pub(super) fn ticks(low: f64, high: f64) -> (Vec<f64>, usize) {
    // Equal values still get a panel with some height.
    let room = (low.abs().max(high.abs()) * 1e-3).max(1e-9);
    // A range can be larger than any number.
    let step = rounded_up((high / 5.0 - low / 5.0).max(room / 5.0));
    let (first, last) =
        ((low / step).floor(), (high / step).ceil().max((low / step).floor() + 1.0));
    let count = (last - first).round() as usize;
    let decimals = (-step.log10().floor()).max(0.0) as usize;
    let ticks = (0..=count).map(|i| (first + i as f64) * step);
    (ticks.filter(|tick| tick.is_finite()).collect(), decimals)
}

/// What stands at round values with so many decimals; very large and very small ones by their power of ten.
pub(super) fn tick_labels(ticks: &[f64], decimals: usize) -> Vec<String> {
    let largest = ticks.iter().fold(0.0, |largest: f64, tick| largest.max(tick.abs()));
    let step = ticks.windows(2).map(|pair| pair[1] - pair[0]).next().unwrap_or(largest);
    let shown = |tick: &f64| match () {
        () if *tick == 0.0 => "0".to_owned(),
        () if decimals > 6 || largest >= 1e7 => {
            // As many digits as tell a tick from the next.
            let digits = (largest.log10().floor() - step.log10().floor()).clamp(0.0, 15.0);
            let text = format!("{tick:.*e}", digits as usize);
            match text.split_once('e') {
                Some((digits, power)) if digits.contains('.') => {
                    format!("{}e{power}", digits.trim_end_matches('0').trim_end_matches('.'))
                }
                _ => text,
            }
        }
        () => format!("{tick:.decimals$}"),
    };
    ticks.iter().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_and_small_ticks_have_the_digits_that_tell_them_apart() {
        let labels = |low, high| {
            let (ticks, decimals) = ticks(low, high);
            tick_labels(&ticks, decimals)
        };
        assert_eq!(labels(0.0, 1e300), ["0", "2e299", "4e299", "6e299", "8e299", "1e300"]);
        assert_eq!(labels(0.0, 2.5e-9), ["0", "5e-10", "1e-9", "1.5e-9", "2e-9", "2.5e-9"]);
        let close = labels(2e8, 2e8 + 2.0);
        let apart: std::collections::BTreeSet<&String> = close.iter().collect();
        assert_eq!(apart.len(), close.len(), "{close:?}");
        assert_eq!(labels(-f64::MAX, f64::MAX), ["-1e308", "0", "1e308"]);
    }

    #[test]
    fn ticks_are_round_and_span_the_range() {
        let rounded = |low, high| {
            let (ticks, decimals) = ticks(low, high);
            ticks.iter().map(|tick| format!("{tick:.decimals$}")).collect::<Vec<_>>()
        };
        assert_eq!(rounded(0.61, 0.94), ["0.6", "0.7", "0.8", "0.9", "1.0"]);
        assert_eq!(rounded(0.0, 12.0), ["0", "5", "10", "15"]);
        assert_eq!(rounded(-0.02, 0.01), ["-0.02", "-0.01", "0.00", "0.01"]);
        for (low, high) in [(0.5, 0.5), (0.0, 0.0), (1e6, 1e6), (0.9, 0.900001), (-3.0, 1e9)] {
            let (ticks, _) = ticks(low, high);
            assert!(ticks.len() >= 2 && ticks.len() <= 12, "{ticks:?}");
            assert!(ticks[0] <= low && ticks[ticks.len() - 1] >= high, "{ticks:?}");
        }
    }
}
