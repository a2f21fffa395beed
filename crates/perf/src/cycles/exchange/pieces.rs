//! The reading half of the exchange engine: the words of a gather's rows (`puce_exchange_pieces`).

use crate::cycles::wires::WORD;
use arch::Instr;

/// What the sending half needs to know of a word that is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Place {
    /// It begins a row.
    pub(super) first: bool,
    /// It ends a row.
    pub(super) last: bool,
    /// Where the row begins in its first word.
    pub(super) source: i64,
    /// Where it begins in the first word of its destination.
    pub(super) target: i64,
    /// Bytes of the row modulo a word.
    pub(super) tail: i64,
    /// The first word of its destination.
    pub(super) word: i64,
    /// Source and destination are the same place.
    pub(super) same: bool,
}

/// A row of a piece.
#[derive(Clone, Copy, Debug, Default)]
struct Row {
    src: i64,
    dst: i64,
    len: i64,
    same: bool,
}

/// The twin of `puce_exchange_pieces`.
#[derive(Clone, Debug, Default)]
pub(super) struct Pieces {
    /// There is a next row; and a second piece after its piece.
    rows: bool,
    second: bool,
    row: Row,
    /// Rows of its piece from it on.
    left: i64,
    row2: Row,
    sstep: i64,
    dstep: i64,
    count: i64,
    /// The row at work: its next word, and how many from it on.
    busy: bool,
    word: i64,
    words: i64,
    place: Place,
}

impl Pieces {
    /// The word that may be asked for.
    #[inline]
    pub(super) fn word(&self) -> Option<i64> {
        self.busy.then_some(self.word)
    }

    /// What is known of it.
    #[inline]
    pub(super) fn place(&self) -> Place {
        Place { last: self.words == 1, ..self.place }
    }

    /// Every word has been asked for.
    #[inline]
    pub(super) fn ended(&self) -> bool {
        !self.busy && !self.rows
    }

    /// One clock edge: a command that begins, and whether the word is taken.
    #[inline]
    pub(super) fn step(&mut self, command: Option<&Instr>, taken: bool) {
        if taken {
            self.busy = self.words != 1;
            self.place.first = false;
            self.word += 1;
            self.words -= 1;
        }
        if self.rows && !self.busy {
            self.next_row();
        }
        if let Some(command) = command {
            self.begin(command);
        }
    }

    fn next_row(&mut self) {
        let Row { src, dst, len, same } = self.row;
        let (source, target) = (src % WORD, dst % WORD);
        self.busy = true;
        self.word = src / WORD;
        self.words = (len + source + WORD - 1) / WORD;
        self.place = Place { first: true, last: false, source, target, tail: len % WORD, word: dst / WORD, same };
        self.row.src += self.sstep;
        self.row.dst += self.dstep;
        self.left -= 1;
        if self.left == 0 {
            self.rows = self.second;
            self.second = false;
            self.row = self.row2;
            self.left = self.count;
        }
    }

    fn begin(&mut self, command: &Instr) {
        let Instr::Gather { scope: _, src, sstep, dst, dstep, bytes, rows, src2, dst2, bytes2 } = *command else {
            unreachable!("`{command}` is no instruction of the exchange engine")
        };
        let steps_same = sstep.imm == dstep.imm || rows.imm == 1;
        let row = |src: i64, dst: i64, len: i64| Row { src, dst, len, same: steps_same && src == dst };
        let moves = [bytes, bytes2].map(|bytes| rows.imm > 0 && bytes.imm > 0);
        self.rows = moves[0] || moves[1];
        self.second = moves[0] && moves[1];
        self.row2 = row(src2.imm, dst2.imm, bytes2.imm);
        self.row = if moves[0] { row(src.imm, dst.imm, bytes.imm) } else { self.row2 };
        (self.sstep, self.dstep) = (sstep.imm, dstep.imm);
        (self.left, self.count) = (rows.imm, rows.imm);
    }
}
