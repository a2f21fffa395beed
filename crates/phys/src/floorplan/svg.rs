//! Pictures of die, package and temperature, in millimetres.
//!
//! Colours of blocks are those of Okabe and Ito, which people with colour blindness tell apart; temperatures run through viridis, whose lightness rises evenly.

use super::Floorplan;
use crate::area::Block;
use crate::shape::Rectangle;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Most pixels of a millimetre.
const SCALE: f64 = 100.0;
/// Room around the drawing, in pixels.
const MARGIN: f64 = 40.0;
/// Room for the legend, in pixels.
const LEGEND: f64 = 210.0;
/// Height of a line of the legend, in pixels.
const LINE: f64 = 26.0;
/// Longest side of a drawing, in pixels.
const LARGEST: f64 = 900.0;

/// The colour of a block.
fn colour(block: Block) -> &'static str {
    match block {
        Block::Matrix => "#0072B2",
        Block::Vector => "#D55E00",
        Block::Sram => "#56B4E9",
        Block::Noc => "#F0E442",
        Block::Memory => "#009E73",
        Block::Links => "#CC79A7",
        Block::Host => "#E69F00",
        Block::Spare => "#D0D0D0",
    }
}

/// Colours beside the die: lighter than any block's, so that the die stands out.
const STACK: &str = "#E6DFF0";
const INTERPOSER: &str = "#C4C8D2";

/// A drawing of some extent, whose origin is at the lower left.
struct Drawing {
    text: String,
    scale: f64,
    height: f64,
    width: f64,
}

impl Drawing {
    fn new(extent: &Rectangle, title: &str) -> Drawing {
        let scale = SCALE.min(LARGEST / extent.width.0.max(extent.height.0));
        let (width, height) = (extent.width.0 * scale, extent.height.0 * scale);
        let (all, tall) = (width + 2.0 * MARGIN + LEGEND, height.max(LEAST) + 2.0 * MARGIN);
        let mut text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {all:.0} {tall:.0}\" font-family=\"sans-serif\" font-size=\"14\" role=\"img\">\n"
        );
        let title = escape(title);
        let _ = writeln!(text, "<title>{title}</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>");
        let _ = writeln!(text, "<text x=\"{MARGIN}\" y=\"26\" font-weight=\"bold\">{title}</text>");
        Drawing { text, scale, height, width }
    }

    fn rectangle(&mut self, area: &Rectangle, style: &str) {
        let (x, y) = self.place(area.x.0, area.top().0);
        let (width, height) = (area.width.0 * self.scale, area.height.0 * self.scale);
        let _ = writeln!(
            self.text,
            "<rect x=\"{x:.2}\" y=\"{y:.2}\" width=\"{width:.2}\" height=\"{height:.2}\" {style}/>"
        );
    }

    /// A rectangle as a piece of a path; neighbours share their edge to the last digit.
    fn outline(&self, area: &Rectangle) -> String {
        let (left, top) = self.place(area.x.0, area.top().0);
        let (right, bottom) = self.place(area.x.0 + area.width.0, area.y.0);
        format!("M{left:.2} {top:.2}H{right:.2}V{bottom:.2}H{left:.2}z")
    }

    /// A word in the middle of a rectangle.
    fn label(&mut self, area: &Rectangle, word: &str) {
        let (x, y) = self.place(area.x.0 + area.width.0 / 2.0, area.y.0 + area.height.0 / 2.0);
        let _ = writeln!(
            self.text,
            "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#000000\">{}</text>",
            y + 5.0,
            escape(word)
        );
    }

    /// A line of the legend.
    fn legend(&mut self, line: usize, colour: &str, word: &str) {
        let (x, y) = (self.width + MARGIN + 20.0, MARGIN + line as f64 * LINE);
        let _ = writeln!(
            self.text,
            "<rect x=\"{x:.0}\" y=\"{y:.0}\" width=\"16\" height=\"16\" fill=\"{colour}\" stroke=\"#000000\" stroke-width=\"0.5\"/>"
        );
        let _ = writeln!(self.text, "<text x=\"{:.0}\" y=\"{:.0}\">{}</text>", x + 24.0, y + 13.0, escape(word));
    }

    fn place(&self, x: f64, y: f64) -> (f64, f64) {
        (MARGIN + x * self.scale, MARGIN + self.height - y * self.scale)
    }

    fn end(mut self) -> String {
        self.text += "</svg>\n";
        self.text
    }
}

/// Least height of a drawing, so that the legend has room.
const LEAST: f64 = 10.0 * LINE;

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The die: its blocks, the outlines of its cores, and a legend with areas.
pub fn die(plan: &Floorplan) -> String {
    let outline = Rectangle::new(0.0, 0.0, plan.die.width.0, plan.die.height.0);
    let size = format!("{:.1} x {:.1} mm", plan.die.width.0, plan.die.height.0);
    let mut drawing = Drawing::new(&outline, &format!("{}: die of {size}", plan.name));
    for part in &plan.parts {
        let style = format!("fill=\"{}\" stroke=\"#ffffff\" stroke-width=\"0.15\"", colour(part.block));
        drawing.rectangle(&part.area, &style);
    }
    for core in &plan.cores {
        drawing.rectangle(core, "fill=\"none\" stroke=\"#000000\" stroke-width=\"0.8\"");
    }
    drawing.rectangle(&outline, "fill=\"none\" stroke=\"#000000\" stroke-width=\"2\"");
    let digits = if plan.die.area().0 < 100.0 { 2 } else { 1 };
    let placed = Block::ALL.into_iter().filter(|block| plan.block(*block).0 > 0.0);
    for (line, block) in placed.enumerate() {
        drawing.legend(line, colour(block), &format!("{} {:.digits$} mm²", block.name(), plan.block(block).0));
    }
    drawing.end()
}

/// The package: dies and stacks under the lid.
pub fn package(plan: &Floorplan) -> String {
    let size = format!("{:.0} x {:.0} mm", plan.package.width.0, plan.package.height.0);
    let mut drawing = Drawing::new(&plan.package, &format!("{}: package of {size}", plan.name));
    drawing.rectangle(&plan.package, "fill=\"#e8efe4\" stroke=\"#000000\" stroke-width=\"1.5\" rx=\"6\"");
    if let Some(interposer) = plan.interposer() {
        drawing.rectangle(&interposer, &format!("fill=\"{INTERPOSER}\" stroke=\"#606060\""));
    }
    for die in &plan.dies {
        for part in &plan.parts {
            let area = part.area.moved(die.x, die.y);
            drawing.rectangle(&area, &format!("fill=\"{}\" stroke=\"none\"", colour(part.block)));
        }
        drawing.rectangle(die, "fill=\"none\" stroke=\"#000000\" stroke-width=\"1.5\"");
    }
    for (at, stack) in plan.stacks.iter().enumerate() {
        drawing.rectangle(stack, &format!("fill=\"{STACK}\" stroke=\"#000000\""));
        drawing.label(stack, &format!("HBM {at}"));
    }
    let beside = [(STACK, "memory stack"), (INTERPOSER, "interposer")];
    let beside = beside.into_iter().filter(|_| !plan.stacks.is_empty());
    let placed = Block::ALL.into_iter().filter(|block| plan.block(*block).0 > 0.0);
    let lines = beside.chain(placed.map(|block| (colour(block), block.name())));
    for (line, (colour, word)) in lines.enumerate() {
        drawing.legend(line, colour, word);
    }
    drawing.end()
}

/// Viridis at ten even steps.
const VIRIDIS: [[u8; 3]; 10] = [
    [68, 1, 84],
    [72, 40, 120],
    [62, 74, 137],
    [49, 104, 142],
    [38, 130, 142],
    [31, 158, 137],
    [53, 183, 121],
    [109, 205, 89],
    [180, 222, 44],
    [253, 231, 37],
];

fn viridis(share: f64) -> String {
    let at = share.clamp(0.0, 1.0) * (VIRIDIS.len() - 1) as f64;
    let low = (at as usize).min(VIRIDIS.len() - 2);
    let mix = |channel: usize| {
        let [a, b] = [VIRIDIS[low][channel], VIRIDIS[low + 1][channel]].map(f64::from);
        (a + (b - a) * (at - low as f64)).round() as u8
    };
    format!("#{:02x}{:02x}{:02x}", mix(0), mix(1), mix(2))
}

/// Degrees Celsius of zero kelvin.
const ZERO: f64 = -273.15;

/// A map of temperatures in kelvin over the package, row by row from the bottom, with outlines of dies.
pub fn temperatures(plan: &Floorplan, plane: [usize; 2], map: &[f64]) -> String {
    let (low, high) = map.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), t| (low.min(*t), high.max(*t)));
    let title = format!("{}: {:.0} to {:.0} °C in the plane of the transistors", plan.name, low + ZERO, high + ZERO);
    let mut drawing = Drawing::new(&plan.package, &title);
    let (width, height) = (plan.package.width.0 / plane[0] as f64, plan.package.height.0 / plane[1] as f64);
    let span = (high - low).max(f64::MIN_POSITIVE);
    // Neighbours of one colour become one rectangle, rectangles of one colour one path.
    let mut cells_of: BTreeMap<String, String> = BTreeMap::new();
    for (row, cells) in map.chunks(plane[0]).enumerate() {
        let colours: Vec<String> = cells.iter().map(|t| viridis(shade((t - low) / span))).collect();
        let mut start = 0;
        for run in colours.chunk_by(|a, b| a == b) {
            let area = Rectangle::new(start as f64 * width, row as f64 * height, run.len() as f64 * width, height);
            *cells_of.entry(run[0].clone()).or_default() += &drawing.outline(&area);
            start += run.len();
        }
    }
    for (colour, outlines) in cells_of {
        let _ = writeln!(drawing.text, "<path fill=\"{colour}\" shape-rendering=\"crispEdges\" d=\"{outlines}\"/>");
    }
    for area in plan.stacks.iter().chain(&plan.dies) {
        drawing.rectangle(area, "fill=\"none\" stroke=\"#ffffff\" stroke-width=\"1.5\"");
    }
    for line in 0..STEPS {
        let share = 1.0 - line as f64 / (STEPS - 1) as f64;
        drawing.legend(line, &viridis(share), &format!("{:.1} °C", low + span * share + ZERO));
    }
    drawing.end()
}

/// Shares of the scale in the legend.
const STEPS: usize = 9;

/// Sixty-four shades: more are not told apart, and neighbours merge.
fn shade(share: f64) -> f64 {
    const SHADES: f64 = 64.0;
    (share * SHADES).round() / SHADES
}
