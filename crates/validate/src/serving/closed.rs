//! A closed loop: so many requests in flight; when one ends, the next begins.
//!
//! It is how serving is benchmarked: all clients begin at once, each sends its next request when its last is answered, lengths vary a little. The loop is
//! run event by event, where an event is a step with prompts in it or the end of a request; the decoding steps between two events differ only in a
//! slowly growing context and are taken at once. A run costs some twenty events per request in flight, whatever the lengths are.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// What is in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Step {
    /// Prompts, or chunks of them.
    pub prompts: u64,
    /// New positions of each prompt.
    pub tokens: u64,
    /// Positions of each prompt that earlier steps did.
    pub past: u64,
    /// Sequences that decode.
    pub sequences: u64,
    /// Positions of each of them.
    pub context: u64,
}

/// How long a step takes.
pub trait Steps {
    /// In seconds.
    fn time(&self, step: Step) -> f64;
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Traffic {
    /// Requests in flight.
    pub concurrency: u64,
    /// Longest prompt.
    pub prompt: u64,
    /// Longest answer.
    pub answer: u64,
    /// Shortest length as a share of the longest: lengths are spread evenly between.
    pub shortest: f64,
}

/// Requests of a run per request in flight, as the usual benchmark scripts set it.
const ROUNDS: u64 = 10;
/// Most requests of a run; more change nothing.
const MOST: u64 = 6000;
/// Fewest rounds of a run: at least one beside the first, in which all begin at once.
const LEAST_ROUNDS: u64 = 3;
/// Steps of the two low-discrepancy sequences that spread lengths: the golden ratio's and the plastic number's fractions.
const SPREAD: [f64; 2] = [0.618_033_988_749_895, 0.754_877_666_246_693];

impl Traffic {
    fn requests(&self) -> u64 {
        (self.concurrency * ROUNDS).min(MOST.max(self.concurrency * LEAST_ROUNDS))
    }

    /// Lengths of a request's prompt and answer.
    fn lengths(&self, number: u64) -> (u64, u64) {
        let share = |step: f64| self.shortest + (1.0 - self.shortest) * (number as f64 * step).fract();
        let length = |longest: u64, step| ((longest as f64 * share(step)).round() as u64).max(1);
        (length(self.prompt, SPREAD[0]), length(self.answer, SPREAD[1]))
    }
}

/// How one instance that does both forms its steps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Policy {
    /// Whether prompts and decoding share steps.
    pub mixes: bool,
    /// Most tokens of a step.
    pub budget: u64,
    /// Most sequences in memory.
    pub room: u64,
    /// Decoding steps from one look for new requests to the next; after a step with prompts there is always one.
    pub poll: u64,
    /// Groups of data parallelism whose prompts wait for one another, and after how many steps without prompts they are read although some have none.
    pub groups: (u64, u64),
    /// Tokens that a step gives each sequence on average: one, and more with drafts that are right.
    pub tokens: f64,
}

/// Prefill and decode workers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Workers {
    /// Number of prefill workers.
    pub prefill: u64,
    /// Number of decode workers.
    pub decode: u64,
    /// Most tokens of a prefill step.
    pub budget: u64,
    /// Most sequences in the memory of a decode worker.
    pub room: u64,
    /// Seconds to hand a prompt's cache over.
    pub transfer: f64,
    /// Tokens that a step of a decode worker gives each sequence on average.
    pub tokens: f64,
}

/// What clients see, on average over requests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// Time to first token, in seconds.
    pub ttft: f64,
    /// Time per further token, in seconds.
    pub tpot: f64,
}

/// Averages as they come.
#[derive(Default)]
struct Seen {
    ttft: f64,
    tpot: f64,
    first: u64,
    done: u64,
}

impl Seen {
    fn outcome(&self) -> Outcome {
        Outcome { ttft: self.ttft / self.first.max(1) as f64, tpot: self.tpot / self.done.max(1) as f64 }
    }
}

/// A request that waits or is being read.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    arrived: f64,
    prompt: u64,
    answer: u64,
    read: u64,
}

/// A sequence that decodes: it ends when its instance has done `end` steps.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Running {
    began: u64,
    end: u64,
    first: f64,
    prompt: u64,
    answer: u64,
}

impl Eq for Running {}

impl Ord for Running {
    fn cmp(&self, other: &Running) -> std::cmp::Ordering {
        self.end.cmp(&other.end).then(self.first.total_cmp(&other.first))
    }
}

impl PartialOrd for Running {
    fn partial_cmp(&self, other: &Running) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// The decoding side of an instance: sequences by the step at which they end.
struct Decoding {
    running: BinaryHeap<Reverse<Running>>,
    steps: u64,
    /// Tokens that a step gives each sequence.
    tokens: f64,
    /// Sum over sequences of (prompt - tokens of the steps before it began): with tokens of all steps per sequence added, the sum of contexts.
    base: i64,
}

impl Decoding {
    fn new(tokens: f64) -> Decoding {
        Decoding { running: BinaryHeap::new(), steps: 0, tokens: tokens.max(1.0), base: 0 }
    }

    /// Tokens that a sequence gets in so many steps.
    fn given(&self, steps: u64) -> i64 {
        (steps as f64 * self.tokens) as i64
    }

    fn len(&self) -> u64 {
        self.running.len() as u64
    }

    fn context(&self, ahead: u64) -> u64 {
        let count = self.running.len().max(1) as i64;
        (self.base / count + self.given(self.steps + ahead)).max(1) as u64
    }

    fn join(&mut self, waiting: &Waiting, now: f64) {
        let (began, Waiting { prompt, answer, .. }) = (self.steps, *waiting);
        self.base += prompt as i64 - self.given(began);
        let end = began + (answer.saturating_sub(1) as f64 / self.tokens).ceil() as u64;
        self.running.push(Reverse(Running { began, end, first: now, prompt, answer }));
    }

    /// Steps until the next sequence ends.
    fn until_next(&self) -> Option<u64> {
        self.running.peek().map(|Reverse(next)| next.end.saturating_sub(self.steps))
    }

    /// Takes out a sequence that has ended.
    fn ended(&mut self) -> Option<Running> {
        if self.until_next()? > 0 {
            return None;
        }
        let Reverse(done) = self.running.pop()?;
        self.base -= done.prompt as i64 - self.given(done.began);
        Some(done)
    }

    fn step(&self, ahead: u64) -> Step {
        Step { sequences: self.len(), context: self.context(ahead), ..Step::default() }
    }
}

/// Requests that arrive because others end.
struct Clients<'a> {
    traffic: &'a Traffic,
    sent: u64,
    seen: Seen,
}

impl Clients<'_> {
    fn new(traffic: &Traffic) -> (Clients<'_>, VecDeque<Waiting>) {
        let mut clients = Clients { traffic, sent: 0, seen: Seen::default() };
        let queue = (0..traffic.concurrency).filter_map(|_| clients.next(0.0)).collect();
        (clients, queue)
    }

    fn next(&mut self, now: f64) -> Option<Waiting> {
        if self.sent >= self.traffic.requests() {
            return None;
        }
        let (prompt, answer) = self.traffic.lengths(self.sent);
        self.sent += 1;
        Some(Waiting { arrived: now, prompt, answer, read: 0 })
    }

    fn first_token(&mut self, waiting: &Waiting, now: f64) {
        self.seen.first += 1;
        self.seen.ttft += now - waiting.arrived;
    }

    fn done(&mut self, running: &Running, now: f64) -> Option<Waiting> {
        if running.answer > 1 {
            self.seen.done += 1;
            self.seen.tpot += (now - running.first) / (running.answer - 1) as f64;
        }
        self.next(now)
    }
}

/// Takes chunks of the first prompts of a queue within a budget: the step's prompts, and those that it finishes.
fn take(queue: &mut VecDeque<Waiting>, budget: u64, slots: u64) -> (Step, Vec<Waiting>) {
    let (mut left, mut taken, mut past) = (budget, Vec::new(), 0);
    while left > 0 && (taken.len() as u64) < slots {
        let Some(mut waiting) = queue.pop_front() else { break };
        let chunk = (waiting.prompt - waiting.read).min(left);
        left -= chunk;
        past += waiting.read;
        waiting.read += chunk;
        taken.push(waiting);
    }
    let prompts = taken.len() as u64;
    let each = prompts.max(1);
    let step = Step { prompts, tokens: (budget - left).div_ceil(each), past: past / each, ..Step::default() };
    let (finished, partial): (Vec<Waiting>, Vec<Waiting>) = taken.into_iter().partition(|one| one.read >= one.prompt);
    partial.into_iter().rev().for_each(|one| queue.push_front(one));
    (step, finished)
}

/// Requests until each of `groups` has one, if each comes to one of them at random: the coupon collector's mean.
pub fn until_each_has_one(groups: u64) -> f64 {
    groups as f64 * (1..=groups).map(|number| 1.0 / number as f64).sum::<f64>()
}

/// One instance that reads prompts and decodes.
pub fn together(steps: &impl Steps, policy: Policy, traffic: &Traffic) -> Outcome {
    let (mut clients, mut queue) = Clients::new(traffic);
    let (mut decoding, mut now) = (Decoding::new(policy.tokens), 0.0);
    // Requests that came and were not looked for yet, and the step at which they will be.
    let (mut outside, mut due) = (VecDeque::new(), 0);
    // The step at which prompts do not wait for those of other groups any longer.
    let (enough, mut overdue) = (until_each_has_one(policy.groups.0), 0);
    loop {
        if decoding.len() == 0 || decoding.steps >= due {
            queue.append(&mut outside);
            due = decoding.steps + policy.poll;
        }
        let slots = policy.room.max(1).saturating_sub(decoding.len());
        let begun = queue.front().is_some_and(|one| one.read > 0);
        let ready = decoding.len() == 0 || begun || queue.len() as f64 >= enough || decoding.steps >= overdue;
        if !queue.is_empty() && slots > 0 && ready {
            // A decoding sequence takes one token of the budget; prompts always get some.
            let share = if policy.mixes { decoding.len().min(policy.budget / 2) } else { 0 };
            let (mut step, finished) = take(&mut queue, policy.budget - share, slots);
            if policy.mixes && decoding.len() > 0 {
                Step { sequences: step.sequences, context: step.context, .. } = decoding.step(0);
                decoding.steps += 1;
            }
            now += steps.time(step);
            for waiting in &finished {
                clients.first_token(waiting, now);
                decoding.join(waiting, now);
            }
            due = decoding.steps;
            overdue = decoding.steps + policy.groups.1;
        } else if let Some(ahead) = decoding.until_next() {
            let unseen = if outside.is_empty() { u64::MAX } else { due - decoding.steps };
            let waiting = if queue.is_empty() || slots == 0 { u64::MAX } else { overdue - decoding.steps };
            let ahead = ahead.min(unseen).min(waiting);
            now += ahead as f64 * if ahead > 0 { steps.time(decoding.step(ahead / 2)) } else { 0.0 };
            decoding.steps += ahead;
        } else {
            return clients.seen.outcome();
        }
        while let Some(done) = decoding.ended() {
            outside.extend(clients.done(&done, now));
        }
    }
}

/// A decode worker: its sequences, those that wait for room, and the time up to which it has run.
struct Worker {
    decoding: Decoding,
    now: f64,
    arriving: VecDeque<Waiting>,
}

impl Worker {
    fn new(tokens: f64) -> Worker {
        Worker { decoding: Decoding::new(tokens), now: 0.0, arriving: VecDeque::new() }
    }

    fn load(&self) -> usize {
        self.decoding.running.len() + self.arriving.len()
    }

    /// When the next of its sequences ends.
    fn next_end(&self, steps: &impl Steps) -> Option<f64> {
        let ahead = self.decoding.until_next()?;
        Some(self.now + ahead as f64 * if ahead > 0 { steps.time(self.decoding.step(ahead / 2)) } else { 0.0 })
    }

    /// Runs whole steps until `time`, or to just beyond it.
    fn run_to(&mut self, time: f64, steps: &impl Steps) {
        if let Some(most) = self.decoding.until_next().filter(|most| *most > 0)
            && time > self.now
        {
            let each = steps.time(self.decoding.step(most / 2));
            let ahead = (((time - self.now) / each).ceil() as u64).min(most);
            self.decoding.steps += ahead;
            self.now += ahead as f64 * each;
        }
        self.now = self.now.max(time);
    }
}

/// Separate workers for prompts and decoding.
pub fn apart(prefill: &impl Steps, decode: &impl Steps, workers: Workers, traffic: &Traffic) -> Outcome {
    Apart::new(prefill, decode, workers, traffic).run()
}

/// The state of [`apart`].
struct Apart<'a, P, D> {
    prefill: &'a P,
    decode: &'a D,
    workers: Workers,
    clients: Clients<'a>,
    queue: VecDeque<Waiting>,
    /// Of each prefill worker: when its step ends, and what is finished then.
    reading: Vec<Option<(f64, Vec<Waiting>)>>,
    decoders: Vec<Worker>,
}

impl<'a, P: Steps, D: Steps> Apart<'a, P, D> {
    fn new(prefill: &'a P, decode: &'a D, workers: Workers, traffic: &'a Traffic) -> Apart<'a, P, D> {
        let (clients, queue) = Clients::new(traffic);
        let reading = (0..workers.prefill.max(1)).map(|_| None).collect();
        let decoders = (0..workers.decode.max(1)).map(|_| Worker::new(workers.tokens)).collect();
        Apart { prefill, decode, workers, clients, queue, reading, decoders }
    }

    fn run(mut self) -> Outcome {
        let mut now = 0.0;
        loop {
            self.start(now);
            let read = self.reading.iter().enumerate().filter_map(|(i, one)| one.as_ref().map(|(end, _)| (*end, i)));
            let read = read.min_by(|a, b| a.0.total_cmp(&b.0));
            let ends = self.decoders.iter().enumerate();
            let ends = ends.filter_map(|(i, worker)| worker.next_end(self.decode).map(|end| (end, i)));
            match (read, ends.min_by(|a, b| a.0.total_cmp(&b.0))) {
                (None, None) => return self.clients.seen.outcome(),
                (Some((time, worker)), end) if end.is_none_or(|(end, _)| time <= end) => {
                    now = time;
                    self.hand_over(worker, now);
                }
                (_, Some((time, worker))) => {
                    now = now.max(time);
                    self.end(worker, time);
                }
                (Some(_), None) => unreachable!("the second arm takes it"),
            }
        }
    }

    /// Gives idle prefill workers something to read. A worker reads until its step has finished at least one prompt.
    fn start(&mut self, now: f64) {
        for slot in &mut self.reading {
            if slot.is_some() || self.queue.is_empty() {
                continue;
            }
            let mut end = now;
            let mut finished = Vec::new();
            while finished.is_empty() {
                let (step, done) = take(&mut self.queue, self.workers.budget, u64::MAX);
                end += self.prefill.time(step);
                finished = done;
            }
            *slot = Some((end, finished));
        }
    }

    /// A prefill worker's prompts go to the decode worker with the least to do.
    fn hand_over(&mut self, worker: usize, now: f64) {
        let Some((_, finished)) = self.reading[worker].take() else { return };
        for waiting in finished {
            let least = (0..self.decoders.len()).min_by_key(|index| self.decoders[*index].load()).unwrap_or(0);
            self.decoders[least].arriving.push_back(waiting);
            self.admit(least, now + self.workers.transfer);
        }
    }

    /// Lets arrived sequences begin where there is room. Their first token leaves when their cache has arrived.
    fn admit(&mut self, index: usize, time: f64) {
        let worker = &mut self.decoders[index];
        while worker.decoding.len() < self.workers.room.max(1) {
            let Some(waiting) = worker.arriving.pop_front() else { return };
            worker.run_to(time, self.decode);
            self.clients.first_token(&waiting, worker.now);
            worker.decoding.join(&waiting, worker.now);
        }
    }

    /// The next sequence of a decode worker ends; its client asks again.
    fn end(&mut self, index: usize, time: f64) {
        let worker = &mut self.decoders[index];
        worker.run_to(time, self.decode);
        worker.decoding.steps += worker.decoding.until_next().unwrap_or(0);
        while let Some(done) = self.decoders[index].decoding.ended() {
            let next = self.clients.done(&done, time);
            self.queue.extend(next);
        }
        self.admit(index, time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Prompts at a rate, decoding at a fixed time per step and a little per sequence.
    struct Plain {
        per_token: f64,
        step: f64,
        sequence: f64,
    }

    impl Steps for Plain {
        fn time(&self, step: Step) -> f64 {
            let prompts = (step.prompts * step.tokens) as f64 * self.per_token;
            let decode = if step.sequences > 0 { self.step + step.sequences as f64 * self.sequence } else { 0.0 };
            prompts + decode
        }
    }

    const PLAIN: Plain = Plain { per_token: 1e-5, step: 5e-3, sequence: 1e-4 };

    fn traffic(concurrency: u64) -> Traffic {
        Traffic { concurrency, prompt: 1000, answer: 200, shortest: 1.0 }
    }

    const POLICY: Policy = Policy { mixes: false, budget: 8192, room: u64::MAX, poll: 1, groups: (1, 0), tokens: 1.0 };
    const WORKERS: Workers =
        Workers { prefill: 1, decode: 1, budget: 8192, room: u64::MAX, transfer: 0.0, tokens: 1.0 };

    #[test]
    fn a_single_client_sees_the_bare_times() {
        for outcome in [together(&PLAIN, POLICY, &traffic(1)), apart(&PLAIN, &PLAIN, WORKERS, &traffic(1))] {
            assert!((outcome.ttft - 1000.0 * 1e-5).abs() < 1e-12, "{outcome:?}");
            assert!((outcome.tpot - 5.1e-3).abs() < 1e-9, "{outcome:?}");
        }
    }

    #[test]
    fn prompts_that_wait_for_other_groups_come_later_and_interrupt_less() {
        /// One prompt makes all groups wait as long as one for each does.
        struct Groups;
        impl Steps for Groups {
            fn time(&self, step: Step) -> f64 {
                10e-3 + if step.prompts > 0 { 50e-3 } else { 0.0 }
            }
        }
        let spread = Traffic { shortest: 0.5, ..traffic(64) };
        let outcome = |wait| together(&Groups, Policy { groups: (8, wait), mixes: true, ..POLICY }, &spread);
        let (at_once, waiting) = (outcome(0), outcome(40));
        assert!(waiting.tpot < 0.8 * at_once.tpot, "{waiting:?} {at_once:?}");
        assert!(waiting.ttft > at_once.ttft, "{waiting:?} {at_once:?}");
        // Nobody waits for ever: a single client is answered at once.
        let alone = together(&Groups, Policy { groups: (8, 1000), mixes: true, ..POLICY }, &traffic(1));
        assert!((alone.ttft - 60e-3).abs() < 1e-9, "{alone:?}");
    }

    #[test]
    fn each_of_some_groups_has_one_after_so_many() {
        assert!((until_each_has_one(1) - 1.0).abs() < 1e-12);
        assert!((until_each_has_one(2) - 3.0).abs() < 1e-12);
        assert!((until_each_has_one(8) - 21.742_857).abs() < 1e-5);
    }

    #[test]
    fn prompts_interrupt_decoding_only_where_they_share_devices() {
        let spread = Traffic { shortest: 0.5, ..traffic(16) };
        let alone = apart(&PLAIN, &PLAIN, WORKERS, &spread);
        let shared = together(&PLAIN, POLICY, &spread);
        assert!(alone.tpot <= PLAIN.time(Step { sequences: 16, context: 1, ..Step::default() }) + 1e-9, "{alone:?}");
        assert!(shared.tpot > alone.tpot * 1.1, "{shared:?} {alone:?}");
    }

    #[test]
    fn drafts_that_are_right_divide_the_time_per_token() {
        let answer = Traffic { answer: 201, ..traffic(4) };
        for tokens in [1.0, 1.25, 2.5, 4.0] {
            let outcome = apart(&PLAIN, &PLAIN, Workers { tokens, ..WORKERS }, &answer);
            let alone = apart(&PLAIN, &PLAIN, WORKERS, &answer);
            assert!((outcome.tpot * tokens / alone.tpot - 1.0).abs() < 0.02, "{tokens}: {outcome:?} {alone:?}");
        }
    }

    #[test]
    fn contexts_grow_by_the_tokens_of_a_step() {
        let mut decoding = Decoding::new(2.5);
        decoding.steps = 7;
        decoding.join(&Waiting { arrived: 0.0, prompt: 1000, answer: 101, read: 1000 }, 0.0);
        assert_eq!((decoding.context(0), decoding.context(20), decoding.until_next()), (1000, 1050, Some(40)));
        decoding.steps = 47;
        assert!(decoding.ended().is_some());
        assert_eq!(decoding.base, 0);
    }

    #[test]
    fn a_full_memory_makes_clients_wait() {
        let free = together(&PLAIN, POLICY, &traffic(32));
        let full = together(&PLAIN, Policy { room: 8, ..POLICY }, &traffic(32));
        assert!(full.ttft > 10.0 * free.ttft && full.tpot < free.tpot, "{full:?} {free:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn throughput_is_what_littles_law_says(concurrency in 1u64..40, prompt in 1u64..5000, answer in 2u64..300, mixes: bool) {
            let traffic = Traffic { concurrency, prompt, answer, shortest: 0.8 };
            let outcome = together(&PLAIN, Policy { mixes, ..POLICY }, &traffic);
            // A request cannot be faster than alone, nor slower than if all prompts in flight were read before it and between all its tokens.
            let read = prompt as f64 * PLAIN.per_token;
            prop_assert!(outcome.ttft >= 0.8 * read * 0.999);
            prop_assert!(outcome.tpot >= PLAIN.step + PLAIN.sequence - 1e-12);
            let busy = PLAIN.step + concurrency as f64 * (PLAIN.sequence + read);
            prop_assert!(outcome.tpot <= busy * 1.001, "{} {}", outcome.tpot, busy);
        }

        #[test]
        fn more_in_flight_never_makes_tokens_faster(concurrency in 1u64..60) {
            let tpot = |concurrency| apart(&PLAIN, &PLAIN, WORKERS, &traffic(concurrency)).tpot;
            prop_assert!(tpot(concurrency + 8) >= tpot(concurrency) * 0.999);
        }
    }
}
