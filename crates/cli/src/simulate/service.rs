//! Who serves: network, device, replicas, scheduler.

use crate::failure::{Failure, Result};
use crate::perf::case::{SPREAD, Subject, device, number};
use crate::simulate::traffic::share;
use ::perf::device::Device;
use ::perf::parallel::{self, Mapping, RESERVE};
use ::perf::workload::Plan;
use base::units::Bytes;
use clap::{Args, ValueEnum};
use serve::modelled::Modelled;
use serve::route::Routing;
use serve::scheduler::Limits;
use serve::simulate::{Group, Host, Links, Role, Setup};
use serve::speculate::Acceptance;

/// Options about replicas.
#[derive(Args)]
pub struct ServiceArguments {
    /// Network: a name from `puce perf list`, a Hugging Face path, a description in TOML, or a config.json
    #[arg(long, value_name = "NAME|FILE", default_value = "llama-3.1-8b")]
    model: String,
    /// Device: a name from `puce perf list` or `puce chip list`, or a description of a device or chip in TOML
    #[arg(long, value_name = "NAME|FILE", default_value = "h100")]
    device: String,
    /// Number formats: one (`fp8`), or by part (`weights=fp8,cache=fp8`); default: as published
    #[arg(long, value_name = "FORMATS")]
    formats: Option<String>,
    /// Devices of a replica that share each matrix; default: as many as are needed
    #[arg(long, value_name = "N", value_parser = number)]
    tensor: Option<u64>,
    /// Replicas, each with a scheduler of its own
    #[arg(long, value_name = "N", default_value = "1", value_parser = number)]
    replicas: u64,
    /// How requests find a replica
    #[arg(long, value_enum, default_value_t = Policy::LeastLoaded)]
    routing: Policy,
    /// Replicas that compute prompts and replicas that generate: `2:3`
    #[arg(long, value_name = "P:D", value_parser = split, conflicts_with = "replicas")]
    disaggregate: Option<(u64, u64)>,
    /// Requests that run at the same time on a replica
    #[arg(long, value_name = "N", default_value = "256", value_parser = number)]
    max_batch: u64,
    /// New tokens of a step
    #[arg(long, value_name = "N", default_value = "2k", value_parser = number)]
    token_budget: u64,
    /// Memory of each replica's host for requests that have to give way; without it they are computed again
    #[arg(long, value_name = "SIZE")]
    swap: Option<Bytes>,
    /// Tokens drafted ahead, and the probability that a draft is right: `4:0.7`
    #[arg(long, value_name = "K:P", value_parser = speculation)]
    speculate: Option<(u64, f64)>,
    /// Network that drafts; without it drafts cost nothing, as when they are found in the prompt
    #[arg(long, value_name = "NAME|FILE", requires = "speculate")]
    draft_model: Option<String>,
}

/// How requests find a replica.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Policy {
    /// One after the other
    RoundRobin,
    /// The one with the fewest requests
    LeastLoaded,
    /// The one that has had the same beginning, unless it is far busier
    PrefixAffine,
}

impl From<Policy> for Routing {
    fn from(policy: Policy) -> Routing {
        match policy {
            Policy::RoundRobin => Routing::RoundRobin,
            Policy::LeastLoaded => Routing::LeastLoaded,
            Policy::PrefixAffine => Routing::PrefixAffine,
        }
    }
}

/// Replicas, ready to serve.
pub struct Service {
    /// What they are, in words.
    pub title: String,
    /// Devices of all replicas.
    pub devices: u64,
    cost: Modelled,
    drafter: Option<Modelled>,
    limits: Limits,
    roles: Vec<(Role, u32)>,
    routing: Routing,
    links: Links,
    acceptance: f64,
}

/// Sequences that a replica must hold for a mapping to be chosen: fewer would waste it.
const SEQUENCES: u64 = 32;

/// What pinned copies between a device and its host reach: PCIe 5.0 x16, 63 GB/s less protocol (PCI-SIG, PCI Express Base Specification 5.0).
const HOST_BANDWIDTH: base::units::BytesPerSecond = base::units::BytesPerSecond(55e9);

impl Service {
    /// What the arguments describe, for requests of about `positions` tokens.
    pub fn of(arguments: &ServiceArguments, positions: u64) -> Result<Service> {
        let device = device(&arguments.device)?;
        let plan = plan(arguments, &device, positions)?;
        let (mapping, name) = (plan.mapping(), &device.name);
        let title = format!("{} on {name}, {mapping}", Subject::read(&arguments.model, None)?.known.title);
        let drafter = arguments.draft_model.as_deref().map(|model| drafter(model, mapping, &device)).transpose()?;
        let links = device.scale_out.clone().unwrap_or(device.scale_up.clone());
        let cost = Modelled::new(plan, device);
        let limits = arguments.limits(&cost, positions)?;
        let roles = match arguments.disaggregate {
            Some((prefill, decode)) => vec![(Role::Prefill, prefill as u32), (Role::Decode, decode as u32)],
            None => vec![(Role::Whole, arguments.replicas as u32)],
        };
        let replicas: u64 = roles.iter().map(|(_, count)| u64::from(*count)).sum();
        let (token, shards) = (cost.token_bytes(positions), mapping.devices() as f64);
        Ok(Service {
            title,
            devices: replicas * mapping.devices(),
            drafter,
            limits,
            roles,
            routing: arguments.routing.into(),
            links: Links {
                token,
                hand_over: links.bandwidth * shards,
                latency: links.latency,
                host: HOST_BANDWIDTH * shards,
            },
            acceptance: arguments.speculate.map_or(0.0, |(_, probability)| probability),
            cost,
        })
    }

    /// For the simulator.
    pub fn setup(&self, seed: u64) -> Setup<'_> {
        let drafter = self.drafter.as_ref().map(|drafter| drafter as &dyn serve::cost::StepCost);
        let group = |(role, replicas): &(Role, u32)| Group {
            role: *role,
            replicas: *replicas,
            limits: self.limits.clone(),
            cost: &self.cost,
            drafter,
        };
        Setup {
            groups: self.roles.iter().map(group).collect(),
            routing: self.routing,
            links: self.links,
            host: Host::default(),
            acceptance: Acceptance::same(self.acceptance),
            seed,
            leap: true,
        }
    }

    /// What each replica does, in the order of reports.
    pub fn roles(&self) -> impl Iterator<Item = Role> {
        self.roles.iter().flat_map(|(role, count)| (0..*count).map(|_| *role))
    }

    /// Tokens that the cache of a replica holds.
    pub fn cache_tokens(&self) -> u64 {
        u64::from(self.limits.blocks) * u64::from(self.limits.block)
    }
}

/// The network divided among the devices of a replica.
fn plan(arguments: &ServiceArguments, device: &Device, positions: u64) -> Result<Plan> {
    let subject = Subject::read(&arguments.model, arguments.formats.as_deref())?;
    let shape = subject.shape()?;
    let formats = subject.formats.on(device);
    let mapping = match arguments.tensor {
        Some(tensor) => Mapping::tensor(tensor),
        None => parallel::choose(shape, formats, SPREAD, device, SEQUENCES, positions)?,
    };
    let plan = Plan::new(shape, formats, mapping, SPREAD);
    plan.check(device, 1, positions)?;
    Ok(plan)
}

fn drafter(model: &str, mapping: Mapping, device: &Device) -> Result<Modelled> {
    let subject = Subject::read(model, None)?;
    let shape = subject.shape()?;
    let whole = Mapping::tensor(mapping.tensor);
    let mapping = if whole.check(shape).is_ok() { whole } else { Mapping::ONE };
    Ok(Modelled::new(Plan::new(shape, subject.formats.on(device), mapping, SPREAD), device.clone()))
}

impl ServiceArguments {
    fn limits(&self, cost: &Modelled, positions: u64) -> Result<Limits> {
        let usual = Limits::default();
        let memory = cost.device().memory.capacity.as_f64() * (1.0 - RESERVE);
        let blocks = cost.blocks(memory, usual.block, positions);
        let block_bytes = cost.token_bytes(positions) * f64::from(usual.block);
        let host_blocks = self.swap.map_or(0.0, |swap| swap.as_f64() / block_bytes) as u32;
        if blocks == 0 {
            return Err(Failure::new(format!(
                "{}: the weights leave no memory for a cache; more devices would",
                self.device
            )));
        }
        Ok(Limits {
            token_budget: self.token_budget as u32,
            max_batch: self.max_batch as u32,
            blocks,
            host_blocks,
            draft: self.speculate.map_or(0, |(draft, _)| draft as u32),
            ..usual
        })
    }
}

/// Two counts, `2:3`.
fn split(text: &str) -> std::result::Result<(u64, u64), String> {
    let counts = text.split_once(':').ok_or("replicas for prompts and for output are expected, like 2:3")?;
    Ok((number(counts.0)?, number(counts.1)?))
}

/// A count and a probability, `4:0.7`.
fn speculation(text: &str) -> std::result::Result<(u64, f64), String> {
    let parts = text.split_once(':').ok_or("drafted tokens and a probability are expected, like 4:0.7")?;
    Ok((number(parts.0)?, share(parts.1)?))
}
