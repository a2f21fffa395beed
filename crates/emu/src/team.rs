//! Running the cores of a group on host threads, from exchange to exchange.
//!
//! Between exchanges cores are independent. So a run is a row of rounds: every core runs to its next exchange or to its end and posts what it has come
//! to, with a copy of the pieces it sends; all threads meet; every core takes the others' pieces from their posts. One meeting a round is enough because there are two
//! tables of posts, used in turn: a table is written again only after the next meeting, and by then everyone has read it.

use crate::core::{Core, Event, Gather, Shared, Stream};
use crate::crew::{Crew, Led, Staff, pause};
use arch::attr::Scope;
use std::sync::RwLock;
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
    At(Gather),
    Failed(Failure),
}

/// What a member shows the others.
struct Post {
    state: State,
    /// The pieces that it sends, rows one after the other.
    pieces: Vec<u8>,
}

/// One round's posts.
type Table = Vec<RwLock<Post>>;

/// A meeting point that spins: exchanges are microseconds apart.
struct Barrier {
    count: usize,
    arrived: AtomicUsize,
    round: AtomicUsize,
}

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
            pause(&mut spins);
        }
    }
}

/// The crews of `members` cores that share `threads` threads: who has none of its own to spare is alone.
pub(crate) fn crews(members: usize, threads: usize, finely: bool) -> Vec<Staff> {
    let helpers = |index: usize| (threads / members + usize::from(index < threads % members)).saturating_sub(1);
    (0..members).map(|index| Staff::new(helpers(index), finely)).collect()
}

/// Run all members to their ends on up to `threads` threads; the helpers of their crews are more.
pub(crate) fn run(members: Vec<Member<'_>>, threads: usize) -> Result<(), Failure> {
    let count = members.len();
    if count == 0 {
        return Ok(());
    }
    let threads = threads.clamp(1, count);
    let table = || -> Table {
        members.iter().map(|_| RwLock::new(Post { state: State::Running, pieces: Vec::new() })).collect()
    };
    let tables = [table(), table()];
    let places: Vec<usize> = members.iter().map(|member| member.chip).collect();
    let barrier = Barrier { count: threads, arrived: AtomicUsize::new(0), round: AtomicUsize::new(0) };
    let mut shares: Vec<Vec<(usize, Member<'_>)>> = (0..threads).map(|_| Vec::new()).collect();
    for (index, member) in members.into_iter().enumerate() {
        shares[index * threads / count].push((index, member));
    }
    let first = shares.remove(0);
    std::thread::scope(|scope| {
        for share in shares {
            scope.spawn(|| rounds(share, &tables, &places, &barrier));
        }
        rounds(first, &tables, &places, &barrier)
    })
}

/// One thread's part of the run. All threads see the same tables and so end in the same round.
fn rounds(
    mut share: Vec<(usize, Member<'_>)>,
    tables: &[Table; 2],
    places: &[usize],
    barrier: &Barrier,
) -> Result<(), Failure> {
    let crews: Vec<&Crew> = share.iter().map(|(_, member)| member.shared.crew).collect();
    let _led: Vec<Led<'_>> = crews.into_iter().map(Crew::led).collect();
    let mut own: Vec<State> = share.iter().map(|_| State::Running).collect();
    for table in tables.iter().cycle() {
        for ((index, member), state) in share.iter_mut().zip(&mut own) {
            if matches!(state, State::Running) {
                *state = advance(member);
            }
            post(&table[*index], member, state);
        }
        barrier.wait();
        let all: Vec<State> = table.iter().map(|post| read(post).state.clone()).collect();
        if let Some(State::Failed(failure)) = all.iter().find(|state| matches!(state, State::Failed(_))) {
            return Err(failure.clone());
        }
        if all.iter().all(|state| matches!(state, State::Done)) {
            return Ok(());
        }
        for ((index, member), state) in share.iter_mut().zip(&mut own) {
            if matches!(state, State::At(_)) {
                *state = exchange(*index, member, &all, table, places);
            }
        }
    }
    unreachable!("a cycle does not end")
}

fn read(post: &RwLock<Post>) -> std::sync::RwLockReadGuard<'_, Post> {
    post.read().unwrap_or_else(|e| e.into_inner())
}

/// Show what a member has come to, and what it sends.
fn post(post: &RwLock<Post>, member: &Member<'_>, state: &State) {
    let mut post = post.write().unwrap_or_else(|e| e.into_inner());
    post.state = state.clone();
    if let State::At(gather) = state {
        post.pieces.clear();
        member.state.send(gather, &mut post.pieces);
    }
}

fn advance(member: &mut Member<'_>) -> State {
    match member.state.run(member.stream, &member.shared) {
        Ok(Event::Halted) => State::Done,
        Ok(Event::Gather(gather)) => State::At(gather),
        Err(what) => failed(member, what),
    }
}

fn failed(member: &Member<'_>, what: String) -> State {
    State::Failed(Failure { chip: member.chip, core: member.core, what })
}

/// Take every sender's pieces, if all of the scope have come.
fn exchange(index: usize, member: &mut Member<'_>, all: &[State], table: &Table, places: &[usize]) -> State {
    let State::At(own) = &all[index] else { unreachable!("called at an exchange") };
    let scope = own.scope;
    let inside = |index: usize| scope == Scope::Group || places[index] == member.chip;
    let mut others = all.iter().enumerate().filter(|(index, _)| inside(*index));
    // Members of a group exchange wait for a chip that has an exchange of its own first.
    if scope == Scope::Group
        && others.clone().any(|(_, state)| matches!(state, State::At(other) if other.scope == Scope::Chip))
    {
        return all[index].clone();
    }
    if let Some((_, State::Done)) = others.find(|(_, state)| matches!(state, State::Done)) {
        return failed(member, "another member of the exchange has ended its stream".into());
    }
    for (other, state) in all.iter().enumerate().filter(|(index, _)| inside(*index)) {
        let State::At(gather) = state else { unreachable!("every member has stopped, and none has failed or ended") };
        if gather.scope != scope || gather.rows != own.rows {
            return failed(member, "the members of the exchange do not agree on its scope or rows".into());
        }
        let pieces = &read(&table[other]).pieces;
        if let Err(what) = member.state.receive(gather, pieces, other == index, member.stream) {
            return failed(member, what);
        }
    }
    member.state.pc += 1;
    State::Running
}
