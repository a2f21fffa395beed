//! The way from a core's readers and writer to a memory port (`puce_axi_read`, `puce_axi_mux`, `puce_turns`).

use std::collections::VecDeque;

use super::wires::{Burst, Read};

/// Readers of a core: fetch, load, weights.
pub const READERS: usize = 3;

/// A burst and who asks for it: the reader's number, and above its two bits the core's place at the port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Request {
    /// Who.
    pub id: u32,
    /// What.
    pub burst: Burst,
}

/// A beat of read data for who asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Beat {
    /// Who asked.
    pub id: u32,
    /// It ends its burst.
    pub last: bool,
}

/// Joins a core's readers (`puce_axi_read`): fetch comes first, load and weights take turns, and load is first again when all is quiet.
#[derive(Clone, Copy, Debug, Default)]
pub struct Readers {
    request: Option<Request>,
    /// The next turn is that of the weights.
    turn: bool,
    beat: Option<Beat>,
    flight: u32,
}

impl Readers {
    /// What it asks the port for.
    pub fn request(&self) -> Option<Request> {
        self.request
    }

    /// What each reader is told of data in this cycle.
    pub fn beats(&self) -> [Option<bool>; READERS] {
        let mut beats = [None; READERS];
        if let Some(Beat { id, last }) = self.beat {
            beats[id as usize] = Some(last);
        }
        beats
    }

    /// One cycle, in which the readers ask for `bursts`, the port takes the request or not, and gives a beat or not; returns whose burst is taken.
    pub fn step(&mut self, bursts: [Option<Burst>; READERS], taken: bool, beat: Option<Beat>) -> Option<usize> {
        let chosen = match bursts {
            [Some(_), ..] => Some(0),
            [None, load, Some(_)] if self.turn || load.is_none() => Some(2),
            [None, Some(_), _] => Some(1),
            _ => None,
        };
        let chosen = chosen.filter(|_| self.request.is_none() || taken);
        self.turn &= self.request.is_some() || self.flight != 0;
        if taken {
            self.request = None;
        }
        if let Some(reader) = chosen {
            self.request = bursts[reader].map(|burst| Request { id: reader as u32, burst });
            if reader != 0 {
                self.turn = reader == 1;
            }
            self.flight += 1;
        }
        if beat.is_some_and(|beat| beat.last) {
            self.flight -= 1;
        }
        self.beat = beat;
        chosen
    }

    /// Bursts are on their way and memory gives nothing in this cycle.
    pub fn waits(&self, beat: Option<Beat>) -> bool {
        self.flight != 0 && beat.is_none()
    }

    /// What reader number `reader` is told when `taken` was served and these beats came.
    pub fn told(reader: usize, taken: Option<usize>, beats: &[Option<bool>; READERS]) -> Read {
        Read { taken: taken == Some(reader), beat: beats[reader] }
    }
}

/// Chooses one of those that ask, in turn (`puce_turns`).
#[derive(Clone, Copy, Debug, Default)]
pub struct Turns {
    last: usize,
}

impl Turns {
    /// Who is next of those that ask.
    pub fn chosen(&self, asks: impl Iterator<Item = bool>) -> Option<usize> {
        let mut first = None;
        for (index, asks) in asks.enumerate() {
            if asks && index > self.last {
                return Some(index);
            }
            if asks && first.is_none() {
                first = Some(index);
            }
        }
        first
    }

    /// This one was served.
    pub fn served(&mut self, who: usize) {
        self.last = who;
    }
}

/// Write bursts of one port whose data may still come (`Writes` of `puce_axi_mux`).
const WRITES: usize = 8;

/// Several cores on one memory port (`puce_axi_mux`); a single core passes straight through.
#[derive(Clone, Debug)]
pub struct Mux {
    cores: usize,
    read: Option<Request>,
    write: Option<Request>,
    read_turns: Turns,
    write_turns: Turns,
    /// Whose data comes next.
    order: VecDeque<usize>,
}

/// What the cores of a port ask for in a cycle.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Wants {
    /// A read.
    pub read: Option<Request>,
    /// A write.
    pub write: Option<Burst>,
    /// A beat to write, the last of its burst or not.
    pub data: Option<bool>,
}

/// What a core of a port is told in a cycle.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Told {
    /// Its read was taken.
    pub read: bool,
    /// Its write was taken.
    pub write: bool,
    /// Its beat was taken.
    pub data: bool,
}

/// What memory would take of a port in a cycle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Takes {
    /// A read.
    pub read: bool,
    /// A write.
    pub write: bool,
    /// A beat to write.
    pub data: bool,
}

impl Takes {
    /// Whatever comes.
    pub const ALL: Takes = Takes { read: true, write: true, data: true };
}

/// What a port asks memory for in a cycle.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Asked {
    /// A read.
    pub read: Option<Request>,
    /// A write, with the place of its core.
    pub write: Option<Request>,
    /// A beat to write, the last of its burst or not.
    pub data: Option<bool>,
}

impl Mux {
    /// For so many cores.
    pub fn new(cores: usize) -> Mux {
        let (read_turns, write_turns) = (Turns::default(), Turns::default());
        Mux { cores, read: None, write: None, read_turns, write_turns, order: VecDeque::with_capacity(WRITES) }
    }

    /// One cycle: what the cores are told goes to `told`, what memory is asked for is returned.
    pub fn step(&mut self, wants: &[Wants], takes: Takes, told: &mut [Told]) -> Asked {
        if self.cores == 1 {
            let Wants { read, write, data } = wants[0];
            told[0] = Told {
                read: read.is_some() && takes.read,
                write: write.is_some() && takes.write,
                data: data.is_some() && takes.data,
            };
            return Asked { read, write: write.map(|burst| Request { id: 0, burst }), data };
        }
        told.fill(Told::default());
        // Room is what there was at the beginning of the cycle.
        let full = self.order.len() == WRITES;
        let asked = Asked { read: self.read, write: self.write, data: self.data(wants, takes.data, told) };
        if self.read.is_none() || takes.read {
            self.read = self.next_read(wants, told);
        }
        if self.write.is_none() || takes.write {
            self.write = if full { None } else { self.next_write(wants, told) };
        }
        asked
    }

    /// The beat of the core whose turn it is.
    fn data(&mut self, wants: &[Wants], takes: bool, told: &mut [Told]) -> Option<bool> {
        let core = *self.order.front()?;
        let last = wants[core].data?;
        told[core].data = takes;
        if takes && last {
            self.order.pop_front();
        }
        Some(last)
    }

    fn next_read(&mut self, wants: &[Wants], told: &mut [Told]) -> Option<Request> {
        let core = self.read_turns.chosen(wants.iter().map(|wants| wants.read.is_some()))?;
        self.read_turns.served(core);
        told[core].read = true;
        wants[core].read.map(|read| Request { id: (core as u32) << 2 | read.id, ..read })
    }

    fn next_write(&mut self, wants: &[Wants], told: &mut [Told]) -> Option<Request> {
        let core = self.write_turns.chosen(wants.iter().map(|wants| wants.write.is_some()))?;
        self.write_turns.served(core);
        told[core].write = true;
        self.order.push_back(core);
        wants[core].write.map(|burst| Request { id: (core as u32) << 2, burst })
    }

    /// Nothing waits.
    pub fn idle(&self) -> bool {
        self.read.is_none() && self.write.is_none() && self.order.is_empty()
    }
}
