//! Running the cores of a group on host threads, from exchange to exchange.
//!
//! Between exchanges cores are independent. So a run is a row of rounds: every core runs to its next exchange or to its end; all threads meet; every core
//! takes the others' pieces; all threads meet again, so that no sender goes on before all have read. What each core has come to stands in a table that is written before a
//! meeting and read after it.

use crate::core::{Core, Event, Gather, Shared, Stream};
use crate::memory::Memory;
use arch::attr::Scope;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A core with its place in the group.
pub(crate) struct Member<'a> {
    pub chip: usize,
    pub core: usize,
    pub state: &'a mut Core,
    pub stream: &'a Stream,
    pub shared: Shared<'a>,
}

/// A core that broke a rule.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub chip: usize,
    pub core: usize,
    pub what: String,
}

/// What a member has come to.
#[derive(Clone)]
enum State {
    Running,
    Done,
    At(Gather, Scratchpad),
    Failed(Failure),
}

/// A scratchpad that other members read during an exchange.
#[derive(Clone, Copy)]
struct Scratchpad(*const Memory);

// SAFETY: read only between the two meetings of an exchange, when its owner does not run.
unsafe impl Send for Scratchpad {}

/// A meeting point that spins: exchanges are microseconds apart.
struct Barrier {
    count: usize,
    arrived: AtomicUsize,
    round: AtomicUsize,
}

const SPINS: usize = 1 << 11;

impl Barrier {
    fn wait(&self) {
        let round = self.round.load(Ordering::Acquire);
        if self.arrived.fetch_add(1, Ordering::AcqRel) + 1 == self.count {
            self.arrived.store(0, Ordering::Relaxed);
            self.round.store(round.wrapping_add(1), Ordering::Release);
            return;
        }
        let mut spins = 0;
        while self.round.load(Ordering::Acquire) == round {
            spins += 1;
            if spins < SPINS { std::hint::spin_loop() } else { std::thread::yield_now() }
        }
    }
}

/// Run all members to their ends on up to `threads` threads.
pub(crate) fn run(members: Vec<Member<'_>>, threads: usize) -> Result<(), Failure> {
    let count = members.len();
    if count == 0 {
        return Ok(());
    }
    let threads = threads.clamp(1, count);
    let states: Vec<Mutex<State>> = members.iter().map(|_| Mutex::new(State::Running)).collect();
    let places: Vec<usize> = members.iter().map(|member| member.chip).collect();
    let barrier = Barrier { count: threads, arrived: AtomicUsize::new(0), round: AtomicUsize::new(0) };
    let mut shares: Vec<Vec<(usize, Member<'_>)>> = (0..threads).map(|_| Vec::new()).collect();
    for (index, member) in members.into_iter().enumerate() {
        shares[index * threads / count].push((index, member));
    }
    let first = shares.remove(0);
    std::thread::scope(|scope| {
        for share in shares {
            scope.spawn(|| rounds(share, &states, &places, &barrier));
        }
        rounds(first, &states, &places, &barrier);
    });
    let failed = states.into_iter().find_map(|state| match state.into_inner().unwrap_or_else(|e| e.into_inner()) {
        State::Failed(failure) => Some(failure),
        _ => None,
    });
    failed.map_or(Ok(()), Err)
}

fn get(state: &Mutex<State>) -> State {
    state.lock().unwrap_or_else(|e| e.into_inner()).clone()
}

fn set(state: &Mutex<State>, new: State) {
    *state.lock().unwrap_or_else(|e| e.into_inner()) = new;
}

/// One thread's part of the run.
fn rounds(mut share: Vec<(usize, Member<'_>)>, states: &[Mutex<State>], places: &[usize], barrier: &Barrier) {
    loop {
        for (index, member) in &mut share {
            if matches!(get(&states[*index]), State::Running) {
                set(&states[*index], advance(member));
            }
        }
        barrier.wait();
        let all: Vec<State> = states.iter().map(get).collect();
        if all.iter().any(|state| matches!(state, State::Failed(_)))
            || all.iter().all(|state| matches!(state, State::Done))
        {
            return;
        }
        let exchanged = share.iter_mut().map(|(index, member)| match all[*index] {
            State::At(..) => exchange(*index, member, &all, places),
            _ => State::Done,
        });
        let next: Vec<State> = exchanged.collect();
        // Only now have all threads read the table.
        barrier.wait();
        share.iter().zip(next).for_each(|((index, _), state)| set(&states[*index], state));
    }
}

fn advance(member: &mut Member<'_>) -> State {
    match member.state.run(member.stream, &member.shared) {
        Ok(Event::Halted) => State::Done,
        Ok(Event::Gather(gather)) => State::At(gather, Scratchpad(&member.state.scratchpad)),
        Err(what) => failed(member, what),
    }
}

fn failed(member: &Member<'_>, what: String) -> State {
    State::Failed(Failure { chip: member.chip, core: member.core, what })
}

/// Take every sender's pieces, if all of the scope have come.
fn exchange(index: usize, member: &mut Member<'_>, all: &[State], places: &[usize]) -> State {
    let State::At(own, ..) = &all[index] else { unreachable!("called at an exchange") };
    let scope = own.scope;
    let inside = |index: usize| scope == Scope::Group || places[index] == member.chip;
    let mut others = all.iter().enumerate().filter(|(index, _)| inside(*index));
    // Members of a group exchange wait for a chip that has an exchange of its own first.
    if scope == Scope::Group
        && others.clone().any(|(_, state)| matches!(state, State::At(other, ..) if other.scope == Scope::Chip))
    {
        return all[index].clone();
    }
    if let Some((_, State::Done)) = others.find(|(_, state)| matches!(state, State::Done)) {
        return failed(member, "another member of the exchange has ended its stream".into());
    }
    for (other, state) in all.iter().enumerate().filter(|(index, _)| inside(*index)) {
        let State::At(gather, scratchpad) = state else {
            unreachable!("every member has stopped, and none has failed or ended")
        };
        if gather.scope != scope || gather.rows != own.rows {
            return failed(member, "the members of the exchange do not agree on its scope or rows".into());
        }
        // SAFETY: the sender waits at this exchange until every thread has passed the meeting that follows.
        let from = unsafe { &*scratchpad.0 };
        if let Err(what) = member.state.receive(gather, from, other == index, member.stream) {
            return failed(member, what);
        }
    }
    member.state.pc += 1;
    State::Running
}
