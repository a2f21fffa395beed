//! Commands become pieces of memory (`puce_weights_pieces`).

use arch::Instr;
use arch::attr::Unit;

use crate::cycles::wires::{Access, Answer, Ask, Tables, WORD};

/// Words of the table that may be on their way or wait (`TableDepth`).
const TABLE_DEPTH: u8 = 6;
/// Pieces that wait or are in the pipeline (`PieceDepth`), a power of two.
const PIECE_DEPTH: u8 = 8;
/// Bytes of an entry of the table.
const ENTRY: i64 = 4;

/// A piece of memory, in words of 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Piece {
    /// Its first word.
    pub word: i64,
    /// Its words.
    pub words: i64,
    /// It ends its command.
    pub last: bool,
}

/// The operands of the two commands.
#[derive(Clone, Copy, Debug, Default)]
struct Command {
    gathers: bool,
    base: i64,
    step: i64,
    group_step: i64,
    len: i64,
    groups: i64,
    entries: i64,
    table: i64,
}

impl Command {
    fn of(instr: &Instr) -> Command {
        match *instr {
            Instr::Wgat { mem, table, n, step, len, groups, gstep } => {
                let gathers = len.imm > 0 && n.imm > 0 && groups.imm > 0;
                Command {
                    gathers,
                    base: mem.imm,
                    step: step.imm,
                    group_step: gstep.imm,
                    len: if gathers { len.imm } else { 0 },
                    groups: groups.imm,
                    entries: n.imm,
                    table: table.imm,
                }
            }
            Instr::Wld { mem, len } => Command { base: mem.imm, len: len.imm.max(0), ..Command::default() },
            _ => panic!("{instr} is no command of the weights engine"),
        }
    }

    fn span(&self) -> i64 {
        (self.entries * ENTRY + self.table % WORD + WORD - 1) / WORD
    }
}

/// The twin of `puce_weights_pieces`.
#[derive(Clone, Debug)]
pub struct Pieces {
    busy: bool,
    now: Command,
    /// The group's base, the groups that are left, the entries of the group that are left.
    base: i64,
    groups: i64,
    left: i64,
    slot: i64,
    asking: bool,
    ask: i64,
    ask_left: i64,
    ask_groups: i64,
    credit: u8,
    /// Words of the table that wait.
    table_words: u8,
    room: u8,
    /// Which registers of the pipeline hold a piece: bit 0 the first, bit 2 the last.
    valid: u8,
    /// Pieces that wait behind the pipeline, and the ring of all of them.
    waiting: u8,
    ring: [Piece; PIECE_DEPTH as usize],
    head: u8,
    tail: u8,
}

impl Default for Pieces {
    fn default() -> Pieces {
        Pieces::new()
    }
}

impl Pieces {
    /// As after reset.
    pub fn new() -> Pieces {
        Pieces {
            busy: false,
            now: Command::default(),
            base: 0,
            groups: 0,
            left: 0,
            slot: 0,
            asking: false,
            ask: 0,
            ask_left: 0,
            ask_groups: 0,
            credit: TABLE_DEPTH,
            table_words: 0,
            room: PIECE_DEPTH,
            valid: 0,
            waiting: 0,
            ring: [Piece::default(); PIECE_DEPTH as usize],
            head: 0,
            tail: 0,
        }
    }

    /// What the port of the table asks for (`table_req_o`).
    pub fn ask(&self) -> Option<Ask> {
        (self.asking && self.credit != 0).then_some(Ask { word: self.ask, access: Access::Read })
    }

    /// The next piece (`piece_valid_o` and what stands beside it).
    pub fn offered(&self) -> Option<Piece> {
        (self.waiting != 0).then(|| self.ring[usize::from(self.head)])
    }

    /// Whether a command is at work in here (`busy_o`).
    pub fn busy(&self) -> bool {
        self.busy || self.room != PIECE_DEPTH
    }

    /// One clock edge; whether the command was taken.
    pub fn step(
        &mut self,
        command: Option<&Instr>,
        answer: Answer,
        piece_taken: bool,
        tables: &mut Tables<'_>,
    ) -> bool {
        if !self.busy && self.valid == 0 && !piece_taken && command.is_none() {
            return false;
        }
        let issue = self.busy && self.room != 0 && (!self.now.gathers || self.table_words != 0);
        let last = !self.now.gathers || self.left == 1 && self.groups == 1;
        let entry_pop = issue && self.now.gathers && (self.slot == WORD / ENTRY - 1 || self.left == 1);
        let asked = answer.taken && self.ask().is_some();
        self.hand_on(piece_taken);
        if issue {
            self.issue(last, tables);
        }
        self.valid = self.valid << 1 & 7 | u8::from(issue);
        self.room = self.room + u8::from(piece_taken) - u8::from(issue);
        self.credit = self.credit + u8::from(entry_pop) - u8::from(asked);
        self.table_words = self.table_words + u8::from(answer.data) - u8::from(entry_pop);
        if asked {
            self.asked();
        }
        let ready = !self.busy || issue && last;
        self.busy = !ready;
        let taken = command.filter(|_| ready);
        if let Some(instr) = taken {
            self.begin(Command::of(instr));
        }
        taken.is_some()
    }

    fn hand_on(&mut self, piece_taken: bool) {
        if piece_taken {
            self.head = (self.head + 1) % PIECE_DEPTH;
        }
        self.waiting = self.waiting + (self.valid >> 2) - u8::from(piece_taken);
    }

    fn issue(&mut self, last: bool, tables: &mut Tables<'_>) {
        let mut at = self.base;
        if self.now.gathers {
            let entry = self.now.entries - self.left;
            let index = tables(Unit::Weights, self.now.table + ENTRY * entry, entry as u64);
            at += i64::from(index) * self.now.step;
            self.left -= 1;
            self.slot = (self.slot + 1) % (WORD / ENTRY);
            if self.left == 0 {
                self.left = self.now.entries;
                self.slot = self.now.table % WORD / ENTRY;
                self.groups -= 1;
                self.base += self.now.group_step;
            }
        }
        self.ring[usize::from(self.tail)] = Piece { word: at / WORD, words: self.now.len / WORD, last };
        self.tail = (self.tail + 1) % PIECE_DEPTH;
    }

    fn asked(&mut self) {
        self.ask += 1;
        self.ask_left -= 1;
        if self.ask_left == 0 {
            self.ask = self.now.table / WORD;
            self.ask_left = self.now.span();
            self.ask_groups -= 1;
            self.asking = self.ask_groups != 0;
        }
    }

    fn begin(&mut self, command: Command) {
        self.busy = true;
        self.now = command;
        self.base = command.base;
        self.groups = command.groups;
        self.left = command.entries;
        self.slot = command.table % WORD / ENTRY;
        self.asking = command.gathers;
        self.ask = command.table / WORD;
        self.ask_left = command.span();
        self.ask_groups = command.groups;
    }
}
