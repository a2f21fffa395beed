//! `puce simulate`: what users of a service would see, in simulated time.
//!
//! The scheduler is the one that serves users; the device is a model. This module reads arguments ([`traffic`] those about requests, [`service`] those about
//! replicas) and hands them to `serve`; [`report`] draws what came of it.

mod report;
mod service;
mod traffic;

use crate::failure::Result;
use crate::ui;
use clap::Args;
use serve::metrics::Promise;
use serve::simulate;
use service::{Service, ServiceArguments};
use traffic::TrafficArguments;

/// Arguments of `puce simulate`.
#[derive(Args)]
#[command(after_help = "\
Examples:
  puce simulate --model llama-3.1-8b --device h100 --rate 10/s --slo ttft=1s,tpot=50ms
  puce simulate --trace AzureLLMInferenceTrace_conv.csv --speed 4 --replicas 2
  puce simulate --model gpt-oss-120b --concurrency 64 --prompt 4k --output 500 --speculate 4:0.7
  puce simulate --model llama-3.1-70b --disaggregate 2:3 --rate 8/s --prefix-share 0.5 --json")]
pub struct Arguments {
    #[command(flatten)]
    service: ServiceArguments,
    #[command(flatten, next_help_heading = "Requests")]
    traffic: TrafficArguments,
    /// What users are promised: `ttft=1s,tpot=50ms,e2e=30s`, or some of them
    #[arg(long, value_name = "PROMISE", value_parser = promise)]
    slo: Option<Promise>,
    /// Seed of all that is random
    #[arg(long, value_name = "N", default_value = "1")]
    seed: u64,
    /// Take every step by itself: slower, the same result
    #[arg(long)]
    plain: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result {
    let traffic = arguments.traffic.read(arguments.seed)?;
    let service = Service::of(&arguments.service, traffic.positions)?;
    let mut setup = service.setup(arguments.seed);
    setup.leap = !arguments.plain;
    let bar = ui::count_bar("requests", traffic.requests);
    let mut source = traffic.source;
    let report = simulate::run(&setup, source.as_mut(), &mut |ended| bar.set_position(ended));
    bar.finish_and_clear();
    let told = report::Told::of(&service, &traffic.summary, &report, arguments.slo);
    if arguments.json { ui::json(&told) } else { ui::print(&told.text()) }
}

/// `ttft=1s,tpot=50ms`.
fn promise(text: &str) -> std::result::Result<Promise, String> {
    let mut promise = Promise::default();
    for part in text.split(',') {
        let (what, time) =
            part.split_once('=').ok_or_else(|| format!("`{part}`: a promise like ttft=1s is expected"))?;
        let time = time.parse().map_err(|error| format!("{error}"))?;
        let place = match what {
            "ttft" => &mut promise.ttft,
            "tpot" => &mut promise.tpot,
            "e2e" => &mut promise.end_to_end,
            _ => return Err(format!("`{what}`: ttft, tpot or e2e can be promised")),
        };
        *place = Some(time);
    }
    Ok(promise)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::units::Seconds;

    #[test]
    fn promises_are_read() {
        let read = promise("ttft=1s,tpot=50 ms").unwrap();
        assert_eq!((read.ttft, read.tpot, read.end_to_end), (Some(Seconds(1.0)), Some(Seconds(0.05)), None));
        assert!(promise("ttft").unwrap_err().contains("ttft=1s"));
        assert!(promise("speed=1s").unwrap_err().contains("tpot or e2e"));
        assert!(promise("ttft=1").unwrap_err().contains("no unit"));
    }
}
