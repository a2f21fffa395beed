//! The walk of a copy of three dimensions, repeated for every base of a list (`puce_agu3`).

use super::Run;

/// A copy as the walk begins it; counts and steps innermost first.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Copy3 {
    /// Bytes of an element.
    pub elem: i64,
    /// Counts.
    pub n: [i64; 3],
    /// Steps where the bytes come from.
    pub from_step: [i64; 3],
    /// Steps where they go.
    pub to_step: [i64; 3],
    /// Where they go.
    pub to: i64,
    /// How often it is repeated.
    pub bases: i64,
    /// From one repetition to the next where the bytes go.
    pub base_step: i64,
}

impl Copy3 {
    /// `elem` bytes to `to` on, repeated by dimensions of count, step where they come from and step where they go, the innermost first.
    pub fn once(elem: i64, to: i64, dims: [[i64; 3]; 3]) -> Copy3 {
        let [n, from_step, to_step] = std::array::from_fn(|of| dims.map(|dim| dim[of]));
        Copy3 { elem, n, from_step, to_step, to, bases: 1, base_step: 0 }
    }

    /// Whether it moves a byte (`start_moves_o`).
    pub fn moves(&self) -> bool {
        self.elem > 0 && self.n.iter().all(|n| *n > 0) && self.bases > 0
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Idle,
    Multiply,
    Sum,
    Merge,
    Base,
    Run,
    Empty,
}

/// The twin of `puce_agu3`.
#[derive(Clone, Debug)]
pub struct Agu {
    state: State,
    copy: Copy3,
    /// Rounds after the one at work, per dimension; the last is that of the bases.
    left: [i64; 4],
    /// Where the round at work began.
    from: [i64; 3],
    to: [i64; 4],
}

impl Default for Agu {
    fn default() -> Agu {
        Agu { state: State::Idle, copy: Copy3::default(), left: [0; 4], from: [0; 3], to: [0; 4] }
    }
}

impl Agu {
    /// A copy may begin (`start_ready_o`).
    #[inline]
    pub fn ready(&self) -> bool {
        self.state == State::Idle
    }

    /// The next base is wanted (`base_ready_o`).
    #[inline]
    pub fn wants_base(&self) -> bool {
        self.state == State::Base
    }

    /// The run that is named (`run_valid_o`, `run_o`).
    #[inline]
    pub fn run(&self) -> Option<Run> {
        let empty = match self.state {
            State::Run => false,
            State::Empty => true,
            _ => return None,
        };
        let last = empty || self.left == [0; 4];
        Some(Run { from: self.from[0], to: self.to[0], len_m1: (self.copy.elem - 1) as u32, empty, last, fresh: false })
    }

    /// One clock edge: the next base, if one is there, and whether the run is taken.
    #[inline]
    pub fn step(&mut self, base: Option<i64>, taken: bool) {
        match self.state {
            State::Idle => {}
            State::Multiply => self.state = State::Sum,
            State::Sum => self.state = State::Merge,
            State::Merge => self.merge(),
            State::Base => {
                if let Some(base) = base {
                    self.from = [base; 3];
                    self.state = State::Run;
                }
            }
            State::Run if taken => self.advance(),
            State::Empty if taken => self.state = State::Idle,
            State::Run | State::Empty => {}
        }
    }

    /// Begin a copy, at the end of a cycle in which it was [`Agu::ready`].
    pub fn begin(&mut self, copy: Copy3) {
        self.state = if copy.moves() { State::Multiply } else { State::Empty };
        self.to = [copy.to; 4];
        self.left[3] = copy.bases - 1;
        self.copy = copy;
    }

    /// The innermost dimension becomes part of the run where it is contiguous.
    fn merge(&mut self) {
        let copy = &mut self.copy;
        let merges = copy.n[0] == 1 || (copy.from_step[0] == copy.elem && copy.to_step[0] == copy.elem);
        if merges && copy.n != [1; 3] {
            copy.elem *= copy.n[0];
            copy.n = [copy.n[1], copy.n[2], 1];
            copy.from_step = [copy.from_step[1], copy.from_step[2], 0];
            copy.to_step = [copy.to_step[1], copy.to_step[2], 0];
            self.state = State::Multiply;
        } else {
            (0..3).for_each(|dim| self.left[dim] = copy.n[dim] - 1);
            self.state = State::Base;
        }
    }

    /// One step in the innermost dimension that has a round left, the dimensions inside it anew.
    #[inline]
    fn advance(&mut self) {
        if self.left[0] != 0 {
            self.left[0] -= 1;
            self.from[0] += self.copy.from_step[0];
            self.to[0] += self.copy.to_step[0];
            return;
        }
        let dim = (1..4).find(|dim| self.left[*dim] != 0);
        let Some(dim) = dim else {
            self.state = State::Idle;
            return;
        };
        (0..dim).for_each(|inner| self.left[inner] = self.copy.n[inner] - 1);
        self.left[dim] -= 1;
        let step = if dim == 3 { self.copy.base_step } else { self.copy.to_step[dim] };
        let to = self.to[dim] + step;
        self.to[..=dim].fill(to);
        if dim == 3 {
            self.state = State::Base;
        } else {
            let from = self.from[dim] + self.copy.from_step[dim];
            self.from[..=dim].fill(from);
        }
    }
}
