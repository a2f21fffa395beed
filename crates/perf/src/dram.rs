//! The memory beside a chip, burst by burst: channels, banks, rows, refresh.
//!
//! A [`Dram`] answers one question: asked at this moment for these bytes, when have they moved? It keeps for every bank the open row and the earliest time
//! of its next commands, for every channel its data wires, its last activations and its refreshes, and holds each burst to the intervals that the
//! standards name. The times come from `data/dram`; how many channels there are follows from the bandwidth of the chip description.
//!
//! The controller is a plain one: open rows stay open, the bursts of a channel use its wires in the order in which they were asked for, and activations
//! for later bursts go ahead while earlier data moves. Addresses walk through the bank groups burst by burst, through the channels, through the
//! columns of a row in every group, then through the banks; so a stream is not held up by one group, and rows are opened before they are needed.
//!
//! All times are whole picoseconds: the same questions give the same answers on every machine.
//!
//! ```
//! use perf::dram::{Access, Dram, Picoseconds, Timing};
//! let chip = arch::Chip::builtin("nano").unwrap();
//! let mut dram = Dram::new(Timing::of(&chip).unwrap());
//! let first = dram.access(Picoseconds(0), Access { address: 0, bytes: 64, write: false });
//! let second = dram.access(Picoseconds(0), Access { address: 64, bytes: 64, write: false });
//! assert!(second > first);
//! ```

use arch::Chip;
use base::units::{Bytes, BytesPerSecond, Seconds};
use serde::Deserialize;

/// A moment, or a time, in picoseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Picoseconds(pub u64);

impl Picoseconds {
    /// The nearest whole picosecond.
    pub fn of(time: Seconds) -> Picoseconds {
        Picoseconds((time.0 * 1e12).round() as u64)
    }

    fn plus(self, time: Picoseconds) -> Picoseconds {
        Picoseconds(self.0.saturating_add(time.0))
    }
}

/// Bytes that are asked for at once, inside one piece of the interleaving.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Access {
    /// First byte.
    pub address: u64,
    /// How many.
    pub bytes: u64,
    /// Whether they are written.
    pub write: bool,
}

/// Why there are no times for a chip's memory.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum TimingError {
    /// No file of `data/dram` stands for this kind.
    #[error("memory `{kind}`: no times are known; `data/dram` has {known}")]
    Kind {
        /// The chip's kind of memory.
        kind: String,
        /// Names that are known.
        known: String,
    },
    /// A shipped file breaks its schema.
    #[error("{file}: {what}")]
    File {
        /// Which.
        file: String,
        /// What is wrong.
        what: String,
    },
}

#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
struct Raw {
    name: String,
    #[serde(rename = "source")]
    _source: String,
    #[serde(rename = "as_of")]
    _as_of: String,
    channel: String,
    burst: String,
    groups: u64,
    banks: u64,
    row: String,
    interleave: String,
    activate_to_column: String,
    precharge: String,
    activate_to_precharge: String,
    activate_to_activate: String,
    four_activates: String,
    same_group: String,
    read_latency: String,
    write_latency: String,
    write_recovery: String,
    read_to_precharge: String,
    write_to_read: String,
    refresh: String,
    refresh_every: String,
}

/// Geometry and intervals of a memory; the names of the standards (JEDEC) in parentheses.
#[derive(Clone, Debug, PartialEq)]
pub struct Timing {
    /// Name of the family.
    pub name: String,
    /// Independent channels.
    pub channels: u64,
    /// Bytes of one burst.
    pub burst: u64,
    /// Bank groups of a channel.
    pub groups: u64,
    /// Banks of a group.
    pub banks: u64,
    /// Bytes of a row.
    pub row: u64,
    /// Bytes that follow each other in a channel before the next one's turn.
    pub interleave: u64,
    /// A burst on the data wires.
    pub transfer: Picoseconds,
    /// From activation to a read or write (tRCD).
    pub activate_to_column: Picoseconds,
    /// From precharge to activation (tRP).
    pub precharge: Picoseconds,
    /// From activation to precharge (tRAS).
    pub activate_to_precharge: Picoseconds,
    /// Between activations of two banks (tRRD).
    pub activate_to_activate: Picoseconds,
    /// In which at most four activations begin (tFAW).
    pub four_activates: Picoseconds,
    /// Between bursts of one bank group (tCCD_L).
    pub same_group: Picoseconds,
    /// From a read to its data (CL).
    pub read_latency: Picoseconds,
    /// From a write to its data (CWL).
    pub write_latency: Picoseconds,
    /// From written data to precharge (tWR).
    pub write_recovery: Picoseconds,
    /// From a read to precharge (tRTP).
    pub read_to_precharge: Picoseconds,
    /// From written data to a read (tWTR).
    pub write_to_read: Picoseconds,
    /// A refresh of all banks (tRFC).
    pub refresh: Picoseconds,
    /// From refresh to refresh (tREFI).
    pub refresh_every: Picoseconds,
}

impl Timing {
    /// The memory of a chip: the family whose name its kind begins with, in as many channels as its bandwidth needs; the wires are as fast as the bandwidth says.
    ///
    /// # Errors
    /// When no family of `data/dram` has this name.
    pub fn of(chip: &Chip) -> Result<Timing, TimingError> {
        let mut known = Vec::new();
        for path in data::list("dram/") {
            let timing = Timing::read(path, chip.memory.bandwidth)?;
            if chip.memory.kind.starts_with(&timing.name) {
                return Ok(timing);
            }
            known.push(timing.name);
        }
        Err(TimingError::Kind { kind: chip.memory.kind.clone(), known: known.join(", ") })
    }

    fn read(path: &str, bandwidth: BytesPerSecond) -> Result<Timing, TimingError> {
        let error = |what: String| TimingError::File { file: path.to_string(), what };
        let text = data::file(path).ok_or_else(|| error("there is no such file".into()))?;
        let raw: Raw = toml::from_str(text).map_err(|e| error(e.to_string()))?;
        let time = |text: &String| text.parse::<Seconds>().map(Picoseconds::of).map_err(|e| error(e.to_string()));
        let bytes = |text: &String| text.parse::<Bytes>().map(|bytes| bytes.0).map_err(|e| error(e.to_string()));
        let channel: BytesPerSecond = raw.channel.parse().map_err(|e: base::units::UnitError| error(e.to_string()))?;
        let channels = (bandwidth.0 / channel.0).round().max(1.0) as u64;
        let burst = bytes(&raw.burst)?;
        Ok(Timing {
            channels,
            burst,
            groups: raw.groups,
            banks: raw.banks,
            row: bytes(&raw.row)?,
            interleave: bytes(&raw.interleave)?,
            transfer: Picoseconds::of(Seconds(burst as f64 * channels as f64 / bandwidth.0)),
            activate_to_column: time(&raw.activate_to_column)?,
            precharge: time(&raw.precharge)?,
            activate_to_precharge: time(&raw.activate_to_precharge)?,
            activate_to_activate: time(&raw.activate_to_activate)?,
            four_activates: time(&raw.four_activates)?,
            same_group: time(&raw.same_group)?,
            read_latency: time(&raw.read_latency)?,
            write_latency: time(&raw.write_latency)?,
            write_recovery: time(&raw.write_recovery)?,
            read_to_precharge: time(&raw.read_to_precharge)?,
            write_to_read: time(&raw.write_to_read)?,
            refresh: time(&raw.refresh)?,
            refresh_every: time(&raw.refresh_every)?,
            name: raw.name,
        })
    }
}

/// What has happened to bursts so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Bursts.
    pub bursts: u64,
    /// Bursts that found another row open.
    pub conflicts: u64,
    /// Bursts that found no row open.
    pub misses: u64,
    /// Refreshes.
    pub refreshes: u64,
}

/// One bank.
#[derive(Clone, Copy, Debug, Default)]
struct Bank {
    row: Option<u64>,
    /// Earliest activation, column command and precharge.
    activate: Picoseconds,
    column: Picoseconds,
    precharge: Picoseconds,
}

/// One channel.
#[derive(Clone, Debug)]
struct Channel {
    banks: Vec<Bank>,
    /// When the data wires are free.
    wires: Picoseconds,
    /// Earliest column command of each group.
    groups: Vec<Picoseconds>,
    /// The last four activations, oldest first.
    activations: [Option<Picoseconds>; 4],
    /// End of the data last written.
    written: Option<Picoseconds>,
    /// When the next refresh is due.
    refresh: Picoseconds,
}

/// A memory with its state.
#[derive(Clone, Debug)]
pub struct Dram {
    timing: Timing,
    channels: Vec<Channel>,
    tally: Tally,
}

/// Where a burst lies.
struct Place {
    channel: usize,
    group: usize,
    bank: usize,
    row: u64,
}

impl Dram {
    /// A memory in which no row is open. All channels refresh at the same time: a stream that walks through them waits once, and not once for each.
    pub fn new(timing: Timing) -> Dram {
        let channel = |_| Channel {
            banks: vec![Bank::default(); (timing.groups * timing.banks) as usize],
            wires: Picoseconds(0),
            groups: vec![Picoseconds(0); timing.groups as usize],
            activations: [None; 4],
            written: None,
            refresh: timing.refresh_every,
        };
        let channels = (0..timing.channels).map(channel).collect();
        Dram { timing, channels, tally: Tally::default() }
    }

    /// Geometry and intervals.
    pub fn timing(&self) -> &Timing {
        &self.timing
    }

    /// What happened so far.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Ask for bytes at a moment that is not before any asked so far; returns when the last of them has moved.
    pub fn access(&mut self, now: Picoseconds, access: Access) -> Picoseconds {
        let first = access.address / self.timing.burst;
        let last = (access.address + access.bytes.max(1) - 1) / self.timing.burst;
        (first..=last).fold(now, |end, burst| end.max(self.burst(now, burst * self.timing.burst, access.write)))
    }

    fn place(&self, address: u64) -> Place {
        let t = &self.timing;
        let piece = address / t.interleave;
        let inside = piece / t.channels * t.interleave + address % t.interleave;
        let rows = inside / (t.row * t.groups);
        Place {
            channel: (piece % t.channels) as usize,
            group: (inside / t.burst % t.groups) as usize,
            bank: (rows % t.banks) as usize,
            row: rows / t.banks,
        }
    }

    fn burst(&mut self, now: Picoseconds, address: u64, write: bool) -> Picoseconds {
        let place = self.place(address);
        let (t, tally) = (&self.timing, &mut self.tally);
        let channel = &mut self.channels[place.channel];
        tally.bursts += 1;
        tally.refreshes += channel.refreshed(now, t);
        let index = place.group * t.banks as usize + place.bank;
        match channel.banks[index].row {
            Some(row) if row == place.row => {}
            open => {
                tally.conflicts += u64::from(open.is_some());
                tally.misses += u64::from(open.is_none());
                channel.open(now, index, place.row, t);
            }
        }
        channel.transfer(now, index, place.group, write, t)
    }
}

impl Channel {
    /// Refresh as often as it is due, and return how often. All banks are closed for it; a burst on its way ends first.
    fn refreshed(&mut self, now: Picoseconds, t: &Timing) -> u64 {
        let mut count = 0;
        while self.refresh <= now.max(self.wires) {
            let closed = self.banks.iter().filter(|bank| bank.row.is_some()).map(|bank| bank.precharge);
            let start = closed.max().map_or(self.refresh, |last| self.refresh.max(last.plus(t.precharge)));
            let end = start.plus(t.refresh);
            for bank in &mut self.banks {
                bank.row = None;
                bank.activate = bank.activate.max(end);
            }
            self.refresh = self.refresh.plus(t.refresh_every);
            count += 1;
        }
        count
    }

    /// Close the bank's row if there is one, and open another.
    fn open(&mut self, now: Picoseconds, index: usize, row: u64, t: &Timing) {
        let bank = self.banks[index];
        let free = if bank.row.is_some() { now.max(bank.precharge).plus(t.precharge) } else { now };
        let spaced = self.activations[3].map_or(free, |last| last.plus(t.activate_to_activate));
        let fourth = self.activations[0].map_or(free, |fourth| fourth.plus(t.four_activates));
        let start = free.max(bank.activate).max(spaced).max(fourth);
        self.activations = [self.activations[1], self.activations[2], self.activations[3], Some(start)];
        self.banks[index] = Bank {
            row: Some(row),
            activate: start.plus(t.activate_to_precharge).plus(t.precharge),
            column: start.plus(t.activate_to_column),
            precharge: start.plus(t.activate_to_precharge),
        };
    }

    /// Move a burst of the open row; returns the end of its data.
    fn transfer(&mut self, now: Picoseconds, index: usize, group: usize, write: bool, t: &Timing) -> Picoseconds {
        let latency = if write { t.write_latency } else { t.read_latency };
        let turned = match (write, self.written) {
            (false, Some(end)) => end.plus(t.write_to_read),
            _ => now,
        };
        let command = now.max(self.banks[index].column).max(self.groups[group]).max(turned);
        let start = command.plus(latency).max(self.wires);
        let (command, end) = (Picoseconds(start.0 - latency.0), start.plus(t.transfer));
        self.wires = end;
        self.groups[group] = command.plus(t.same_group);
        let closes = if write { end.plus(t.write_recovery) } else { command.plus(t.read_to_precharge) };
        let bank = &mut self.banks[index];
        bank.precharge = bank.precharge.max(closes);
        self.written = if write { Some(end) } else { self.written };
        end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(chip: &str) -> Dram {
        Dram::new(Timing::of(&Chip::builtin(chip).unwrap()).unwrap())
    }

    fn read(dram: &mut Dram, now: u64, address: u64) -> u64 {
        dram.access(Picoseconds(now), Access { address, bytes: 32, write: false }).0
    }

    /// The next row of the same bank of the same channel.
    fn next_row(t: &Timing) -> u64 {
        t.channels * t.row * t.groups * t.banks
    }

    #[test]
    fn the_wires_are_as_fast_as_the_chip_says() {
        for (name, channels) in [("nano", 4), ("one", 417)] {
            let chip = Chip::builtin(name).unwrap();
            let t = Timing::of(&chip).unwrap();
            assert_eq!(t.channels, channels, "{name}");
            let peak = (t.burst * t.channels) as f64 / (t.transfer.0 as f64 * 1e-12);
            assert!((peak / chip.memory.bandwidth.0 - 1.0).abs() < 1e-3, "{name}: {peak:e}");
        }
    }

    #[test]
    fn a_stream_loses_little_beside_refreshes() {
        for name in ["nano", "one"] {
            let mut dram = of(name);
            let bytes = dram.timing().channels << 18;
            let end = (0..bytes / 32).fold(0, |end, burst| end.max(read(&mut dram, 0, burst * 32)));
            let t = dram.timing().clone();
            let floor = bytes / 32 * t.transfer.0 / t.channels;
            let refreshes = 1.0 - t.refresh.0 as f64 / t.refresh_every.0 as f64;
            let share = floor as f64 / end as f64;
            assert!(
                share < 1.0 && share > 0.93 * refreshes,
                "{name}: {share} of the peak, {refreshes} without refresh"
            );
        }
    }

    #[test]
    fn one_read_takes_what_its_parts_take() {
        let mut dram = of("nano");
        let t = dram.timing().clone();
        let miss = t.activate_to_column.0 + t.read_latency.0 + t.transfer.0;
        assert_eq!(read(&mut dram, 0, 0), miss);
        assert_eq!(read(&mut dram, 200_000, 128) - 200_000, t.read_latency.0 + t.transfer.0, "an open row");
        let conflict = read(&mut dram, 400_000, next_row(&t)) - 400_000;
        assert_eq!(conflict, t.precharge.0 + miss, "another row is open");
        assert_eq!(dram.tally(), Tally { bursts: 3, conflicts: 1, misses: 1, refreshes: 0 });
    }

    #[test]
    fn rows_of_one_bank_wait_for_each_other_and_activations_are_spaced() {
        let mut dram = of("nano");
        let t = dram.timing().clone();
        let ends: Vec<u64> = (0..4).map(|row| read(&mut dram, 0, row * next_row(&t))).collect();
        let cycle = t.activate_to_precharge.0 + t.precharge.0;
        assert!(ends.windows(2).all(|pair| pair[1] - pair[0] == cycle), "{ends:?} should be {cycle} apart");
        let mut dram = of("nano");
        let bank = |index: u64| index % t.groups * t.burst + index / t.groups * t.channels * t.row * t.groups;
        let banks: Vec<u64> = (0..9).map(|index| read(&mut dram, 0, bank(index))).collect();
        assert_eq!(banks[8] - banks[0], 2 * t.four_activates.0, "eight activations later");
    }

    #[test]
    fn reads_wait_for_written_data() {
        let mut dram = of("nano");
        let t = dram.timing().clone();
        let written = dram.access(Picoseconds(0), Access { address: 0, bytes: 32, write: true }).0;
        assert_eq!(written, t.activate_to_column.0 + t.write_latency.0 + t.transfer.0);
        assert_eq!(read(&mut dram, 0, 128) - written, t.write_to_read.0 + t.read_latency.0 + t.transfer.0);
    }

    #[test]
    fn refreshes_come_in_their_time_and_close_rows() {
        let mut dram = of("nano");
        let t = dram.timing().clone();
        let due = t.refresh_every.0;
        read(&mut dram, 0, 0);
        let end = read(&mut dram, due, 128) - due;
        let miss = t.activate_to_column.0 + t.read_latency.0 + t.transfer.0;
        assert_eq!(end, t.refresh.0 + miss, "rows are closed in time, all is refreshed, the row is opened");
        assert_eq!(dram.tally().refreshes, 1);
        read(&mut dram, due + 10 * t.refresh_every.0, 128);
        assert_eq!(dram.tally().refreshes, 11);
    }

    #[test]
    fn an_unknown_kind_is_refused() {
        let mut chip = Chip::builtin("nano").unwrap();
        chip.memory.kind = "core rope".into();
        let refused = Timing::of(&chip).unwrap_err().to_string();
        assert_eq!(refused, "memory `core rope`: no times are known; `data/dram` has HBM, LPDDR5X");
    }
}
