//! Throughput per device against interactivity, over batch sizes and ways to divide the network.
//!
//! A small batch on many devices answers each user fast and wastes them; a large one the other way round. Every device is a curve between the two: its
//! points are those that no other batch or mapping beats in both; more to the upper right is better. The SVG stands alone; the HTML page holds the same drawing above the table of its points and needs no network.

use super::Ask;
use super::case::{self, Case, Subject};
use crate::failure::{Failure, Result, write};
use crate::ui;
use ::perf::operator::Phase;
use plotters::prelude::*;
use std::fmt::Write as _;
use std::path::Path;

/// Largest batch of a curve.
const LARGEST: u64 = 4096;
/// Size of the drawing in pixels.
const SIZE: (u32, u32) = (960, 600);
/// Colours that differ for all kinds of colour vision (Okabe and Ito, 2008).
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(0, 0, 0),
];

/// One point of a curve.
struct Point {
    batch: u64,
    devices: u64,
    mapping: String,
    /// Tokens per second of one user.
    user: f64,
    /// Tokens per second of one device.
    device: f64,
}

struct Curve {
    name: String,
    points: Vec<Point>,
}

/// Draws the devices of `--compare`, or the one of `--device`.
pub fn run(ask: &Ask, subject: &Subject, path: &Path) -> Result {
    let names = if ask.compare.is_empty() { std::slice::from_ref(&ask.device) } else { ask.compare.as_slice() };
    let curves: Result<Vec<Curve>> = names.iter().map(|name| curve(ask, subject, name.trim())).collect();
    let curves: Vec<Curve> = curves?.into_iter().filter(|curve| !curve.points.is_empty()).collect();
    if curves.is_empty() {
        return super::refuse("no device holds the network with any batch, so there is nothing to draw");
    }
    let title = format!("{}, decode after {} positions", subject.known.title, ui::count(ask.context));
    let svg = drawing(&title, &curves).map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
    let page = match path.extension().and_then(|extension| extension.to_str()) {
        Some("svg") => svg,
        Some("html") => html(&title, &svg, &curves),
        _ => return super::refuse(format!("{}: the name must end in .svg or .html", path.display())),
    };
    write(path, page)?;
    ui::note(&format!("drawn to {}", path.display()));
    Ok(())
}

fn curve(ask: &Ask, subject: &Subject, name: &str) -> Result<Curve> {
    let device = case::device(name)?;
    let mut points = Vec::new();
    for batch in (0..).map(|power| 1 << power).take_while(|batch| *batch <= LARGEST) {
        points.extend(Case::all(ask, subject, &device, batch)?.iter().map(point));
    }
    Ok(Curve { name: device.name.clone(), points: frontier(points) })
}

/// The points that no other one beats in both directions, the fastest for a user first.
fn frontier(mut points: Vec<Point>) -> Vec<Point> {
    points.sort_by(|a, b| b.user.total_cmp(&a.user).then(b.device.total_cmp(&a.device)));
    let mut most = 0.0;
    points.retain(|point| {
        let better = point.device > most;
        most = point.device.max(most);
        better
    });
    points
}

fn point(case: &Case) -> Point {
    let seconds = case.seconds(Phase::Decode);
    let devices = case.devices();
    let device = case.batch as f64 / seconds / devices as f64;
    Point { batch: case.batch, devices, mapping: case.plan.mapping().to_string(), user: 1.0 / seconds, device }
}

/// The least and the greatest of some numbers, with room around them.
fn range(numbers: impl Iterator<Item = f64>) -> std::ops::Range<f64> {
    let (low, high) = numbers.fold((f64::INFINITY, 0.0_f64), |(low, high), x| (low.min(x), high.max(x)));
    low / 1.3..high * 1.3
}

fn drawing(title: &str, curves: &[Curve]) -> std::result::Result<String, Box<dyn std::error::Error>> {
    let points = || curves.iter().flat_map(|curve| &curve.points);
    let (across, up) = (range(points().map(|point| point.user)), range(points().map(|point| point.device)));
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        root.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&root)
            .caption(title, ("sans-serif", 20))
            .margin(16)
            .x_label_area_size(48)
            .y_label_area_size(72)
            .build_cartesian_2d(across.log_scale(), up.log_scale())?;
        chart
            .configure_mesh()
            .x_desc("tokens per second and user")
            .y_desc("tokens per second and device")
            .x_label_formatter(&|x| ui::large(*x))
            .y_label_formatter(&|y| ui::large(*y))
            .label_style(("sans-serif", 14))
            .axis_desc_style(("sans-serif", 16))
            .bold_line_style(RGBColor(210, 210, 210))
            .light_line_style(RGBColor(240, 240, 240))
            .draw()?;
        for (index, curve) in curves.iter().enumerate() {
            let colour = COLOURS[index % COLOURS.len()];
            let line = || curve.points.iter().map(|point| (point.user, point.device));
            chart
                .draw_series(LineSeries::new(line(), colour.stroke_width(2)))?
                .label(curve.name.as_str())
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], colour.stroke_width(2)));
            chart.draw_series(line().map(|at| Circle::new(at, 4, colour.filled())))?;
            let ends = curve.points.first().into_iter().chain(curve.points.last());
            chart.draw_series(ends.map(|point| {
                let label = format!("{} on {}", point.batch, point.devices);
                EmptyElement::at((point.user, point.device))
                    + Text::new(label, (6, -14), ("sans-serif", 12).into_font())
            }))?;
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::LowerLeft)
            .background_style(WHITE.mix(0.85))
            .border_style(RGBColor(160, 160, 160))
            .label_font(("sans-serif", 14))
            .draw()?;
        root.present()?;
    }
    Ok(svg)
}

/// Text that stands between tags.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn html(title: &str, svg: &str, curves: &[Curve]) -> String {
    let title = escaped(title);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>{title}</title>\n<style>\nbody {{ font: 15px sans-serif; max-width: 1000px; \
         margin: 2em auto; }}\nsvg {{ max-width: 100%; height: auto; }}\ntable {{ border-collapse: collapse; }}\ntd, th {{ padding: 0.2em 0.8em; text-align: \
         right; border-bottom: 1px solid #ddd; }}\ntd:first-child, th:first-child, td:nth-child(4), th:nth-child(4) {{ text-align: left; }}\n</style>\n\
         <h1>{title}</h1>\n{svg}\n<p>At the ends of a curve stand batch size and number of devices. More to the upper right is better.</p>\n<table>\n<tr><th>device<th>batch\
         <th>devices<th>mapping<th>tokens/s per user<th>tokens/s per device\n"
    );
    for (curve, point) in curves.iter().flat_map(|curve| curve.points.iter().map(move |point| (curve, point))) {
        let Point { batch, devices, mapping, user, device } = point;
        let name = escaped(&curve.name);
        let _ = writeln!(page, "<tr><td>{name}<td>{batch}<td>{devices}<td>{mapping}<td>{user:.1}<td>{device:.0}");
    }
    page + "</table>\n</html>\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frontier_falls_from_its_fastest_point() {
        let point = |user: f64, device: f64| Point { batch: 1, devices: 1, mapping: String::new(), user, device };
        let points = [(1.0, 9.0), (3.0, 2.0), (2.0, 1.0), (2.0, 5.0), (3.0, 1.0), (1.0, 5.0)];
        let kept = frontier(points.map(|(user, device)| point(user, device)).into());
        let kept: Vec<_> = kept.iter().map(|point| (point.user, point.device)).collect();
        assert_eq!(kept, [(3.0, 2.0), (2.0, 5.0), (1.0, 9.0)]);
    }
}
