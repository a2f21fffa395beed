//! Exchanges between devices.
//!
//! # The schedule
//! An exchange is a number of *steps*, in each of which every device sends one piece to a neighbour. With n devices and a message of S bytes
//! (what each holds before an all-reduce or all-to-all, or after an all-gather):
//!
//! | exchange | ring steps | bytes that each device sends |
//! |---|---|---|
//! | all-gather, reduce-scatter | n - 1 | S (n - 1) / n |
//! | all-reduce | 2 (n - 1) | 2 S (n - 1) / n |
//! | all-to-all | 1 (all peers at once) | S (n - 1) / n |
//!
//! The bytes are the least that any algorithm can send; what the topology decides is the number of steps, and how many links carry the bytes at once:
//! - **switch**: one ring at the full bandwidth of a device's links;
//! - **mesh**: a link to each peer, so a phase is one step, and a group of n out of G devices uses n - 1 of G - 1 links;
//! - **torus**: rings along every dimension and in both directions at once, half a side of steps each; an all-to-all pays for the hops between;
//! - **bus**: all devices share the host's bridge, which carries two devices at full rate.
//!
//! A switch that sums (NVLink SHARP) replaces the ring of a large all-reduce: each device sends and receives the message once, at a lower rate and after
//! a long set-up. It sums floating-point elements only.
//!
//! # Protocols
//! The communication libraries of GPUs (NCCL and its descendants) move short messages with a flag beside each word (*low latency*: no waiting for whole
//! buffers, a small fraction of the bandwidth), middling ones with a flag per 128 bytes, and long ones through buffers that are handed over whole (*simple*:
//! full bandwidth, some microseconds more). They pick the fastest, and so does this model. Long messages are cut into chunks that grow with the message
//! up to a limit; filling the pipeline costs one chunk.
//!
//! # Beyond the group
//! When more ranks take part than a group holds, the exchange is hierarchical: reduce-scatter within the group, exchange of each device's share between groups,
//! all-gather within the group (and the corresponding halves for the other kinds).
//!
//! # Parameters
//! Two per device: the time to launch and to meet, and the fraction of the links' bandwidth that long messages reach. The universal constants below are
//! properties of the library; they were found on A100, H100 and H200 together.

use crate::device::{Device, Links, Topology};
use crate::estimate::Estimate;
use crate::operator::{Collective, CollectiveKind};
use base::units::Seconds;

crate::parameters! {
    /// How much of the data sheet exchanges reach.
    pub struct Parameters {
        /// Launch of the kernel on every rank and their first meeting, in seconds.
        launch: 1e-6..4e-5 = 5.5e-6,
        /// Fraction of the links' bandwidth that long messages reach.
        bandwidth: 0.3..1.0 = 0.8,
    }
}

/// One step as a share of the latency of [`Links`]: a flag is stored at the peer and seen there, half of the round trip of a load and some polling.
const STEP: f64 = 0.68;
/// Bytes of a ring's ends that overlap with nothing, in pieces of S / n: a device's own first piece is read and its last one written alone.
const ENDS: f64 = 0.47;

/// How one protocol moves bytes.
struct Protocol {
    /// Launch and meeting, in launches.
    launch: f64,
    /// Time of a step, in [`STEP`]s.
    step: f64,
    /// Share of the reached bandwidth.
    rate: f64,
}

/// A flag in every 8 bytes; few channels.
const LOW_LATENCY: Protocol = Protocol { launch: 1.0, step: 1.0, rate: 0.032 };
/// A flag in every 128 bytes: warps store whole lines.
const LINES: Protocol = Protocol { launch: 1.26, step: 1.05, rate: 0.43 };
/// Whole buffers, handed over after a fence; all channels start, which takes longer.
const SIMPLE: Protocol = Protocol { launch: 3.9, step: 0.41, rate: 1.0 };

/// Bytes in flight that fill the pipeline of the simple protocol when chunks are at their largest: 24 channels with a buffer of about 1 MiB each.
const PIPELINE: f64 = 22.5e6;
/// Message at which chunks reach half of their largest size.
const CHUNKS_GROW: f64 = 76e6;

/// Point-to-point exchanges (all-to-all, send and receive) of short messages: launch in launches, for the lists of peers are longer.
const PEERS_LAUNCH: f64 = 1.32;
/// A further peer, in steps.
const PEER: f64 = 0.6;
/// Rate of the low-latency protocol to one peer: one channel's warps, whatever the link.
const PEER_RATE: f64 = 6.3e9;
/// Time to start buffered channels to all peers, in seconds: it was the same on three devices.
const PEERS_START: Seconds = Seconds(13.3e-6);
/// Bytes in flight of a buffered exchange with all peers, and the message at which half of them are.
const PEERS_PIPELINE: f64 = 59e6;
/// Message at which half of [`PEERS_PIPELINE`] is in flight.
const PEERS_GROW: f64 = 114e6;

/// Set-up of a sum in the switch, in seconds: multicast buffers are filled and emptied in slices.
const SWITCH_START: Seconds = Seconds(73e-6);
/// Share of the reached bandwidth at which a switch sums.
const SWITCH_RATE: f64 = 0.69;

/// The time of one.
pub fn time(operator: &Collective, device: &Device) -> Estimate {
    time_with(operator, device, &device.parameters.collective)
}

/// The time of one under other parameters than the device's.
pub fn time_with(operator: &Collective, device: &Device, parameters: &Parameters) -> Estimate {
    if operator.ranks < 2 {
        return Estimate::default();
    }
    let launch = device.start(Seconds(parameters.launch)).0;
    let parameters = &Parameters { launch, ..*parameters };
    let time = match &device.scale_out {
        Some(outer) if operator.ranks > device.scale_up.group => {
            hierarchical(operator, &device.scale_up, outer, parameters)
        }
        _ => within(operator, &device.scale_up, parameters),
    };
    let overhead = Seconds(launch.min(time.0));
    Estimate { time, link: time - overhead, overhead, ..Estimate::default() }
}

/// An exchange beyond the group: its halves within the group, and between groups of what each device holds then.
fn hierarchical(operator: &Collective, inner: &Links, outer: &Links, parameters: &Parameters) -> Seconds {
    let groups = operator.ranks.div_ceil(inner.group);
    let inside = |kind| within(&Collective { kind, ranks: inner.group, ..*operator }, inner, parameters);
    let share = operator.bytes / inner.group as f64;
    let across = |kind, bytes| within(&Collective { kind, ranks: groups, bytes, ..*operator }, outer, parameters);
    match operator.kind {
        CollectiveKind::AllReduce => {
            inside(CollectiveKind::ReduceScatter) + across(operator.kind, share) + inside(CollectiveKind::AllGather)
        }
        CollectiveKind::AllGather | CollectiveKind::ReduceScatter => {
            across(operator.kind, share) + inside(operator.kind)
        }
        // Both kinds of links work at once.
        CollectiveKind::AllToAll => Seconds(inside(operator.kind).0.max(across(operator.kind, operator.bytes).0)),
        CollectiveKind::SendReceive => across(operator.kind, operator.bytes),
    }
}

/// An exchange over one kind of links.
fn within(operator: &Collective, links: &Links, parameters: &Parameters) -> Seconds {
    if operator.ranks < 2 {
        return Seconds(0.0);
    }
    let schedule = Schedule::of(operator, links);
    let rate = schedule.rate * parameters.bandwidth;
    let step = links.latency.0 * STEP;
    let time = match operator.kind {
        CollectiveKind::AllToAll | CollectiveKind::SendReceive => {
            peers(&schedule, operator, rate, step, parameters.launch)
        }
        _ => ring(&schedule, operator, rate, step, parameters.launch),
    };
    Seconds(time)
}

/// The fastest protocol of a ring, or the switch.
fn ring(schedule: &Schedule, operator: &Collective, rate: f64, step: f64, launch: f64) -> f64 {
    let bytes = operator.bytes;
    let moved = (schedule.sent + ENDS * bytes / operator.ranks as f64) / rate;
    let by =
        |protocol: &Protocol| launch * protocol.launch + schedule.steps * step * protocol.step + moved / protocol.rate;
    let fill = PIPELINE * (schedule.sent / (bytes + CHUNKS_GROW)) / rate;
    let time = by(&LOW_LATENCY).min(by(&LINES)).min(by(&SIMPLE) + fill);
    match schedule.sums_in_switch {
        true => time.min(SWITCH_START.0 + bytes / (rate * SWITCH_RATE)),
        false => time,
    }
}

/// The fastest protocol of an exchange with peers.
fn peers(schedule: &Schedule, operator: &Collective, rate: f64, step: f64, launch: f64) -> f64 {
    let others = (operator.ranks - 1) as f64;
    let short = launch * PEERS_LAUNCH + others * PEER * step + schedule.sent / others / PEER_RATE;
    let fill = PEERS_PIPELINE * schedule.sent / (operator.bytes + PEERS_GROW);
    let long = PEERS_START.0 + schedule.steps * step * SIMPLE.step + (schedule.sent + fill) / rate;
    short.min(long)
}

/// What an algorithm sends over a topology.
struct Schedule {
    /// Hops that wait for each other.
    steps: f64,
    /// Bytes that each device sends; hops through others count.
    sent: f64,
    /// Bandwidth of the links that a device uses at once.
    rate: f64,
    /// Whether the switch can do it.
    sums_in_switch: bool,
}

impl Schedule {
    fn of(operator: &Collective, links: &Links) -> Schedule {
        let n = operator.ranks as f64;
        let bandwidth = links.bandwidth.0;
        // An all-reduce is a reduce-scatter and an all-gather.
        let phases = if operator.kind == CollectiveKind::AllReduce { 2.0 } else { 1.0 };
        let at_once = matches!(operator.kind, CollectiveKind::AllToAll | CollectiveKind::SendReceive);
        let share = if operator.kind == CollectiveKind::SendReceive { 1.0 } else { (n - 1.0) / n };
        let plain = Schedule {
            steps: if at_once { 1.0 } else { phases * (n - 1.0) },
            sent: operator.bytes * share * phases,
            rate: bandwidth,
            sums_in_switch: false,
        };
        match links.topology {
            Topology::Switch => Schedule { sums_in_switch: can_sum(operator, links), ..plain },
            Topology::Bus => Schedule { rate: bandwidth * (2.0 / n).min(1.0), ..plain },
            Topology::Mesh => {
                let pair = bandwidth / (links.group.max(operator.ranks) as f64 - 1.0);
                Schedule { steps: phases, rate: pair * (n - 1.0), ..plain }
            }
            Topology::Torus(dimensions) => torus(operator, plain, f64::from(dimensions.max(1)), phases, at_once),
        }
    }
}

/// Whether the switch adds up this exchange: an all-reduce of floating-point elements over more devices than a pair.
fn can_sum(operator: &Collective, links: &Links) -> bool {
    let floating = !matches!(operator.format, crate::format::Format::Int8 | crate::format::Format::Int4);
    links.reduces && floating && operator.kind == CollectiveKind::AllReduce && operator.ranks > 2
}

/// Rings along every dimension that the ranks span, both ways.
fn torus(operator: &Collective, plain: Schedule, dimensions: f64, phases: f64, at_once: bool) -> Schedule {
    let n = operator.ranks as f64;
    if operator.kind == CollectiveKind::SendReceive {
        // A neighbour is reached over one of two links per dimension.
        return Schedule { rate: plain.rate / (2.0 * dimensions), ..plain };
    }
    // Two ranks span one dimension over a single link; four span two.
    let spanned = n.log2().floor().clamp(1.0, dimensions);
    let side = n.powf(1.0 / spanned);
    let ways = if side > 2.0 { 2.0 } else { 1.0 };
    let rate = plain.rate * spanned * ways / (2.0 * dimensions);
    // The farthest of a ring is half of it away.
    let reach = spanned * (side / 2.0).max(1.0);
    match at_once {
        // Every piece travels a quarter of each ring on average, and takes a device's bandwidth at each hop.
        true => Schedule { steps: reach, sent: operator.bytes * spanned * (side / 4.0).max(0.5), rate, ..plain },
        false => Schedule { steps: phases * reach, rate, ..plain },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Format;
    use proptest::prelude::*;

    fn gpu() -> Device {
        Device { parameters: crate::device::Parameters::default(), ..Device::find("h100").unwrap() }
    }

    const GATHER: CollectiveKind = CollectiveKind::AllGather;

    fn exchange(kind: CollectiveKind, ranks: u64, bytes: f64) -> Collective {
        Collective { kind, ranks, bytes, format: Format::Bf16 }
    }

    fn links(topology: Topology, group: u64) -> Links {
        Links { topology, group, reduces: false, ..gpu().scale_up }
    }

    /// An all-gather carried out: in every step each device passes on the pieces that it received in the step before, to the neighbours given.
    /// Returns steps, and the pieces that the busiest link carried.
    fn carried_out(n: usize, neighbours: impl Fn(usize) -> Vec<usize>) -> (usize, usize) {
        let mut has: Vec<Vec<bool>> = (0..n).map(|i| (0..n).map(|piece| piece == i).collect()).collect();
        let mut fresh: Vec<Vec<(usize, usize)>> =
            (0..n).map(|i| neighbours(i).into_iter().map(|to| (i, to)).collect()).collect();
        let mut carried = std::collections::HashMap::new();
        let mut steps = 0;
        while has.iter().any(|pieces| pieces.contains(&false)) {
            steps += 1;
            let mut next = vec![Vec::new(); n];
            for (from, pieces) in fresh.iter_mut().enumerate() {
                for (piece, to) in pieces.drain(..) {
                    if has[to][piece] {
                        continue;
                    }
                    has[to][piece] = true;
                    *carried.entry((from, to)).or_insert(0) += 1;
                    // Onwards in the same direction around the ring; a mesh has nowhere left to go.
                    let onward = (to + n + to - from) % n;
                    if neighbours(to).contains(&onward) {
                        next[to].push((piece, onward));
                    }
                }
            }
            fresh = next;
        }
        (steps, carried.values().copied().max().unwrap_or(0))
    }

    #[test]
    fn a_ring_takes_the_steps_and_bytes_of_one_carried_out() {
        for n in 2..17 {
            let (steps, pieces) = carried_out(n, |i| vec![(i + 1) % n]);
            let schedule = Schedule::of(&exchange(GATHER, n as u64, n as f64), &links(Topology::Switch, 64));
            assert_eq!((schedule.steps, schedule.sent), (steps as f64, pieces as f64));
            let both =
                Schedule::of(&exchange(CollectiveKind::AllReduce, n as u64, n as f64), &links(Topology::Switch, 64));
            assert_eq!((both.steps, both.sent), (2.0 * steps as f64, 2.0 * pieces as f64));
        }
    }

    #[test]
    fn a_ring_of_a_torus_goes_both_ways() {
        for n in [4, 8, 16] {
            let (steps, pieces) = carried_out(n, |i| vec![(i + 1) % n, (i + n - 1) % n]);
            let links = links(Topology::Torus(1), 64);
            let schedule = Schedule::of(&exchange(GATHER, n as u64, n as f64), &links);
            assert_eq!(schedule.steps, steps as f64);
            // Pieces at the rate of both links together take as long as the busier link's pieces at the rate of one.
            let busier = pieces as f64 / (links.bandwidth.0 / 2.0);
            assert!((schedule.sent / schedule.rate / busier - 1.0).abs() <= 1.0 / (n as f64 - 1.0), "{n}");
        }
    }

    #[test]
    fn a_mesh_takes_one_step_over_the_links_of_those_who_take_part() {
        for n in 2..9 {
            let (steps, pieces) = carried_out(n, |i| (0..n).filter(|j| *j != i).collect());
            let links = links(Topology::Mesh, 8);
            let schedule = Schedule::of(&exchange(GATHER, n as u64, n as f64), &links);
            assert_eq!(schedule.steps, steps as f64);
            let link = pieces as f64 / (links.bandwidth.0 / 7.0);
            assert!((schedule.sent / schedule.rate / link - 1.0).abs() < 1e-9, "{n}");
        }
    }

    #[test]
    fn an_all_to_all_on_a_torus_pays_for_hops() {
        for (side, dimensions) in [(4u64, 2u32), (8, 2), (4, 3), (8, 3)] {
            let n = side.pow(dimensions);
            // Mean distance around a ring to all places, itself among them, in every dimension.
            let hops: u64 = (0..side).map(|far| far.min(side - far)).sum();
            let distance = f64::from(dimensions) * hops as f64 / side as f64;
            let links = links(Topology::Torus(dimensions as u8), 1 << 20);
            let schedule = Schedule::of(&exchange(CollectiveKind::AllToAll, n, 1.0), &links);
            assert!((schedule.sent / distance - 1.0).abs() < 1e-9, "{side} {dimensions}: {} {distance}", schedule.sent);
            assert!((schedule.rate / links.bandwidth.0 - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn a_switch_sums_long_floating_point_messages_only() {
        let device = gpu();
        let time =
            |bytes, format| time(&Collective { format, ..exchange(CollectiveKind::AllReduce, 8, bytes) }, &device).time;
        assert!(time(1e9, Format::Bf16).0 < 0.9 * time(1e9, Format::Int8).0);
        assert_eq!(time(1e4, Format::Bf16), time(1e4, Format::Int8));
    }

    #[test]
    fn beyond_the_group_slow_links_decide() {
        let device = gpu();
        let [inside, outside] =
            [8, 16].map(|ranks| time(&exchange(CollectiveKind::AllReduce, ranks, 1e9), &device).time.0);
        let outer = device.scale_out.as_ref().unwrap().bandwidth.0;
        // Every device exchanges its eighth with one counterpart: 2 (2 - 1) / 2 of it.
        assert!(outside > inside + 1e9 / 8.0 / outer, "{inside} {outside}");
        assert!(outside < 4.0 * inside, "{inside} {outside}");
    }

    #[test]
    fn alone_there_is_nothing_to_exchange() {
        assert_eq!(time(&exchange(GATHER, 1, 1e9), &gpu()), Estimate::default());
    }

    fn any_exchange() -> impl Strategy<Value = Collective> {
        let kinds = [
            CollectiveKind::AllReduce,
            CollectiveKind::AllGather,
            CollectiveKind::ReduceScatter,
            CollectiveKind::AllToAll,
            CollectiveKind::SendReceive,
        ];
        (0usize..5, 2u64..5000, 0.0f64..13.0)
            .prop_map(move |(kind, ranks, size)| exchange(kinds[kind], ranks, 10f64.powf(size)))
    }

    fn any_topology() -> impl Strategy<Value = Topology> {
        prop_oneof![
            Just(Topology::Switch),
            Just(Topology::Mesh),
            Just(Topology::Bus),
            (1u8..4).prop_map(Topology::Torus)
        ]
    }

    proptest! {
        #[test]
        fn never_faster_than_the_links(exchange in any_exchange(), topology in any_topology()) {
            let device = Device { scale_up: links(topology, 8), ..gpu() };
            let estimate = time(&exchange, &device);
            prop_assert!(estimate.time.0.is_finite() && estimate.time.0 > 0.0);
            // At the least, a device takes in what it did not have, and no more than a group's worth stays on the faster links.
            let part = exchange.bytes * (exchange.ranks.min(8) - 1) as f64 / exchange.ranks.min(8) as f64;
            let fastest = device.scale_up.bandwidth.0.max(device.scale_out.as_ref().unwrap().bandwidth.0);
            let least = if exchange.kind == CollectiveKind::AllReduce { part } else { 0.1 * part };
            prop_assert!(estimate.time.0 >= least / fastest, "{estimate:?}");
        }

        #[test]
        fn longer_messages_take_longer(exchange in any_exchange(), topology in any_topology(), factor in 1.0f64..100.0) {
            let device = Device { scale_up: links(topology, 8), ..gpu() };
            let longer = Collective { bytes: exchange.bytes * factor, ..exchange };
            prop_assert!(time(&longer, &device).time >= time(&exchange, &device).time);
        }
    }
}
