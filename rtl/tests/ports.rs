//! Cores on one memory port: every burst goes out once, its data comes back to who asked, and nobody is forgotten.

use std::collections::VecDeque;

use arch::random::Random;
use perf::cycles::port::{Beat, Mux, Readers, Request, Takes, Told, Wants};
use perf::cycles::wires::Burst;
use rtl::block::Block;
use rtl::design::Design;

const CYCLES: u64 = 20_000;
const PORT: usize = 32;
const LOW: u32 = 2;

/// What a core has asked for and not yet got.
#[derive(Default)]
struct Master {
    /// The request that it holds out: identifier, address, length.
    ar: Option<(u64, u64, u64)>,
    /// Bursts on their way, by identifier: beats left and the first beat's content.
    reads: [VecDeque<(u64, u64)>; 4],
    aw: Option<(u64, u64)>,
    /// Beats of write bursts whose address was held out, in order: content and whether it is the last.
    beats: VecDeque<(u64, bool)>,
    /// Addresses that the port took and memory has not got.
    sent: VecDeque<u64>,
    answers: u64,
    served: u64,
}

fn check(masters: usize) {
    let design = Design::new("puce_axi_mux").param("Masters", masters).param("PortBytes", PORT);
    let Some(mut block) = Block::in_test(&design) else { return };
    let mut random = Random::new(masters as u64);
    let mut cores: Vec<Master> = (0..masters).map(|_| Master::default()).collect();
    // At the memory: reads by (core, identifier); writes in the order of their addresses; answers to give.
    let mut open: Vec<(usize, u64)> = Vec::new();
    let mut writes: VecDeque<(usize, u64)> = VecDeque::new();
    let mut answers: Vec<usize> = Vec::new();
    let mut twin = Mux::new(masters);
    for _ in 0..CYCLES {
        for core in &mut cores {
            if core.ar.is_none() && random.one_in(3) {
                core.ar = Some((random.below(3) as u64, random.bits() & 0xffff_ffff_ffe0, length(&mut random)));
            }
            if core.aw.is_none() && core.beats.len() < 20 && random.one_in(6) {
                let beats = length(&mut random);
                core.aw = Some((random.bits() & 0xffff_ffff_ffe0, beats));
                for beat in 0..=beats {
                    core.beats.push_back((random.bits(), beat == beats));
                }
            }
        }
        drive(&mut block, &cores);
        let ready = |random: &mut Random| u64::from(random.below(4) > 0);
        block.set("axi_ar_ready_i", ready(&mut random));
        block.set("axi_aw_ready_i", ready(&mut random));
        block.set("axi_w_ready_i", ready(&mut random));
        let beat = (!open.is_empty() && random.below(4) > 0).then(|| random.pick(&open));
        block.set("axi_r_valid_i", u64::from(beat.is_some()));
        if let Some((core, id)) = beat {
            let (left, content) = cores[core].reads[id as usize][0];
            block.set("axi_r_id_i", (core as u64) << LOW | id);
            block.set("axi_r_data_i", 0);
            block.set_wide("axi_r_data_i", &words(content, left));
            block.set("axi_r_last_i", u64::from(left == 0));
            // An error of the slave or of the decoder, or none.
            block.set("axi_r_resp_i", (content & 1) * (2 + (left & 1)));
        }
        let answer = (!answers.is_empty() && random.below(4) > 0).then(|| answers.swap_remove(0));
        block.set("axi_b_valid_i", u64::from(answer.is_some()));
        block.set("axi_b_id_i", (answer.unwrap_or(0) as u64) << LOW);
        let trouble = random.pick(&[0, 0, 2, 3]);
        block.set("axi_b_resp_i", trouble);
        block.eval();
        hold(&mut twin, &block, &cores);

        if let Some((core, id)) = beat {
            let (left, content) = cores[core].reads[id as usize][0];
            assert_eq!(block.get("axi_r_ready_o"), 1);
            assert_eq!(block.get("r_valid_o"), 1 << core);
            assert_eq!((block.get("r_id_o"), block.get("r_last_o")), (id, u64::from(left == 0)));
            assert_eq!(block.get_wide("r_data_o"), words(content, left));
            assert_eq!(block.get("r_error_o"), content & 1);
            match left {
                0 => {
                    cores[core].reads[id as usize].pop_front();
                    let place = open.iter().position(|burst| *burst == (core, id)).unwrap();
                    open.remove(place);
                }
                _ => cores[core].reads[id as usize][0].0 -= 1,
            }
        } else {
            assert_eq!(block.get("r_valid_o"), 0);
        }
        assert_eq!(block.get("b_valid_o"), answer.map_or(0, |core| 1 << core));
        if let Some(core) = answer {
            cores[core].answers -= 1;
            assert_eq!(block.get("b_error_o"), trouble >> 1);
        }
        taken(&block, &mut cores);
        if block.get("axi_ar_valid_o") == 1 && block.get("axi_ar_ready_i") == 1 {
            let (id, address) = (block.get("axi_ar_id_o"), block.get("axi_ar_addr_o"));
            let (core, id) = ((id >> LOW) as usize, id & 3);
            cores[core].reads[id as usize].push_back((block.get("axi_ar_len_o"), address >> 5));
            cores[core].served += 1;
            open.push((core, id));
        }
        if block.get("axi_w_valid_o") == 1 && block.get("axi_w_ready_i") == 1 {
            let core = writes.front().expect("data before its address").0;
            let (content, last) = cores[core].beats.pop_front().expect("data that nobody has");
            assert_eq!(block.get_wide("axi_w_data_o"), words(content, core as u64));
            assert_eq!(block.get("axi_w_last_o"), u64::from(last));
            assert_eq!(block.get("axi_w_strb_o"), content & 0xffff_ffff);
            if last {
                writes.pop_front();
                answers.push(core);
            }
        }
        if block.get("axi_aw_valid_o") == 1 && block.get("axi_aw_ready_i") == 1 {
            let core = (block.get("axi_aw_id_o") >> LOW) as usize;
            assert_eq!(Some(block.get("axi_aw_addr_o")), cores[core].sent.pop_front());
        }
        for core in
            (0..masters).filter(|core| block.get("aw_ready_o") >> core & block.get("aw_valid_i") >> core & 1 == 1)
        {
            let (address, beats) = cores[core].aw.take().unwrap();
            cores[core].sent.push_back(address);
            writes.push_back((core, beats));
            cores[core].answers += 1;
        }
        block.tick();
    }
    let (least, most) = cores.iter().map(|core| core.served).fold((u64::MAX, 0), |(a, b), s| (a.min(s), b.max(s)));
    assert!(least > CYCLES / 16 && most < least + least / 4, "between {least} and {most} bursts of a core");
}

/// The twin in time says in every cycle what the multiplexer says.
fn hold(twin: &mut Mux, block: &Block, cores: &[Master]) {
    let burst = |address, length| Burst { address, beats: length as u32 + 1 };
    let wants: Vec<Wants> = cores
        .iter()
        .map(|core| Wants {
            read: core.ar.map(|(id, address, length)| Request { id: id as u32, burst: burst(address, length) }),
            write: core.aw.map(|(address, length)| burst(address, length)),
            data: core.beats.front().map(|beat| beat.1),
        })
        .collect();
    let [read, write, data] = ["axi_ar_ready_i", "axi_aw_ready_i", "axi_w_ready_i"].map(|name| block.get(name) == 1);
    let mut told = vec![Told::default(); cores.len()];
    let asked = twin.step(&wants, Takes { read, write, data }, &mut told);
    let request = |channel: &str| {
        let [valid, id, address, length] =
            ["valid", "id", "addr", "len"].map(|name| block.get(&format!("axi_{channel}_{name}_o")));
        (valid == 1).then(|| Request { id: id as u32, burst: burst(address, length) })
    };
    assert_eq!((asked.read, asked.write), (request("ar"), request("aw")));
    assert_eq!(asked.data, (block.get("axi_w_valid_o") == 1).then(|| block.get("axi_w_last_o") == 1));
    for (index, told) in told.iter().enumerate() {
        let taken =
            ["ar", "aw", "w"].map(|name| block.get(&format!("{name}_valid_i")) & block.get(&format!("{name}_ready_o")));
        assert_eq!([told.read, told.write, told.data], taken.map(|taken| taken >> index & 1 == 1));
    }
}

/// Beats of a burst less one: few, or as many as any master asks for.
fn length(random: &mut Random) -> u64 {
    if random.one_in(8) { random.below(16) as u64 } else { random.below(4) as u64 }
}

/// A beat of data that its content and a second number tell apart.
fn words(content: u64, second: u64) -> Vec<u32> {
    let fill = |word: u32| (content.rotate_left(7 * word) >> 16) as u32;
    [content as u32, second as u32].into_iter().chain((2..PORT as u32 / 4).map(fill)).collect()
}

/// Show what the cores hold out. A core gives data only when its address was taken or is held out.
fn drive(block: &mut Block, cores: &[Master]) {
    let bits =
        |of: &dyn Fn(&Master) -> bool| cores.iter().enumerate().fold(0, |all, (i, m)| all | u64::from(of(m)) << i);
    block.set("ar_valid_i", bits(&|core| core.ar.is_some()));
    block.set("aw_valid_i", bits(&|core| core.aw.is_some()));
    block.set("w_valid_i", bits(&|core| !core.beats.is_empty()));
    block.set("w_last_i", bits(&|core| core.beats.front().is_some_and(|beat| beat.1)));
    for (index, core) in cores.iter().enumerate() {
        let at = index as u32;
        let (id, address, length) = core.ar.unwrap_or_default();
        let (write, beats) = core.aw.unwrap_or_default();
        let content = core.beats.front().map_or(0, |beat| beat.0);
        let fields = [
            ("ar_id_i", LOW, id),
            ("ar_addr_i", 48, address),
            ("ar_len_i", 8, length),
            ("aw_addr_i", 48, write),
            ("aw_len_i", 8, beats),
            ("w_strb_i", PORT as u32, content & 0xffff_ffff),
        ];
        for (name, width, value) in fields {
            let port = block.port(name);
            block.put_field(port, at * width, width, value);
        }
        let data = block.port("w_data_i");
        for (word, value) in (0..).zip(words(content, u64::from(at))) {
            block.put_field(data, at * 8 * PORT as u32 + 32 * word, 32, u64::from(value));
        }
    }
}

/// Read requests that the port took from the cores in this cycle.
fn taken(block: &Block, cores: &mut [Master]) {
    let ready = block.get("ar_ready_o");
    for (index, core) in cores.iter_mut().enumerate() {
        if ready >> index & 1 == 1 && block.get("ar_valid_i") >> index & 1 == 1 {
            core.ar = None;
        }
    }
}

#[test]
fn cores_share_a_memory_port() {
    [2, 3, 4].into_iter().for_each(check);
}

#[test]
fn the_readers_of_a_core_share_its_port() {
    let Some(mut block) = Block::in_test(&Design::new("puce_axi_read").param("PortBytes", PORT)) else { return };
    let mut random = Random::new(5);
    let mut asks: [Option<(u64, u64)>; 3] = [None; 3];
    // Bursts on their way by reader: beats left and the address, which is the data too.
    let mut open: [VecDeque<(u64, u64)>; 3] = Default::default();
    let mut expected: Option<(usize, Vec<u32>, bool, bool)> = None;
    let (mut served, mut waited, mut asked) = ([0u64; 3], [0u64; 3], [0u64; 3]);
    let mut twin = Readers::default();
    // Readers ask until so many bursts are on their way, then not before all is quiet.
    let (mut asking, mut most, mut quiet) = (true, 1000, 0u64);
    for _ in 0..5 * CYCLES {
        let under_way = open.iter().map(VecDeque::len).sum::<usize>();
        if under_way > most {
            asking = false;
        } else if !asking && under_way == 0 && asks.iter().all(Option::is_none) {
            quiet += 1;
            if random.one_in(8) {
                (asking, most) = (true, random.pick(&[1, 4, 20]));
            }
        }
        for (reader, ask) in asks.iter_mut().enumerate() {
            if asking && ask.is_none() && random.one_in([20, 2, 2][reader]) {
                asked[reader] += 1;
                *ask = Some((random.bits() & 0xffff_ffff_ffe0, random.below(16) as u64));
            }
            block.put_field(block.port("ar_addr_i"), 48 * reader as u32, 48, ask.unwrap_or_default().0);
            block.put_field(block.port("ar_len_i"), 8 * reader as u32, 8, ask.unwrap_or_default().1);
        }
        block.set("ar_valid_i", (0..3).fold(0, |all, reader| all | u64::from(asks[reader].is_some()) << reader));
        block.set("axi_ar_ready_i", u64::from(random.below(4) > 0));
        let from: Vec<usize> = (0..3).filter(|reader| !open[*reader].is_empty()).collect();
        let beat = (!from.is_empty() && random.below(4) > 0).then(|| random.pick(&from));
        block.set("axi_r_valid_i", u64::from(beat.is_some()));
        let next = beat.map(|reader| {
            let (left, address) = open[reader][0];
            let error = address & 32 != 0;
            block.set("axi_r_id_i", reader as u64);
            block.set_wide("axi_r_data_i", &words(address >> 5, left));
            block.set("axi_r_error_i", u64::from(error));
            block.set("axi_r_last_i", u64::from(left == 0));
            match left {
                0 => drop(open[reader].pop_front()),
                _ => open[reader][0].0 -= 1,
            }
            (reader, words(address >> 5, left), error, left == 0)
        });
        block.eval();
        let beat = next.as_ref().map(|(reader, _, _, last)| Beat { id: *reader as u32, last: *last });
        let burst = |(address, length): (u64, u64)| Burst { address, beats: length as u32 + 1 };
        let request = twin.request();
        assert_eq!(request.is_some(), block.get("axi_ar_valid_o") == 1);
        if let Some(Request { id, burst }) = request {
            let told = ["axi_ar_id_o", "axi_ar_addr_o", "axi_ar_len_o"].map(|name| block.get(name));
            assert_eq!([u64::from(id), burst.address, u64::from(burst.beats) - 1], told);
        }
        assert_eq!(
            twin.beats().map(|beat| beat.is_some()),
            [0, 1, 2].map(|reader| block.get("r_valid_o") >> reader & 1 == 1)
        );
        assert_eq!(twin.waits(beat), block.get("waiting_o") == 1);
        let taken =
            twin.step(asks.map(|ask| ask.map(burst)), request.is_some() && block.get("axi_ar_ready_i") == 1, beat);
        assert_eq!(taken.map_or(0, |reader| 1 << reader), block.get("ar_ready_o"));
        // What memory gave in the cycle before is with its reader now.
        assert_eq!(block.get("r_valid_o"), expected.as_ref().map_or(0, |(reader, ..)| 1 << reader));
        if let Some((_, data, error, last)) = expected {
            assert_eq!(block.get_wide("r_data_o"), data);
            assert_eq!((block.get("r_error_o"), block.get("r_last_o")), (u64::from(error), u64::from(last)));
        }
        expected = next;
        if block.get("axi_ar_valid_o") == 1 && block.get("axi_ar_ready_i") == 1 {
            let reader = block.get("axi_ar_id_o") as usize;
            open[reader].push_back((block.get("axi_ar_len_o"), block.get("axi_ar_addr_o")));
            served[reader] += 1;
        }
        let ready = block.get("ar_ready_o");
        for (reader, ask) in asks.iter_mut().enumerate() {
            if ready >> reader & 1 == 1 && ask.take().is_none() {
                panic!("reader {reader} is served and did not ask");
            }
            waited[reader] += u64::from(ask.is_some());
        }
        block.tick();
    }
    assert!(quiet > 1000, "all is quiet in {quiet} cycles");
    assert!(served.iter().zip(asked).all(|(served, asked)| asked - served < 3), "{served:?} of {asked:?}");
    assert!(served[1].abs_diff(served[2]) < served[1] / 10, "load and weights take turns: {served:?}");
    assert!(waited[0] * served[1] < waited[1] * served[0], "fetch waits longer than load: {waited:?}");
}
