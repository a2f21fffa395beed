//! A timeline in the Chrome trace event format, which Perfetto opens, written event by event.
//!
//! A cycle is drawn as a nanosecond. Every core is a process. An engine has a track for its commands and, since it may take the next before it is done with
//! the one before, further ones for those that overlap; beside them a track for each cause that it waited for.

use arch::Instr;
use arch::attr::Unit;
use perf::cycles::watch::{Cause, Watch};
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::ops::Range;

use super::summary::Summary;

/// The process that is not a core: steps, memory, scratchpads. Cores come behind it; Perfetto keeps process and thread 0 for an idle processor.
const CHIP: usize = 1;
const CORES: usize = 2;
/// Its track.
const STEPS: usize = 1;
/// Tracks of a unit: room for more commands than an engine has inside, then one for each cause.
const LANES: usize = 256;
const TRACKS: usize = LANES + Cause::ALL.len();

/// What is drawn.
#[derive(Clone, Debug)]
pub struct View {
    /// Cycles of the whole run; nothing outside is drawn or counted.
    pub cycles: Range<u64>,
    /// Waits of fewer cycles are counted and not drawn.
    pub least: u64,
    /// Beats that all memory ports can give in a cycle.
    pub ports: usize,
}

/// An event as the format has it; times in microseconds.
#[derive(Serialize)]
struct Event<'a> {
    name: &'a str,
    ph: &'a str,
    pid: usize,
    tid: usize,
    ts: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    dur: Option<f64>,
    args: serde_json::Value,
}

/// Writes events and adds up what they say.
pub struct Timeline<W: Write> {
    out: W,
    view: View,
    /// Cycles of the steps before the one that runs.
    base: u64,
    /// When each track of commands is free, by core and unit.
    lanes: BTreeMap<(usize, u8), Vec<u64>>,
    named: BTreeMap<(usize, usize), ()>,
    summary: Summary,
    events: u64,
    failed: Option<io::Error>,
}

impl<W: Write> Timeline<W> {
    /// The beginning of a file.
    pub fn new(out: W, view: View) -> Timeline<W> {
        let mut timeline = Timeline {
            out,
            view,
            base: 0,
            lanes: BTreeMap::new(),
            named: BTreeMap::new(),
            summary: Summary::default(),
            events: 0,
            failed: None,
        };
        let begun = timeline.out.write_all(b"{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n");
        timeline.failed = begun.err();
        timeline
    }

    /// A step of the model took so many cycles; what comes begins behind it.
    pub fn step(&mut self, label: &str, cycles: u64) {
        if let Some(Range { start, end }) = self.clip(0, cycles) {
            self.name(CHIP, STEPS, "chip", "steps");
            self.span(label, CHIP, STEPS, start..end, json!({ "cycles": cycles }));
            self.summary.cycles += end - start;
        }
        self.base += cycles;
        self.lanes.clear();
    }

    /// Whether a step of so many cycles at most, beginning now, could be drawn.
    pub fn wants(&self) -> bool {
        self.base < self.view.cycles.end
    }

    /// The end of the file: how many events it has, and what they add up to.
    pub fn finish(mut self) -> io::Result<(u64, Summary)> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.out.write_all(b"\n]}\n")?;
        Ok((self.events, self.summary))
    }

    /// The part of a span of the running step that is in view, in cycles of the whole run.
    fn clip(&self, from: u64, to: u64) -> Option<Range<u64>> {
        let start = (self.base + from).max(self.view.cycles.start);
        let end = (self.base + to).min(self.view.cycles.end);
        (start < end).then_some(start..end)
    }

    fn write(&mut self, event: &Event<'_>) {
        if self.failed.is_some() {
            return;
        }
        let comma: &[u8] = if self.events == 0 { b"" } else { b",\n" };
        let written = self.out.write_all(comma).and_then(|()| Ok(serde_json::to_writer(&mut self.out, event)?));
        self.failed = written.err();
        self.events += 1;
    }

    /// A track's name, told once.
    fn name(&mut self, pid: usize, tid: usize, process: &str, track: &str) {
        if self.named.insert((pid, usize::MAX), ()).is_none() {
            self.meta("process_name", pid, tid, json!({ "name": process }));
            self.meta("process_sort_index", pid, tid, json!({ "sort_index": pid }));
        }
        if self.named.insert((pid, tid), ()).is_none() {
            self.meta("thread_name", pid, tid, json!({ "name": track }));
            self.meta("thread_sort_index", pid, tid, json!({ "sort_index": tid }));
        }
    }

    fn meta(&mut self, name: &str, pid: usize, tid: usize, args: serde_json::Value) {
        self.write(&Event { name, ph: "M", pid, tid, ts: 0.0, dur: None, args });
    }

    fn span(&mut self, name: &str, pid: usize, tid: usize, cycles: Range<u64>, args: serde_json::Value) {
        let dur = Some(micros(cycles.end - cycles.start));
        self.write(&Event { name, ph: "X", pid, tid, ts: micros(cycles.start), dur, args });
    }

    fn counter(&mut self, name: &str, cycles: &Range<u64>, args: serde_json::Value) {
        self.write(&Event { name, ph: "C", pid: CHIP, tid: STEPS, ts: micros(cycles.start), dur: None, args });
    }

    /// The first track of a unit that is free at `from`.
    fn lane(&mut self, core: usize, unit: Unit, span: &Range<u64>) -> usize {
        let lanes = self.lanes.entry((core, unit as u8)).or_default();
        let lane = lanes.iter().position(|until| *until <= span.start).unwrap_or(lanes.len());
        lanes.resize(lanes.len().max(lane + 1), 0);
        lanes[lane] = span.end;
        lane
    }
}

fn micros(cycles: u64) -> f64 {
    cycles as f64 / 1e3
}

/// A unit in a word.
pub fn unit_name(unit: Unit) -> String {
    format!("{unit:?}").to_lowercase()
}

/// An instruction without its operands: `mm.i4m`.
fn mnemonic(instr: &Instr) -> String {
    [vec![instr.info().mnemonic.to_string()], instr.attr_texts()].concat().join(".")
}

impl<W: Write> Watch for Timeline<W> {
    fn command(&mut self, core: usize, unit: Unit, instr: &Instr, taken: u64, done: u64) {
        let Some(span) = self.clip(taken, done) else { return };
        self.summary.command(core, unit, &span);
        let lane = self.lane(core, unit, &span);
        let tid = 1 + unit as usize * TRACKS + lane;
        let track = if lane == 0 { unit_name(unit) } else { format!("{} ({})", unit_name(unit), lane + 1) };
        self.name(CORES + core, tid, &format!("core {core}"), &track);
        let args = json!({ "instruction": instr.to_string(), "taken": self.base + taken, "done": self.base + done });
        self.span(&mnemonic(instr), CORES + core, tid, span, args);
    }

    fn stall(&mut self, core: usize, unit: Unit, cause: Cause, from: u64, to: u64) {
        let Some(span) = self.clip(from, to) else { return };
        self.summary.wait(unit, cause, &span);
        if to - from < self.view.least {
            return;
        }
        let tid = 1 + unit as usize * TRACKS + LANES + cause as usize;
        let track = format!("{} waits for {}", unit_name(unit), cause.name());
        self.name(CORES + core, tid, &format!("core {core}"), &track);
        self.span(cause.name(), CORES + core, tid, span, json!({ "cycles": to - from }));
    }

    fn memory(&mut self, from: u64, to: u64, read: u64, written: u64) {
        let Some(span) = self.clip(from, to) else { return };
        self.name(CHIP, STEPS, "chip", "steps");
        let share = |beats: u64| 100.0 * beats as f64 / ((to - from) * self.view.ports as u64) as f64;
        let args = json!({ "read": share(read), "written": share(written) });
        self.counter("memory ports, % of beats", &span, args);
        self.summary.memory(read, written, self.view.ports as u64 * (to - from));
    }

    fn scratchpad(&mut self, from: u64, to: u64, words: u64) {
        let Some(span) = self.clip(from, to) else { return };
        self.name(CHIP, STEPS, "chip", "steps");
        let args = json!({ "words": words as f64 / (to - from) as f64 });
        self.counter("scratchpads, words per cycle", &span, args);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(view: View, run: impl FnOnce(&mut Timeline<&mut Vec<u8>>)) -> (Vec<serde_json::Value>, Summary) {
        let mut bytes = Vec::new();
        let mut timeline = Timeline::new(&mut bytes, view);
        run(&mut timeline);
        let (events, summary) = timeline.finish().unwrap();
        let file: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        let list = file["traceEvents"].as_array().unwrap().clone();
        assert_eq!(list.len() as u64, events);
        (list, summary)
    }

    fn spans(events: &[serde_json::Value]) -> Vec<String> {
        let text = |event: &serde_json::Value| {
            let [ts, dur] = ["ts", "dur"].map(|key| event[key].as_f64().unwrap() * 1e3);
            format!("{} {} {} {ts}+{dur}", event["pid"], event["tid"], event["name"].as_str().unwrap())
        };
        events.iter().filter(|event| event["ph"] == "X").map(text).collect()
    }

    #[test]
    fn commands_that_overlap_have_tracks_of_their_own() {
        let view = View { cycles: 0..u64::MAX, least: 0, ports: 1 };
        let (events, summary) = drawn(view, |timeline| {
            timeline.command(0, Unit::Vector, &Instr::Halt {}, 10, 20);
            timeline.command(0, Unit::Vector, &Instr::Halt {}, 15, 30);
            timeline.command(0, Unit::Vector, &Instr::Halt {}, 20, 40);
            timeline.step("first", 100);
            timeline.command(1, Unit::Load, &Instr::Halt {}, 1, 2);
            timeline.step("second", 50);
        });
        let lanes = [1, 2, 1].map(|lane| lane + 3 * TRACKS);
        let wanted = [
            format!("2 {} halt 10+10", lanes[0]),
            format!("2 {} halt 15+15", lanes[1]),
            format!("2 {} halt 20+20", lanes[2]),
            "1 1 first 0+100".into(),
            "3 1 halt 101+1".into(),
            "1 1 second 100+50".into(),
        ];
        assert_eq!(spans(&events), wanted);
        assert_eq!(summary.cycles, 150);
        assert_eq!(summary.busy(Unit::Vector), 30, "cycles in which it works, not the sum of its commands");
    }

    #[test]
    fn what_is_out_of_view_is_neither_drawn_nor_counted() {
        let view = View { cycles: 50..120, least: 8, ports: 2 };
        let (events, summary) = drawn(view, |timeline| {
            timeline.stall(0, Unit::Matrix, Cause::Stream, 10, 60);
            timeline.stall(0, Unit::Matrix, Cause::Stream, 70, 75);
            timeline.command(0, Unit::Load, &Instr::Halt {}, 0, 50);
            timeline.memory(50, 60, 5, 10);
            timeline.step("first", 100);
            timeline.stall(0, Unit::Matrix, Cause::Stream, 15, 90);
            assert!(timeline.wants());
            timeline.step("second", 100);
            assert!(!timeline.wants());
        });
        let tid = 1 + 2 * TRACKS + LANES + Cause::Stream as usize;
        let wanted = [
            format!("2 {tid} stream 50+10"),
            "1 1 first 50+50".into(),
            format!("2 {tid} stream 115+5"),
            "1 1 second 100+20".into(),
        ];
        assert_eq!(spans(&events), wanted);
        assert_eq!((summary.busy(Unit::Load), summary.waited(Unit::Matrix, Cause::Stream)), (0, 20));
        let counter = events.iter().find(|event| event["ph"] == "C").unwrap();
        assert_eq!((counter["args"]["read"].as_f64(), counter["args"]["written"].as_f64()), (Some(25.0), Some(50.0)));
        assert_eq!(summary.cycles, 70);
    }
}
