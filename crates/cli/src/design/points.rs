//! What stands in `results.parquet` and `chips.parquet`: a row per point, and a row per chip that was evaluated.

use super::table::{Column, Table};
use explore::deploy::{Point, Role};
use explore::search::{Evaluated, LEVELS, Row};
use explore::space::Design;
use explore::study::{Lanes, Space};
use perf::workload::Formats;

/// A point with its names.
pub struct Named<'a> {
    /// The point.
    pub row: &'a Row,
    /// `chat on gpt-oss-120b`.
    pub workload: &'a str,
    /// Its number formats.
    pub formats: &'a str,
}

/// Names of the few number formats that many rows share.
pub struct FormatNames(Vec<(Formats, String)>);

impl FormatNames {
    /// Of all formats in `rows`.
    pub fn of(rows: &[Row]) -> FormatNames {
        let mut names = Vec::<(Formats, String)>::new();
        for row in rows {
            if !names.iter().any(|(known, _)| *known == row.formats) {
                names.push((row.formats, row.formats.to_string()));
            }
        }
        FormatNames(names)
    }

    /// The name of formats that are there.
    pub fn name(&self, formats: &Formats) -> &str {
        self.0.iter().find(|(known, _)| known == formats).map_or("", |(_, name)| name)
    }
}

impl Named<'_> {
    /// Prompts alone have no answers that decode at once.
    fn writes(&self) -> bool {
        !matches!(self.row.point.role, Role::Prefill { .. })
    }

    fn chunk(&self) -> Option<u64> {
        match self.row.point.role {
            Role::Whole { chunk } | Role::Prefill { chunk, .. } => Some(chunk.into()),
            Role::Decode => None,
        }
    }

    fn load(&self) -> Option<u64> {
        match self.row.point.role {
            Role::Prefill { load, .. } => Some(load.into()),
            _ => None,
        }
    }

    fn role(&self) -> &'static str {
        match self.row.point.role {
            Role::Whole { .. } => "whole",
            Role::Decode => "decode",
            Role::Prefill { .. } => "prefill",
        }
    }
}

/// `results.parquet`.
pub fn points<'a>() -> Table<Named<'a>> {
    let number =
        |name, about, get: fn(&Row) -> u64| Column::whole(name, about, move |at: &Named<'a>| Some(get(at.row)));
    let real = |name, about, get: fn(&Point) -> f64| {
        Column::rough(name, about, move |at: &Named<'a>| Some(get(&at.row.point)))
    };
    let written = |name, about, get: fn(&Point) -> f64| {
        Column::rough(name, about, move |at: &Named<'a>| at.writes().then_some(get(&at.row.point)))
    };
    Table::new(vec![
        number("chip", "number of the chip in the grid; chips.parquet says what it is", |row| row.chip),
        Column::word("workload", "traffic and network that are served", |at: &Named<'a>| at.workload),
        number("tensor", "degree of tensor parallelism", |row| row.mapping[0].into()),
        number("expert", "degree of expert parallelism", |row| row.mapping[1].into()),
        number("data", "degree of data parallelism of attention", |row| row.mapping[2].into()),
        number("devices", "devices of an instance", |row| u64::from(row.mapping[0]) * u64::from(row.mapping[2])),
        Column::word("formats", "number formats of weights, activations and cache", |at: &Named<'a>| at.formats),
        Column::word(
            "role",
            "whole: prompts and answers; decode: answers alone; prefill: prompts alone",
            |at: &Named<'a>| at.role(),
        ),
        Column::whole("chunk", "most prompt tokens of a step; null where no prompts are read", Named::chunk),
        Column::whole("load", "per cent of the time that an instance for prompts is busy; null elsewhere", Named::load),
        Column::whole("batch", "requests that decode at once; null for prompts alone", |at: &Named<'a>| {
            at.writes().then_some(at.row.point.batch.into())
        }),
        real("seconds_per_token", "seconds of a device per token written, s", |point| point.seconds),
        real("reading_seconds", "of those, for prompts, s", |point| point.reading),
        real("ttft_s", "time to the first token, 99th percentile, s; of decode its own part", |point| point.ttft),
        written("tpot_s", "time per further token, 99th percentile, s; null for prompts alone", |point| point.tpot),
        written("pace_s", "time per further token on average, s; null for prompts alone", |point| point.pace),
        real("watts", "power of a device in the step that draws most, W", |point| point.watts),
        Column::rough(
            "usd_per_million",
            "dollars per million tokens written if its own power is what is provisioned",
            |at: &Named<'a>| Some(at.row.usd),
        ),
    ])
}

/// A chip that was evaluated.
pub struct Chip {
    design: Design,
    array: String,
    number: u64,
    points: u64,
    bound: f64,
    usd: Vec<Option<f64>>,
}

impl Chip {
    /// A chip of a space, and what was found of it.
    pub fn of(space: &Space, found: &Evaluated) -> Chip {
        let design = Design::at(space, found.chip);
        let usd = found.levels.iter().map(|level| level.as_ref().map(|mix| mix.usd)).collect();
        let Evaluated { chip: number, points, bound, .. } = *found;
        Chip { array: design.array.to_string(), design, number, points, bound, usd }
    }

    fn lanes(&self) -> &'static str {
        match self.design.lanes {
            Lanes::All => "all",
            Lanes::Narrow => "4-bit",
        }
    }
}

/// `chips.parquet`.
pub fn chips() -> Table<Chip> {
    let number = |name, about, get: fn(&Design) -> usize| {
        Column::whole(name, about, move |chip: &Chip| Some(get(&chip.design) as u64))
    };
    let mut columns = vec![
        Column::whole("chip", "number of the chip in the grid of the study", |chip: &Chip| Some(chip.number)),
        Column::word("node", "node of the die", |chip: &Chip| &chip.design.node),
        number("cores", "cores of a die that work", |design| design.cores),
        number("spare", "cores beyond those", |design| design.spare),
        Column::word("array", "rows x depth x columns of a core's matrix engine", |chip: &Chip| &chip.array),
        number("tokens", "tokens whose sums a core holds at once", |design| design.tokens),
        Column::whole("scratchpad_bytes", "scratchpad of a core, bytes", |chip: &Chip| Some(chip.design.scratchpad.0)),
        Column::word("lanes", "weights that lanes take", |chip: &Chip| chip.lanes()),
        Column::word("memory", "generation of the memory", |chip: &Chip| chip.design.memory.name()),
        number("stacks", "stacks of memory beside a die", |design| design.stacks),
        Column::whole("stack_bytes", "capacity of a stack, bytes", |chip: &Chip| Some(chip.design.stack.0)),
        number("links", "links of a die to others", |design| design.links),
        Column::real("clock_hz", "clock, Hz", |chip: &Chip| Some(chip.design.clock.0)),
        number("dies", "dies of a package", |design| design.dies),
        Column::whole("points", "points that were looked at", |chip: &Chip| Some(chip.points)),
        Column::real("bound_usd", "lower bound on the cost, dollars per million tokens written", |chip: &Chip| {
            Some(chip.bound)
        }),
    ];
    columns.extend(LEVELS.iter().enumerate().map(|(at, level)| {
        let about = format!("lowest cost at {level} of the latency targets, dollars per million tokens written; null if they cannot be met");
        Column::real(&format!("usd_at_{level}"), &about, move |chip: &Chip| chip.usd[at])
    }));
    Table::new(columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_explains_every_column() {
        let page = include_str!("../../../../docs/design.md");
        let table = points();
        let missing: Vec<&str> = table.names().filter(|name| !page.contains(&format!("`{name}`"))).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
