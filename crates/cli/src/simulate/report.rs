//! What came of it: percentiles, promise, replicas.

use crate::simulate::service::Service;
use crate::ui::{self, Align, Sheet};
use serde::Serialize;
use serve::metrics::{Promise, Report, Summary, Usage, ratio};
use serve::simulate::Role;

/// Everything that is told, in seconds, joules and shares.
#[derive(Serialize)]
pub struct Told {
    service: String,
    devices: u64,
    requests: String,
    served: usize,
    refused: u64,
    seconds: f64,
    requests_per_second: f64,
    tokens_per_second: f64,
    cache_tokens: u64,
    times: Vec<Times>,
    #[serde(skip_serializing_if = "Option::is_none")]
    promise: Option<Kept>,
    joules: f64,
    replicas: Vec<Part>,
}

/// A distribution of times.
#[derive(Serialize)]
struct Times {
    name: &'static str,
    mean: f64,
    p50: f64,
    p90: f64,
    p99: f64,
    most: f64,
}

/// How a promise was kept.
#[derive(Serialize)]
struct Kept {
    ttft: Option<f64>,
    tpot: Option<f64>,
    end_to_end: Option<f64>,
    share: f64,
    requests_per_second: f64,
}

/// One replica, or all of them.
#[derive(Serialize)]
struct Part {
    role: &'static str,
    finished: u64,
    generated: u64,
    steps: u64,
    busy: f64,
    cache_held: f64,
    cache_most_held: f64,
    preemptions: u64,
    prefix_hits: f64,
    drafts_accepted: f64,
    handed_over_bytes: f64,
}

impl Part {
    fn of(role: Role, usage: &Usage, seconds: f64) -> Part {
        Part {
            role: match role {
                Role::Whole => "whole",
                Role::Prefill => "prefill",
                Role::Decode => "decode",
            },
            finished: usage.finished,
            generated: usage.generated,
            steps: usage.steps,
            busy: ratio(usage.busy, seconds),
            cache_held: ratio(usage.held, usage.busy),
            cache_most_held: usage.most_held,
            preemptions: usage.preemptions,
            prefix_hits: ratio(usage.reused_tokens as f64, usage.prompt_tokens as f64),
            drafts_accepted: ratio(usage.accepted as f64, usage.drafted as f64),
            handed_over_bytes: usage.handed_over,
        }
    }
}

impl Told {
    /// Of a run.
    pub fn of(service: &Service, requests: &str, report: &Report, promise: Option<Promise>) -> Told {
        let times = [
            ("first token", report.ttft()),
            ("per token after", report.tpot()),
            ("between tokens", report.gaps()),
            ("end to end", report.end_to_end()),
            ("in the queue", report.queueing()),
        ];
        let seconds = report.duration.0;
        let parts = service.roles().zip(&report.replicas);
        Told {
            service: service.title.clone(),
            devices: service.devices,
            requests: requests.to_string(),
            served: report.records.len(),
            refused: report.refused,
            seconds,
            requests_per_second: report.rate(),
            tokens_per_second: report.throughput(),
            cache_tokens: service.cache_tokens(),
            times: times.into_iter().map(|(name, summary)| Times::of(name, summary)).collect(),
            promise: promise.map(|promise| Kept::of(&promise, report)),
            joules: report.energy().0,
            replicas: parts.map(|(role, usage)| Part::of(role, usage, seconds)).collect(),
        }
    }

    /// As text.
    pub fn text(&self) -> String {
        let mut sheet = Sheet::new();
        sheet.row("requests", &self.requests);
        sheet.row("service", format!("{} x {}", self.replicas.len(), self.service));
        let refused =
            if self.refused > 0 { format!(", {} refused: they never fit", self.refused) } else { String::new() };
        sheet.row("served", format!("{} in {}{refused}", ui::count(self.served as u64), ui::seconds(self.seconds)));
        let per_device = self.tokens_per_second / self.devices as f64;
        let rates = format!("{:.2} requests/s, {:.0} tokens/s", self.requests_per_second, self.tokens_per_second);
        sheet.row("rate", format!("{} ({per_device:.0} a device)", ui::styled(ui::STRONG, rates)));
        if let Some(kept) = &self.promise {
            sheet.row("promise", kept.text());
        }
        sheet.row("cache", format!("{} tokens on each replica", ui::count(self.cache_tokens)));
        let tokens: u64 = self.replicas.iter().map(|part| part.generated).sum();
        let each = ui::large(ratio(self.joules, tokens as f64));
        sheet.row("energy", format!("{each} J a token, of all devices, rest included"));
        format!("{}\n{}\n{}", sheet.text(), self.times_table(), self.replica_table())
    }

    fn times_table(&self) -> String {
        let head = ["mean", "p50", "p90", "p99", "most"].map(|name| (name, Align::Right));
        let head: Vec<_> = [("time", Align::Left)].into_iter().chain(head).collect();
        let row = |times: &Times| {
            let figures = [times.mean, times.p50, times.p90, times.p99, times.most].map(ui::seconds);
            std::iter::once(times.name.to_string()).chain(figures).collect()
        };
        ui::table(&head, &self.times.iter().map(row).collect::<Vec<_>>())
    }

    fn replica_table(&self) -> String {
        let names = ["ended", "tokens", "busy", "cache", "at most", "preempted", "prefix hits"];
        let head: Vec<_> =
            [("replica", Align::Left)].into_iter().chain(names.map(|name| (name, Align::Right))).collect();
        let percent = |share: f64| format!("{:.0} %", 100.0 * share);
        let row = |(at, part): (usize, &Part)| {
            vec![
                format!("{at} {}", part.role),
                ui::count(part.finished),
                ui::large(part.generated as f64),
                percent(part.busy),
                percent(part.cache_held),
                percent(part.cache_most_held),
                ui::count(part.preemptions),
                percent(part.prefix_hits),
            ]
        };
        /// More replicas than anyone reads.
        const SHOWN: usize = 16;
        let shown = self.replicas.iter().enumerate().take(SHOWN);
        let mut text = ui::table(&head, &shown.map(row).collect::<Vec<_>>());
        if let Some(more) = self.replicas.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            text += &format!("and {more} more (--json shows all)\n");
        }
        text
    }
}

impl Times {
    fn of(name: &'static str, summary: Summary) -> Times {
        let Summary { mean, p50, p90, p99, most } = summary;
        Times { name, mean: mean.0, p50: p50.0, p90: p90.0, p99: p99.0, most: most.0 }
    }
}

impl Kept {
    fn of(promise: &Promise, report: &Report) -> Kept {
        let share = report.kept(promise);
        let all = report.records.len() as f64 + report.refused as f64;
        let requests_per_second = ratio(share * all, report.duration.0);
        let [ttft, tpot, end_to_end] =
            [promise.ttft, promise.tpot, promise.end_to_end].map(|time| time.map(|time| time.0));
        Kept { ttft, tpot, end_to_end, share, requests_per_second }
    }

    fn text(&self) -> String {
        let limits = [("first token", self.ttft), ("per token", self.tpot), ("end to end", self.end_to_end)];
        let limits = limits.into_iter().filter_map(|(name, time)| Some(format!("{name} {}", ui::seconds(time?))));
        let limits = limits.collect::<Vec<_>>().join(", ");
        format!("kept to {:.1} % ({:.2} requests/s): {limits}", 100.0 * self.share, self.requests_per_second)
    }
}
