//! How many evaluations a core makes per second: seconds that the thread had a core, where the system tells (Linux).

use super::case::Case;
use crate::failure::Result;
use crate::ui::{self, Sheet};
use ::perf::evaluate;
use ::perf::operator::Phase;
use ::perf::workload::Work;
use serde_json::json;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// How long each phase is measured.
const LONG: Duration = Duration::from_millis(500);
/// Evaluations between looks at the clock.
const CHUNK: u64 = 256;

/// Measures both phases. Every evaluation has another batch, so that nothing can be kept from the last one.
pub fn run(case: &Case, as_json: bool) -> Result {
    let decode = measure(case, |index| Work::decode(1 + index % case.batch.max(64), case.context - 1));
    let prefill = measure(case, |index| Work::prefill(1, case.context + index % 64));
    let operators = [Phase::Prefill, Phase::Decode].map(|phase| case.plan.operators(&[case.work(phase)]).len());
    if as_json {
        let [in_prefill, in_decode] = operators;
        return ui::json(&json!({
            "prefill_evaluations_per_second": prefill, "prefill_operators": in_prefill,
            "decode_evaluations_per_second": decode, "decode_operators": in_decode,
        }));
    }
    let mut sheet = Sheet::new();
    for (name, speed, count) in [("prefill", prefill, operators[0]), ("decode", decode, operators[1])] {
        sheet.row(
            name,
            format!("{} evaluations/s on one core, {count} kinds of operators each", ui::count(speed as u64)),
        );
    }
    ui::print(&sheet.text())
}

fn measure(case: &Case, work: impl Fn(u64) -> Work) -> f64 {
    let (start, before) = (Instant::now(), on_core());
    let mut done = 0;
    while start.elapsed() < LONG {
        for index in done..done + CHUNK {
            let step = evaluate::step(&case.plan, black_box(&[work(index)]), &case.device, &case.software);
            black_box(step.time);
        }
        done += CHUNK;
    }
    let spent = on_core().zip(before).map(|(after, before)| after - before);
    done as f64 / spent.unwrap_or_else(|| start.elapsed().as_secs_f64())
}

/// Seconds that this thread has had a core.
fn on_core() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace().next()?.parse::<f64>().ok().map(|nanoseconds| nanoseconds * 1e-9)
}
