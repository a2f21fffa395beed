//! What a study comes to, as plain data.
//!
//! Terminal, memo, page and JSON all show this and compute nothing. Units are in the field's documentation and stay the same for every device: dollars of the study's
//! date, a million tokens **written** with the prompts that they need, watts, grams of CO2 equivalent.

use serde::{Deserialize, Serialize};

/// Low, middle and high of a quantity: the ends leave out five in a hundred on each side.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Span {
    /// 5th percentile.
    pub low: f64,
    /// Median.
    pub median: f64,
    /// 95th percentile.
    pub high: f64,
}

/// Everything that a study came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// What was asked.
    pub asked: Asked,
    /// What to do.
    pub verdict: Verdict,
    /// The best chip of the space; none if no chip meets the limits.
    pub chosen: Option<Chosen>,
    /// Our chip (first, if there is one) and the rivals, cheapest first.
    pub contenders: Vec<Contender>,
    /// Devices that cannot be compared, with the reason.
    pub left_out: Vec<LeftOut>,
    /// Candidate designs for the scatter: the front, and a sample of what it dominates.
    pub designs: Vec<Design>,
    /// How the search went.
    pub search: Searched,
    /// What the spread of the advantage over the best rival comes from, largest first.
    pub sensitivity: Vec<Explains>,
    /// What would turn the choice over, nearest first.
    pub flips: Vec<Flip>,
    /// What the result rests on.
    pub assumptions: Vec<Assumption>,
}

/// What was asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    /// Short name of the study.
    pub name: String,
    /// One line.
    pub title: String,
    /// What was known: ISO date.
    pub as_of: String,
    /// Devices of our chip that are to be made.
    pub volume: f64,
    /// What is served.
    pub workloads: Vec<Workload>,
    /// Limits in words, `reticle 26 x 33 mm`.
    pub limits: Vec<String>,
}

/// A network with a kind of traffic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Workload {
    /// `chat on gpt-oss-120b`.
    pub name: String,
    /// Key of the network.
    pub network: String,
    /// Kind of traffic: chat, summarise, translate, code.
    pub traffic: String,
    /// Share of all tokens written.
    pub share: f64,
    /// Mean tokens of a prompt.
    pub prompt: f64,
    /// Mean tokens of an answer.
    pub answer: f64,
    /// Longest time to the first token that 99 in 100 may see, s.
    pub ttft: f64,
    /// Longest time per further token that 99 in 100 may see, s.
    pub tpot: f64,
    /// Where the traffic's lengths come from.
    pub source: String,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Build the chip.
    Build,
    /// Do not build: buy the best rival.
    DoNotBuild,
    /// The answer hangs on what is not known yet.
    Open,
}

/// What to do, and how sure that is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// What to do.
    pub action: Action,
    /// One sentence with the numbers that decide.
    pub sentence: String,
    /// Further sentences: what binds, what it costs to be wrong.
    pub reasons: Vec<String>,
    /// Probability that our chip's tokens are cheaper than the best rival's, design and masks included, 0 to 1.
    pub probability: f64,
    /// Cost of our tokens over the best rival's.
    pub ratio: Option<Span>,
    /// Name of the best rival.
    pub rival: Option<String>,
    /// Devices after which design and masks are paid for; none if they never are.
    pub break_even: Option<f64>,
    /// Dollars spent before volume.
    pub spent: Span,
    /// Years from architecture to volume.
    pub years: Span,
}

/// The best chip.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Chosen {
    /// Name.
    pub name: String,
    /// The chip description, as a file that every command takes.
    pub toml: String,
    /// What it is, line by line: `cores`, `32`, `each 32 x 32 x 64 multiply-accumulates`.
    pub sheet: Vec<Fact>,
    /// Limits and what is left of each.
    pub binds: Vec<Bind>,
    /// Drawing of the die, SVG.
    pub die: String,
    /// Drawing of the package, SVG.
    pub package: String,
    /// Map of temperatures at the hottest workload, SVG.
    pub heat: String,
    /// Roofline: what the chip gives and what the workloads ask.
    pub roofline: Roofline,
}

/// A line of a sheet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    /// What.
    pub what: String,
    /// The figure with its unit.
    pub figure: String,
    /// Range or remark; may be empty.
    pub note: String,
}

/// A limit, and how near the design is to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bind {
    /// Which limit: `reticle`, `heat`, `latency of chat on gpt-oss-120b`.
    pub limit: String,
    /// What is allowed, with unit.
    pub allowed: String,
    /// What the design takes, with unit.
    pub taken: String,
    /// Taken over allowed.
    pub share: f64,
    /// True if the next step of the grid in its direction breaks the limit.
    pub binds: bool,
}

/// Peaks of a device and points of operators.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Roofline {
    /// Name and rate of each roof, operations/s.
    pub roofs: Vec<(String, f64)>,
    /// Memory bandwidth, bytes/s.
    pub bandwidth: f64,
    /// Operators.
    pub points: Vec<RoofPoint>,
}

/// An operator on the roofline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RoofPoint {
    /// `decode, experts`.
    pub operator: String,
    /// Name of the workload.
    pub workload: String,
    /// Operations per byte.
    pub intensity: f64,
    /// Operations/s reached.
    pub rate: f64,
    /// Share of the step's time, 0 to 1.
    pub share: f64,
}

/// A device that is compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contender {
    /// Key: `h100`, or the name of our chip.
    pub key: String,
    /// For people.
    pub name: String,
    /// True for our chip.
    pub ours: bool,
    /// How it is had: `made`, `made by a partner`, `bought`, `sold by a vendor`.
    pub acquisition: String,
    /// Dollars per million tokens of the mix.
    pub usd: Span,
    /// The same, if everything is at its nominal.
    pub usd_nominal: f64,
    /// Of the prompts' million tokens alone and the answers' alone, at the nominals.
    pub usd_input: f64,
    /// See above.
    pub usd_output: f64,
    /// Tokens of the mix written per second by a package, its prompts read besides.
    pub rate: f64,
    /// Price of a package, dollars.
    pub price: Span,
    /// Dollars per hour of a package that does work.
    pub hour: Span,
    /// Watts of a package with its share of the server, provisioned.
    pub watts: f64,
    /// Joules per token written, of the packages alone.
    pub joules: f64,
    /// Dollars of capital per token written a second.
    pub capital: f64,
    /// Grams of CO2 equivalent per million tokens.
    pub carbon: f64,
    /// Steps from the wafer to a million tokens, dollars at the nominals: the sum is `usd_nominal`.
    pub waterfall: Vec<Step>,
    /// Cost against interactivity, for the mix: quickest first.
    pub frontier: Vec<FrontierPoint>,
    /// How each workload is run.
    pub deployments: Vec<Deployment>,
    /// Measurements behind its times: `fitted on measurements`, `never fitted`, `our design`.
    pub footing: String,
}

/// A step of a waterfall.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// `logic`, `memory`, ..., `energy`, `idle hours`.
    pub what: String,
    /// Dollars per million tokens.
    pub usd: f64,
}

/// A point of cost against interactivity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FrontierPoint {
    /// Latency targets of the study times this.
    pub level: f64,
    /// Tokens per second that a user sees, averaged over the mix.
    pub interactivity: f64,
    /// Dollars per million tokens.
    pub usd: f64,
    /// Joules per token.
    pub joules: f64,
}

/// How a workload is run on a device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deployment {
    /// Name of the workload.
    pub workload: String,
    /// Devices of an instance.
    pub devices: u64,
    /// `tensor 4 x expert 4`.
    pub mapping: String,
    /// Formats in words.
    pub formats: String,
    /// `mixed, chunks of 2048` or `prefill apart`.
    pub policy: String,
    /// Requests that decode at once in an instance.
    pub batch: u64,
    /// Tokens written per second and device (a die of ours, a package of the others).
    pub rate: f64,
    /// Time to first token, 99th percentile, by the closed form, s.
    pub ttft: f64,
    /// Time per further token, mean, by the closed form, s.
    pub tpot: f64,
    /// What the steps wait for most: `memory`.
    pub bound: String,
    /// The same deployment in simulated traffic; none if it was not simulated.
    pub simulated: Option<Simulated>,
}

/// What a simulation of requests found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Simulated {
    /// Tokens written per second and device.
    pub rate: f64,
    /// Time to first token, 99th percentile, s.
    pub ttft: f64,
    /// Time per further token, 99th percentile over requests, s.
    pub tpot: f64,
    /// Requests that were simulated.
    pub requests: u64,
    /// True if both targets are met.
    pub meets: bool,
}

/// A device without a place in the comparison.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Name.
    pub name: String,
    /// Why: one clause.
    pub why: String,
}

/// A design of the scatter: a chip with its deployments at one level of latency.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Design {
    /// `24 cores, 32x32x64, 6 HBM4, 1.6 GHz`.
    pub name: String,
    /// Latency targets of the study times this.
    pub level: f64,
    /// Dollars per million tokens.
    pub usd: f64,
    /// Tokens per second that a user sees.
    pub interactivity: f64,
    /// Joules per token.
    pub joules: f64,
    /// Dollars of capital per token a second.
    pub capital: f64,
    /// Grams of CO2 equivalent per million tokens.
    pub carbon: f64,
    /// Die area, mm2.
    pub area: f64,
    /// Watts of a package at the hottest workload.
    pub watts: f64,
    /// True if no other design is as good in everything and better in something.
    pub front: bool,
    /// True if it is the chosen one.
    pub chosen: bool,
}

/// How the search went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Searched {
    /// Chips of the grid.
    pub chips: u64,
    /// Of those, refused by a limit before any time was computed, by the limit's name.
    pub refused: Vec<(String, u64)>,
    /// Left out because their bound is above the best.
    pub pruned: u64,
    /// Not looked at because the budget of points was spent.
    #[serde(default)]
    pub undone: u64,
    /// Evaluated.
    pub evaluated: u64,
    /// Points of chip, mapping, batch, policy and workload that were evaluated.
    pub points: u64,
    /// Relative gap between the best and the lowest bound of what was not evaluated; 0 when the best is proven.
    pub gap: f64,
    /// What a step of the grid is, line by line: `cores`, `16, 24, 32, 48`.
    pub grid: Vec<Fact>,
}

/// A share of the spread.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Explains {
    /// Input.
    pub input: String,
    /// Share of the variance, alone and with interactions, 0 to 1.
    pub share: f64,
    /// Ratio of costs when the input is at its 5th and at its 95th percentile, all else at the median.
    pub swing: (f64, f64),
}

/// What would turn the choice over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Flip {
    /// The input.
    pub input: String,
    /// Its nominal with unit.
    pub now: String,
    /// Where the choice turns, with unit.
    pub turns: String,
    /// Whether that lies inside the input's range.
    pub likely: bool,
    /// What is chosen beyond.
    pub then: String,
}

/// A figure that the result rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Assumption {
    /// The quantity.
    pub what: String,
    /// Low, nominal, high.
    pub range: (f64, f64, f64),
    /// Unit.
    pub unit: String,
    /// Grade: P, A, R, C; empty where the source has none.
    pub grade: String,
    /// Date.
    pub as_of: String,
    /// Source.
    pub source: String,
}
