//! Logged serving runs, served again in simulated time.
//!
//! The requests of a log come at the times at which they came; scheduler, network and device are ours. Nothing is fitted on the logs: the scheduler's
//! limits are those that the runs show or that vLLM has by default, each with its reason below.

use crate::sets::vllm::Run;
use base::units::Seconds;
use perf::device::Device;
use perf::network::{UnknownNetwork, language};
use perf::operator::Spread;
use perf::parallel::Mapping;
use perf::workload::Plan;
use serve::arrival::Listed;
use serve::metrics::{Record, Report};
use serve::modelled::Modelled;
use serve::route::Routing;
use serve::scheduler::Limits;
use serve::simulate::{self, Group, Host, Links, Role, Setup};
use serve::speculate::Acceptance;

/// Requests at the same time: both logs of state per second stop there while others wait, and vLLM's default (256) would not.
const MAX_BATCH: u32 = 128;

/// New tokens of a step: vLLM's default when it serves on devices of less than 70 GiB; the first steps of the logs have as many.
const TOKEN_BUDGET: u32 = 2048;

/// Plans under way: the logs show requests that start one step after the step that runs when they are found, as with vLLM's asynchronous scheduler
/// (its default since 0.14).
const IN_FLIGHT: u32 = 2;

/// Means over the requests of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Means {
    /// Time to the first token.
    pub ttft: Seconds,
    /// Time per token after the first.
    pub tpot: Seconds,
    /// From arrival to the last token.
    pub end_to_end: Seconds,
}

impl Means {
    /// Of records.
    pub fn of(records: &[Record]) -> Means {
        let mean =
            |time: fn(&Record) -> Seconds| records.iter().map(&time).sum::<Seconds>() / records.len().max(1) as f64;
        Means { ttft: mean(Record::ttft), tpot: mean(Record::tpot), end_to_end: mean(Record::end_to_end) }
    }
}

/// Serves the requests of a run on `device`.
///
/// # Errors
/// If the network is not in the catalogue.
pub fn replay(run: &Run, device: &Device) -> Result<Report, UnknownNetwork> {
    let (known, shape) = language(&run.network)?;
    let plan = Plan::new(shape, known.formats.on(device), Mapping::tensor(run.tensor), Spread::Balanced);
    let cost = Modelled::new(plan, device.clone());
    let positions = run.records.iter().map(|record| u64::from(record.prompt + record.output)).max().unwrap_or(1);
    let block = Limits::default().block;
    let limits = Limits {
        blocks: cost.blocks(run.memory.as_f64(), block, positions),
        max_batch: MAX_BATCH,
        token_budget: TOKEN_BUDGET,
        in_flight: IN_FLIGHT,
        ..Limits::default()
    };
    let group = Group { role: Role::Whole, replicas: 1, limits, cost: &cost, drafter: None };
    let links = &device.scale_up;
    let setup = Setup {
        groups: vec![group],
        routing: Routing::RoundRobin,
        links: Links {
            token: cost.token_bytes(positions),
            hand_over: links.bandwidth,
            latency: links.latency,
            host: links.bandwidth,
        },
        host: Host::default(),
        acceptance: Acceptance::same(0.0),
        seed: 0,
        leap: true,
    };
    Ok(simulate::run(&setup, &mut Listed::new(run.arrivals()), &mut |_| {}))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sets::test_data;
    use crate::sets::vllm::RUNS;

    /// Every request of the logs is served, in full. How close the times are is printed: it rests on the model of the devices.
    #[test]
    fn the_logged_requests_are_all_served() {
        let Some(data) = test_data() else { return };
        for (folder, device) in RUNS {
            let run = Run::read(&data.join("measured/serving/vllm").join(folder)).unwrap();
            let report = replay(&run, &Device::find(device).unwrap()).unwrap();
            let (measured, predicted) = (Means::of(&run.records), Means::of(&report.records));
            println!(
                "{folder}: measured {measured:?}\n  predicted {predicted:?}, {} preemptions",
                report.replicas[0].preemptions
            );
            assert_eq!(report.records.len(), run.records.len());
            assert_eq!(report.refused, 0);
            // Far outside of this, a unit or a limit is wrong, whatever the device reaches.
            let ratio = predicted.end_to_end / measured.end_to_end;
            assert!((0.5..2.0).contains(&ratio), "{folder}: {ratio}");
        }
    }
}
