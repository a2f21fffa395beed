//! Charts as SVG text: predicted against measured, and how errors are distributed.
//!
//! Colours are three of Okabe and Ito's, which people of every kind of colour vision tell apart; everything that is ink takes the page's own colour, so
//! the charts follow light and dark, and in the dark the page gives points lighter ones of the same set. Drawing is `plotters`'; its fixed black is
//! replaced by `currentColor` afterwards.

use crate::case::{Kind, Knowledge};
use crate::statistics::Tally;
use plotters::coord::Shift;
use plotters::prelude::*;

/// Okabe and Ito's blue: devices whose parameters were fitted.
const CALIBRATED: RGBColor = RGBColor(0, 114, 178);
/// Okabe and Ito's vermilion: devices never fitted.
const NEVER_FITTED: RGBColor = RGBColor(213, 94, 0);
/// The ink, replaced by the page's.
const INK: RGBColor = RGBColor(1, 2, 3);
/// Width and height of one panel, in pixels.
const PANEL: (u32, u32) = (300, 270);
/// Lines beside the diagonal: a quarter off.
const BAND: f64 = 1.25;
/// Bins of a histogram, over -100 % to +100 % of signed error.
const BINS: usize = 40;

fn colour(knowledge: Knowledge) -> RGBColor {
    match knowledge {
        Knowledge::Calibrated => CALIBRATED,
        Knowledge::NeverFitted => NEVER_FITTED,
    }
}

/// Draws into SVG text; an empty text if drawing failed, which only a panel without room does.
fn svg(
    draw: impl FnOnce(&DrawingArea<SVGBackend, Shift>) -> Result<(), DrawingAreaErrorKind<std::io::Error>>,
) -> String {
    let mut text = String::new();
    let drawn = {
        let area = SVGBackend::with_string(&mut text, PANEL).into_drawing_area();
        draw(&area).and_then(|()| area.present())
    };
    match drawn {
        Ok(()) => text.replace("#010203", "currentColor"),
        Err(_) => String::new(),
    }
}

/// Predicted against measured on logarithmic axes, of one device.
pub fn scatter(kind: Kind, device: &str, knowledge: Knowledge, tally: &Tally) -> String {
    let points: Vec<(f64, f64)> = tally.sample().map(|kept| (kept.measured, kept.predicted)).collect();
    let all = || points.iter().flat_map(|(x, y)| [*x, *y]).filter(|value| *value > 0.0 && value.is_finite());
    let (low, high) = (all().fold(f64::MAX, f64::min) / 1.5, all().fold(0.0, f64::max) * 1.5);
    if high <= low {
        return String::new();
    }
    svg(|area| {
        let mut chart = ChartBuilder::on(area)
            .caption(device, ("sans-serif", 14).into_font().color(&INK))
            .margin(6)
            .x_label_area_size(34)
            .y_label_area_size(58)
            .build_cartesian_2d((low..high).log_scale(), (low..high).log_scale())?;
        let label = |value: &f64| quantity(*value, kind);
        chart
            .configure_mesh()
            .disable_mesh()
            .x_labels(4)
            .y_labels(5)
            .x_label_formatter(&label)
            .y_label_formatter(&label)
            .x_desc("measured")
            .y_desc("predicted")
            .axis_style(INK.mix(0.5))
            .label_style(("sans-serif", 11).into_font().color(&INK))
            .draw()?;
        for (factor, strength) in [(1.0, 0.8), (BAND, 0.3), (1.0 / BAND, 0.3)] {
            let (from, to) = if factor > 1.0 { (low, high / factor) } else { (low / factor, high) };
            chart.draw_series(LineSeries::new([(from, from * factor), (to, to * factor)], INK.mix(strength)))?;
        }
        let dot = colour(knowledge).mix(0.55).filled();
        chart.draw_series(points.iter().map(|point| Circle::new(*point, 2, dot)))?;
        Ok(())
    })
}

/// How the signed relative errors of a device are distributed.
pub fn histogram(device: &str, knowledge: Knowledge, tally: &Tally) -> String {
    let mut bins = [0u32; BINS];
    for error in tally.errors() {
        let place = (f64::from(*error).clamp(-1.0, 1.0) + 1.0) / 2.0 * BINS as f64;
        bins[(place as usize).min(BINS - 1)] += 1;
    }
    let total = tally.errors().len().max(1) as f64;
    let share = |count: &u32| 100.0 * f64::from(*count) / total;
    let most = bins.iter().map(share).fold(1.0, f64::max) * 1.05;
    let width = 200.0 / BINS as f64;
    svg(|area| {
        let mut chart = ChartBuilder::on(area)
            .caption(device, ("sans-serif", 14).into_font().color(&INK))
            .margin(6)
            .x_label_area_size(34)
            .y_label_area_size(44)
            .build_cartesian_2d(-100.0..100.0, 0.0..most)?;
        chart
            .configure_mesh()
            .disable_mesh()
            .x_labels(5)
            .y_labels(4)
            .x_label_formatter(&|value| format!("{value:+.0} %"))
            .y_label_formatter(&|value| format!("{value:.0} %"))
            .x_desc("error")
            .y_desc("cases")
            .axis_style(INK.mix(0.5))
            .label_style(("sans-serif", 11).into_font().color(&INK))
            .draw()?;
        let bar = |(place, count): (usize, &u32)| {
            let left = -100.0 + place as f64 * width;
            Rectangle::new([(left + 0.3, 0.0), (left + width - 0.3, share(count))], colour(knowledge).filled())
        };
        chart.draw_series(bins.iter().enumerate().filter(|(_, count)| **count > 0).map(bar))?;
        chart.draw_series(LineSeries::new([(0.0, 0.0), (0.0, most)], INK.mix(0.5)))?;
        Ok(())
    })
}

/// A value in three figures with its unit.
pub fn quantity(value: f64, kind: Kind) -> String {
    match kind {
        Kind::Power => format!("{:.0} %", 100.0 * value),
        _ => {
            let (worth, unit) = match value {
                v if v >= 1.0 => (1.0, "s"),
                v if v >= 1e-3 => (1e3, "ms"),
                _ => (1e6, "us"),
            };
            let number = value * worth;
            let decimals = if number >= 100.0 {
                0
            } else if number >= 10.0 {
                1
            } else {
                2
            };
            format!("{number:.decimals$} {unit}")
        }
    }
}
