//! Chip memory behind AXI4 ports, as slow and as contrary as the rules of AXI4 allow, or with one fixed latency.
//!
//! A read burst that is taken in cycle `t` gives its first beat in cycle `t + latency` at the earliest, then one beat per cycle. A write changes memory in
//! the cycle of its answer, no earlier than `latency` after its last beat. With [`Timing::Fixed`] everything happens as early as that, in the order of the
//! requests. With [`Timing::Random`] latencies are random, bursts of different identifiers overtake and interleave, and every channel stutters.
//!
//! A master that breaks a rule (a burst over a boundary of 4 KiB, a request that changes before it is taken, a wrong last beat) is told in a sentence.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use arch::random::Random;

use crate::block::Block;
use crate::library::Port;

/// No burst crosses a multiple of this (AMBA AXI4, A3.4.1).
const BOUNDARY: u64 = 4096;
/// The answer of a slave that cannot do as asked (AMBA AXI4, A3.4.4).
const SLVERR: u64 = 2;

/// The bytes that the ports read and write: the program's memory from address 0, and code above it.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// The program's memory.
    pub data: Vec<u8>,
    /// Code, which no program can write.
    pub code: Vec<u8>,
    /// Address of the code's first byte.
    pub code_at: u64,
    /// Addresses that answer with an error.
    pub broken: Range<u64>,
}

impl Memory {
    /// Bytes from `address` on; zero where there is nothing.
    fn read(&self, address: u64, bytes: &mut [u8]) {
        if let Some(found) = self.data.get(address as usize..address as usize + bytes.len()) {
            bytes.copy_from_slice(found);
            return;
        }
        let code = |at: u64| at.checked_sub(self.code_at).and_then(|at| self.code.get(at as usize));
        for (at, byte) in (address..).zip(bytes) {
            *byte = self.data.get(at as usize).or_else(|| code(at)).copied().unwrap_or(0);
        }
    }

    /// Whether every byte that `strobe` names was the program's.
    fn write(&mut self, address: u64, beat: &Beat) -> bool {
        let named = (0..8 * beat.strobe.len()).filter(|at| beat.strobe[at / 8] >> (at % 8) & 1 == 1);
        named.fold(true, |inside, at| match self.data.get_mut(address as usize + at) {
            Some(byte) => {
                *byte = (beat.data[at / 4] >> (8 * (at % 4))) as u8;
                inside
            }
            None => false,
        })
    }

    fn broken(&self, address: u64, bytes: u64) -> bool {
        address < self.broken.end && self.broken.start < address + bytes
    }
}

/// When memory answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Timing {
    /// Always ready, in order, so many cycles after the request.
    Fixed {
        /// Cycles, at least 1.
        latency: u64,
    },
    /// Whenever the rules allow it.
    Random {
        /// The same seed, the same times.
        seed: u64,
        /// Most cycles.
        latency: u64,
    },
}

/// A memory with times of its own, behind every port of a chip; answers come in the order of the requests.
pub trait Times: Send {
    /// The first cycle in which `bytes` at `address` that are asked for in `cycle` are there, or are written.
    fn due(&mut self, cycle: u64, address: u64, bytes: u64, write: bool) -> u64;
}

/// The times of a memory that several ports share.
pub type Shared = Arc<Mutex<dyn Times>>;

/// A request for a burst.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Request {
    id: u64,
    address: u64,
    beats: u64,
}

struct Read {
    id: u64,
    address: u64,
    /// The first cycle in which each beat that is left may be given.
    due: VecDeque<u64>,
}

/// A beat of a write.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Beat {
    data: Vec<u32>,
    strobe: Vec<u8>,
    last: bool,
}

struct Write {
    request: Request,
    beats: Vec<Beat>,
    due: u64,
}

/// The numbers of a port.
fn random(timing: Timing, lane: usize) -> Random {
    match timing {
        Timing::Fixed { .. } => Random::new(0),
        Timing::Random { seed, .. } => Random::new(seed ^ (lane as u64 + 1) << 32),
    }
}

/// How often a channel holds up: a share of 16, drawn anew now and then.
#[derive(Default)]
struct Stutter {
    share: i64,
    left: i64,
}

impl Stutter {
    fn go(&mut self, random: &mut Random) -> bool {
        if self.left == 0 {
            (self.share, self.left) = (random.pick(&[0, 0, 0, 4, 8, 14]), random.below(200));
        } else {
            self.left -= 1;
        }
        random.below(16) >= self.share
    }
}

/// One memory port of a block: the slave's side of its AXI4 signals.
///
/// Signals are found by name: `axi_ar_valid_o` and so on, with any prefix, in packed arrays of which the port is one place. A block that is only a part of
/// a master may lack identifiers and readiness, and may have `r_error_i` in place of `r_resp_i`.
pub struct AxiPort {
    signals: Signals,
    timing: Timing,
    times: Option<Shared>,
    random: Random,
    stutters: [Stutter; 5],
    cycle: u64,
    reads: Vec<Read>,
    /// The read whose beat is offered.
    offered: Option<usize>,
    requests: VecDeque<Request>,
    beats: VecDeque<Beat>,
    writes: Vec<Write>,
    /// The write whose answer is offered.
    answered: Option<usize>,
    ready: Ready,
    held: (Option<Request>, Option<Request>, Option<Beat>),
    /// Beats read and written so far.
    pub moved: [u64; 2],
}

#[derive(Clone, Copy, Default)]
struct Ready {
    ar: bool,
    aw: bool,
    w: bool,
}

impl AxiPort {
    /// The port at place `lane` of the block's signals that begin with `prefix`.
    pub fn connect(block: &Block, prefix: &str, lane: usize, timing: Timing) -> AxiPort {
        AxiPort {
            signals: Signals::find(block, prefix, lane),
            timing,
            times: None,
            random: random(timing, lane),
            stutters: std::array::from_fn(|_| Stutter::default()),
            cycle: 0,
            reads: Vec::new(),
            offered: None,
            requests: VecDeque::new(),
            beats: VecDeque::new(),
            writes: Vec::new(),
            answered: None,
            ready: Ready::default(),
            held: (None, None, None),
            moved: [0; 2],
        }
    }

    /// Change the times from now on.
    pub fn set_timing(&mut self, timing: Timing) {
        self.timing = timing;
        self.random = random(timing, self.signals.lane);
        self.stutters = std::array::from_fn(|_| Stutter::default());
    }

    /// From now on it is this memory that answers; [`Timing`] then says only whether a channel stutters.
    pub fn set_times(&mut self, times: Option<Shared>) {
        self.times = times;
    }

    /// Whether nothing is under way.
    pub fn idle(&self) -> bool {
        self.reads.is_empty() && self.writes.is_empty() && self.requests.is_empty() && self.beats.is_empty()
    }

    /// Give the block this cycle's inputs.
    pub fn drive(&mut self, block: &mut Block, memory: &mut Memory) {
        self.ready = Ready { ar: self.goes(0), aw: self.goes(1), w: self.goes(2) };
        self.signals.put(block, self.signals.ar.ready, u64::from(self.ready.ar));
        self.signals.put(block, self.signals.aw.ready, u64::from(self.ready.aw));
        self.signals.put(block, self.signals.w_ready, u64::from(self.ready.w));
        if self.offered.is_none() && self.goes(3) {
            self.offered = self.next_read();
            self.offer_read(block, memory);
        }
        self.signals.put(block, self.signals.r_valid, u64::from(self.offered.is_some()));
        if self.answered.is_none() && self.goes(4) {
            self.answered = self.next_answer();
            self.offer_answer(block, memory);
        }
        self.signals.put(block, self.signals.b_valid, u64::from(self.answered.is_some()));
    }

    /// Take what the block's outputs say in this cycle.
    pub fn sample(&mut self, block: &Block) -> Result<(), String> {
        let signals = &self.signals;
        let ar = signals.request(block, &signals.ar);
        let aw = signals.request(block, &signals.aw);
        let w = signals.beat(block);
        steady("read request", &mut self.held.0, &ar, self.ready.ar)?;
        steady("write request", &mut self.held.1, &aw, self.ready.aw)?;
        steady("write beat", &mut self.held.2, &w, self.ready.w)?;
        let taken = |port: Option<Port>| port.is_none_or(|_| signals.get(block, port) == 1);
        let (r_taken, b_taken) = (taken(signals.r_ready), taken(signals.b_ready));
        if r_taken && let Some(index) = self.offered.take() {
            self.beat_read(index);
        }
        if b_taken && let Some(index) = self.answered.take() {
            self.writes.remove(index);
        }
        if let Some(request) = ar.filter(|_| self.ready.ar) {
            self.whole(request)?;
            let due = self.due(request, false);
            self.reads.push(Read { id: request.id, address: request.address, due });
        }
        if let Some(request) = aw.filter(|_| self.ready.aw) {
            self.whole(request)?;
            self.requests.push_back(request);
        }
        self.beats.extend(w.filter(|_| self.ready.w));
        self.collect_write()?;
        self.cycle += 1;
        Ok(())
    }

    /// Whether channel number `channel` does not stutter in this cycle.
    fn goes(&mut self, channel: usize) -> bool {
        match self.timing {
            Timing::Fixed { .. } => true,
            Timing::Random { .. } => self.stutters[channel].go(&mut self.random),
        }
    }

    /// The first cycle in which each beat of what is taken now may be answered.
    fn due(&mut self, request: Request, write: bool) -> VecDeque<u64> {
        let Request { address, beats, .. } = request;
        if let Some(times) = &self.times {
            let mut times = times.lock().expect("no port panicked");
            let bytes = self.signals.bytes as u64;
            return (0..beats).map(|at| times.due(self.cycle, address + at * bytes, bytes, write)).collect();
        }
        let due = match self.timing {
            Timing::Fixed { latency } => self.cycle + latency.max(1),
            Timing::Random { latency, .. } => self.cycle + 1 + self.random.below(latency as i64) as u64,
        };
        vec![due; beats as usize].into()
    }

    /// One of `count` requests whose turn may be now: its identifier and the cycle when it is due. The oldest of its identifier comes first.
    fn pick(&mut self, requests: &[(u64, u64)]) -> Option<usize> {
        let is_next = |index: usize| requests[..index].iter().all(|(id, _)| *id != requests[index].0);
        let mut open = (0..requests.len()).filter(|index| requests[*index].1 <= self.cycle && is_next(*index));
        match self.timing {
            Timing::Fixed { .. } => open.next().filter(|index| *index == 0),
            Timing::Random { .. } => {
                let open: Vec<usize> = open.collect();
                (!open.is_empty()).then(|| self.random.pick(&open))
            }
        }
    }

    fn next_read(&mut self) -> Option<usize> {
        let open: Vec<_> = self.reads.iter().map(|read| (read.id, read.due[0])).collect();
        self.pick(&open)
    }

    fn next_answer(&mut self) -> Option<usize> {
        let open: Vec<_> = self.writes.iter().map(|write| (write.request.id, write.due)).collect();
        self.pick(&open)
    }

    fn offer_read(&self, block: &mut Block, memory: &Memory) {
        let Some(read) = self.offered.map(|index| &self.reads[index]) else { return };
        let signals = &self.signals;
        let mut bytes = vec![0; signals.bytes];
        memory.read(read.address, &mut bytes);
        signals.put_data(block, &bytes);
        let broken = memory.broken(read.address, signals.bytes as u64);
        signals.put(block, signals.r_id, read.id);
        signals.put(block, signals.r_resp, if broken { SLVERR } else { 0 });
        signals.put(block, signals.r_error, u64::from(broken));
        signals.put(block, signals.r_last, u64::from(read.due.len() == 1));
    }

    fn beat_read(&mut self, index: usize) {
        self.moved[0] += 1;
        let read = &mut self.reads[index];
        read.address += self.signals.bytes as u64;
        read.due.pop_front();
        if read.due.is_empty() {
            self.reads.remove(index);
        }
    }

    /// The write is done now, and told.
    fn offer_answer(&mut self, block: &mut Block, memory: &mut Memory) {
        let Some(write) = self.answered.map(|index| &self.writes[index]) else { return };
        let step = self.signals.bytes as u64;
        let places = (write.request.address..).step_by(self.signals.bytes);
        let mut broken = memory.broken(write.request.address, write.request.beats * step);
        for (beat, address) in write.beats.iter().zip(places) {
            broken |= !memory.write(address, beat);
        }
        self.moved[1] += write.request.beats;
        let signals = &self.signals;
        signals.put(block, signals.b_id, write.request.id);
        signals.put(block, signals.b_resp, if broken { SLVERR } else { 0 });
        signals.put(block, signals.b_error, u64::from(broken));
    }

    /// When all beats of the oldest write are there, its answer becomes due.
    fn collect_write(&mut self) -> Result<(), String> {
        let Some(request) = self.requests.front().copied() else { return Ok(()) };
        let count = request.beats as usize;
        let wrong = self.beats.iter().take(count).position(|beat| beat.last).filter(|at| at + 1 != count);
        if let Some(at) = wrong {
            return Err(format!("beat {} of a write of {count} at {} says it is the last", at + 1, request.address));
        }
        if self.beats.len() < count {
            return Ok(());
        }
        if !self.beats[count - 1].last {
            return Err(format!("the last beat of a write of {count} at {} does not say so", request.address));
        }
        self.requests.pop_front();
        let beats = self.beats.drain(..count).collect();
        let due = self.due(request, true).into_iter().max().expect("a write has a beat");
        self.writes.push(Write { request, beats, due });
        Ok(())
    }

    fn whole(&self, request: Request) -> Result<(), String> {
        let Request { address, beats, .. } = request;
        let bytes = self.signals.bytes as u64;
        if address % bytes != 0 {
            return Err(format!("a burst at {address}, which is no multiple of the port's {bytes} bytes"));
        }
        let last = address + beats * bytes - 1;
        if address / BOUNDARY != last / BOUNDARY {
            return Err(format!("a burst of {beats} beats at {address} crosses {BOUNDARY} bytes"));
        }
        Ok(())
    }
}

/// What was offered and not taken is offered again, the same.
fn steady<T: PartialEq + Clone>(what: &str, held: &mut Option<T>, now: &Option<T>, ready: bool) -> Result<(), String> {
    if held.is_some() && held != now {
        return Err(format!("a {what} changed before it was taken"));
    }
    *held = if ready { None } else { now.clone() };
    Ok(())
}

/// The signals of a request channel.
struct Channel {
    valid: Option<Port>,
    ready: Option<Port>,
    id: Option<Port>,
    address: Option<Port>,
    length: Option<Port>,
    size: Option<Port>,
    burst: Option<Port>,
}

/// Where the signals of one port are.
struct Signals {
    lane: usize,
    lanes: usize,
    /// Bytes of a beat.
    bytes: usize,
    ar: Channel,
    aw: Channel,
    r_valid: Option<Port>,
    r_ready: Option<Port>,
    r_id: Option<Port>,
    r_data: Option<Port>,
    r_resp: Option<Port>,
    r_error: Option<Port>,
    r_last: Option<Port>,
    w_valid: Option<Port>,
    w_ready: Option<Port>,
    w_data: Option<Port>,
    w_strobe: Option<Port>,
    w_last: Option<Port>,
    b_valid: Option<Port>,
    b_ready: Option<Port>,
    b_id: Option<Port>,
    b_resp: Option<Port>,
    b_error: Option<Port>,
}

impl Signals {
    fn find(block: &Block, prefix: &str, lane: usize) -> Signals {
        let port = |name: &str| block.find(&format!("{prefix}{name}"));
        let channel = |name: &str| Channel {
            valid: port(&format!("{name}_valid_o")),
            ready: port(&format!("{name}_ready_i")),
            id: port(&format!("{name}_id_o")),
            address: port(&format!("{name}_addr_o")),
            length: port(&format!("{name}_len_o")),
            size: port(&format!("{name}_size_o")),
            burst: port(&format!("{name}_burst_o")),
        };
        let mut signals = Signals {
            lane,
            lanes: 1,
            bytes: 0,
            ar: channel("ar"),
            aw: channel("aw"),
            r_valid: port("r_valid_i"),
            r_ready: port("r_ready_o"),
            r_id: port("r_id_i"),
            r_data: port("r_data_i"),
            r_resp: port("r_resp_i"),
            r_error: port("r_error_i"),
            r_last: port("r_last_i"),
            w_valid: port("w_valid_o"),
            w_ready: port("w_ready_i"),
            w_data: port("w_data_o"),
            w_strobe: port("w_strb_o"),
            w_last: port("w_last_o"),
            b_valid: port("b_valid_i"),
            b_ready: port("b_ready_o"),
            b_id: port("b_id_i"),
            b_resp: port("b_resp_i"),
            b_error: port("b_error_i"),
        };
        let valid = signals.ar.valid.or(signals.aw.valid).unwrap_or_else(|| panic!("no port `{prefix}ar_valid_o`"));
        signals.lanes = block.bits(valid) as usize;
        let data = signals.r_data.or(signals.w_data).expect("a port with requests has data");
        signals.bytes = block.bits(data) as usize / signals.lanes / 8;
        signals
    }

    /// First bit and width of this port's part of a packed array.
    fn place(&self, block: &Block, port: Port) -> (u32, u32) {
        let width = block.bits(port) / self.lanes as u32;
        (width * self.lane as u32, width)
    }

    fn get(&self, block: &Block, port: Option<Port>) -> u64 {
        port.map_or(0, |port| {
            let (low, width) = self.place(block, port);
            block.field(port, low, width)
        })
    }

    fn put(&self, block: &mut Block, port: Option<Port>, value: u64) {
        if let Some(port) = port {
            let (low, width) = self.place(block, port);
            block.put_field(port, low, width, value);
        }
    }

    fn put_data(&self, block: &mut Block, bytes: &[u8]) {
        let port = self.r_data.expect("a port that reads has data");
        let (low, _) = self.place(block, port);
        for (index, word) in bytes.chunks_exact(8).enumerate() {
            let word = u64::from_le_bytes(word.try_into().expect("eight bytes"));
            block.put_field(port, low + 64 * index as u32, 64, word);
        }
    }

    /// What a request channel offers.
    fn request(&self, block: &Block, channel: &Channel) -> Option<Request> {
        (self.get(block, channel.valid) == 1).then(|| {
            let (size, burst) = (self.get(block, channel.size), self.get(block, channel.burst));
            let full = channel.size.is_none() || 1 << size == self.bytes;
            assert!(full && (channel.burst.is_none() || burst == 1), "bursts are of whole beats and incrementing");
            Request {
                id: self.get(block, channel.id),
                address: self.get(block, channel.address),
                beats: self.get(block, channel.length) + 1,
            }
        })
    }

    /// What the channel of write data offers.
    fn beat(&self, block: &Block) -> Option<Beat> {
        (self.get(block, self.w_valid) == 1).then(|| {
            let (data, strobe) = (self.w_data.expect("write data"), self.w_strobe.expect("write strobes"));
            let ((data_low, _), (strobe_low, _)) = (self.place(block, data), self.place(block, strobe));
            let word = |index: u32| block.field(data, data_low + 32 * index, 32) as u32;
            let byte = |index: u32| block.field(strobe, strobe_low + 8 * index, 8) as u8;
            Beat {
                data: (0..self.bytes as u32 / 4).map(word).collect(),
                strobe: (0..self.bytes as u32 / 8).map(byte).collect(),
                last: self.get(block, self.w_last) == 1,
            }
        })
    }
}
