//! An outcome of the size and shape of a real one, its figures plausible and made up.

use explore::outcome::*;

/// Workloads: four kinds of traffic on two networks.
const TRAFFIC: [(&str, f64, f64, f64); 4] = [
    ("chat", 0.30, 1_020.0, 320.0),
    ("summarise", 0.08, 6_800.0, 210.0),
    ("translate", 0.05, 460.0, 430.0),
    ("code", 0.07, 2_050.0, 610.0),
];
const NETWORKS: [&str; 2] = ["gpt-oss-120b", "llama-3.3-70b"];

/// Key, name, dollars per million tokens, price, watts, tokens/s and device.
const DEVICES: [(&str, &str, f64, f64, f64, f64); 9] = [
    ("puce", "Puce study chip", 0.182, 9_400.0, 1_050.0, 5_100.0),
    ("gb300-nvl72", "NVIDIA GB300 NVL72", 0.243, 46_000.0, 2_060.0, 14_800.0),
    ("b200", "NVIDIA B200", 0.268, 36_500.0, 1_640.0, 10_400.0),
    ("mi355x", "AMD Instinct MI355X", 0.281, 27_000.0, 2_010.0, 8_300.0),
    ("tpu-v6e", "Google TPU v6e", 0.352, 12_000.0, 620.0, 2_450.0),
    ("h200", "NVIDIA H200", 0.447, 29_800.0, 1_130.0, 5_200.0),
    ("mi300x", "AMD Instinct MI300X", 0.489, 17_600.0, 1_220.0, 3_900.0),
    ("h100", "NVIDIA H100 SXM", 0.612, 26_400.0, 1_090.0, 3_450.0),
    ("gaudi3", "Intel Gaudi 3", 0.738, 15_100.0, 1_240.0, 2_100.0),
];

/// Steps of a waterfall with their shares of the whole.
const STEPS: [(&str, f64); 12] = [
    ("logic wafers", 0.07),
    ("memory", 0.21),
    ("package and test", 0.06),
    ("design and masks", 0.05),
    ("margin", 0.09),
    ("board and server", 0.11),
    ("network", 0.08),
    ("building", 0.07),
    ("capital cost", 0.08),
    ("energy", 0.11),
    ("operation", 0.03),
    ("idle hours", 0.04),
];

fn around(median: f64, spread: f64) -> Span {
    Span { low: median / (1.0 + spread), median, high: median * (1.0 + spread * 1.2) }
}

fn fact(what: &str, figure: &str, note: &str) -> Fact {
    Fact { what: what.into(), figure: figure.into(), note: note.into() }
}

/// Numbers from 0 to 1 that are the same on every run (Weyl's sequence).
fn scattered(index: usize, stream: f64) -> f64 {
    (index as f64 * stream).fract()
}

/// A study that says build, with nine devices and three hundred designs.
pub fn outcome() -> Outcome {
    Outcome {
        asked: asked(),
        verdict: verdict(),
        chosen: Some(chosen()),
        contenders: DEVICES.iter().enumerate().map(|(rank, device)| contender(rank, *device)).collect(),
        left_out: vec![
            LeftOut {
                name: "Cerebras WSE-3".into(),
                why: "holds the network in on-chip memory, which the model of time does not cover".into(),
            },
            LeftOut {
                name: "Microsoft Maia 200".into(),
                why: "no price and no memory bandwidth were published by the study's date".into(),
            },
        ],
        designs: designs(),
        search: search(),
        sensitivity: sensitivity(),
        flips: flips(),
        assumptions: assumptions(),
    }
}

/// The same study when no chip meets the limits.
pub fn nothing_feasible() -> Outcome {
    let mut outcome = outcome();
    outcome.verdict = Verdict {
        action: Action::DoNotBuild,
        sentence:
            "No chip of the space meets the limits: each of the 12,960 breaks the latency of code on llama-3.3-70b."
                .into(),
        reasons: vec!["Six stacks of HBM4 would be needed; the package holds four.".into()],
        probability: 0.0,
        ratio: None,
        break_even: None,
        ..outcome.verdict
    };
    outcome.chosen = None;
    outcome.contenders.retain(|contender| !contender.ours);
    outcome.designs.clear();
    outcome.sensitivity.clear();
    outcome.flips.clear();
    outcome.search.evaluated = 0;
    outcome
}

fn asked() -> Asked {
    let workload = |network: &str, (traffic, share, prompt, answer): (&str, f64, f64, f64)| Workload {
        name: format!("{traffic} on {network}"),
        network: network.into(),
        traffic: traffic.into(),
        share,
        prompt,
        answer,
        ttft: if network.starts_with("gpt") { 1.2 } else { 1.5 },
        tpot: if network.starts_with("gpt") { 0.020 } else { 0.040 },
        source: "Azure LLM inference traces 2024, lengths of a week".into(),
    };
    Asked {
        name: "chat-2026".into(),
        title: "Which inference chip for a chat service at the end of 2026, and does it beat buying?".into(),
        as_of: "2026-11-01".into(),
        volume: 250_000.0,
        workloads: NETWORKS
            .iter()
            .flat_map(|network| TRAFFIC.iter().map(move |traffic| workload(network, *traffic)))
            .collect(),
        limits: vec![
            "reticle 26 x 33 mm".into(),
            "junction at most 105 degC under a cold plate at 40 degC".into(),
            "package at most 1,200 W".into(),
            "99 in 100 requests within the latency targets".into(),
            "design and masks at most $1.5 bn".into(),
        ],
    }
}

fn verdict() -> Verdict {
    Verdict {
        action: Action::Build,
        sentence: "Build: a million tokens cost $0.182 on the chip and $0.243 on the best rival, NVIDIA GB300 NVL72, design and masks included; the chip is cheaper in 91 of 100 draws.".into(),
        reasons: vec![
            "Memory binds: six stacks of HBM4 fill the package's edge, and decoding waits for memory in every workload.".into(),
            "To be wrong costs $740 M of design and masks and 2.6 years, in which the rival's price may fall by a third.".into(),
        ],
        probability: 0.91,
        ratio: Some(Span { low: 0.58, median: 0.75, high: 1.04 }),
        rival: Some("NVIDIA GB300 NVL72".into()),
        break_even: Some(61_000.0),
        spent: Span { low: 5.2e8, median: 7.4e8, high: 1.15e9 },
        years: Span { low: 2.1, median: 2.6, high: 3.7 },
    }
}

fn chosen() -> Chosen {
    Chosen {
        name: "24 cores, 32x32x64, 6 HBM4, 1.6 GHz".into(),
        toml: "name = \"study\"\nsource = \"search\"\n\n[cores]\ncount = 24\n\n[memory]\nkind = \"hbm4\"\nstacks = 6\n"
            .into(),
        sheet: vec![
            fact("cores", "24", "each 32 x 32 x 64 multiply-accumulates, one spare"),
            fact("node", "N3P", "estimate from published density ratios"),
            fact("clock", "1.6 GHz at 0.72 V", "1.4 to 1.8 GHz"),
            fact("die", "742 mm2", "680 to 815 mm2; reticle 858 mm2"),
            fact("memory", "6 HBM4, 288 GB, 12.3 TB/s", "36 GB a stack"),
            fact("links", "16 x 112 Gb/s a direction", "Ethernet"),
            fact("8-bit rate", "5.03 Pop/s", "dense"),
            fact("package power", "1,050 W", "910 to 1,190 W at the hottest workload"),
            fact("yield", "71 %", "58 to 82 %, one spare core a quadrant"),
        ],
        binds: vec![
            bind("memory stacks at the package's edge", "6 stacks", "6 stacks", 1.0, true),
            bind("latency of code on llama-3.3-70b", "40 ms per token", "38.9 ms per token", 0.972, true),
            bind("package power", "1,200 W", "1,050 W", 0.875, false),
            bind("reticle", "858 mm2", "742 mm2", 0.865, false),
            bind("heat", "105 degC", "88 degC", 0.738, false),
            bind("design and masks", "$1.5 bn", "$740 M", 0.493, false),
        ],
        die: drawing("die, 28.2 x 26.3 mm", "#0072B2"),
        package: drawing("package, 78 x 72 mm", "#E6DFF0"),
        heat: drawing("88.2 degC at the hottest point", "#35B779"),
        roofline: roofline(),
    }
}

fn bind(limit: &str, allowed: &str, taken: &str, share: f64, binds: bool) -> Bind {
    Bind { limit: limit.into(), allowed: allowed.into(), taken: taken.into(), share, binds }
}

fn drawing(title: &str, colour: &str) -> String {
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 1190 820\" font-family=\"sans-serif\" font-size=\"14\" role=\"img\">\n\
         <title>{title}</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n<text x=\"40\" y=\"26\" font-weight=\"bold\">{title}</text>\n"
    );
    for block in 0..24 {
        let (x, y) = (40 + (block % 6) * 150, 40 + (block / 6) * 185);
        text +=
            &format!("<rect x=\"{x}\" y=\"{y}\" width=\"140\" height=\"175\" fill=\"{colour}\" stroke=\"#000000\"/>\n");
    }
    text + "</svg>\n"
}

fn roofline() -> Roofline {
    let operators = [
        ("decode, experts", 2.6, 0.93, 0.46),
        ("decode, attention", 1.1, 0.86, 0.21),
        ("decode, projections", 61.0, 0.82, 0.12),
        ("prefill, experts", 480.0, 0.71, 0.14),
        ("prefill, attention", 1_100.0, 0.52, 0.07),
    ];
    let (bandwidth, rate) = (12.3e12, 5.03e15);
    let mut points = Vec::new();
    for (index, network) in NETWORKS.iter().enumerate() {
        for (operator, intensity, reached, share) in operators {
            let intensity = intensity * (1.0 + 0.8 * index as f64);
            let rate = reached * f64::min(rate, bandwidth * intensity);
            points.push(RoofPoint {
                operator: operator.into(),
                workload: format!("chat on {network}"),
                intensity,
                rate,
                share,
            });
        }
    }
    Roofline { roofs: vec![("8-bit integers".into(), rate), ("vector, binary32".into(), 3.9e13)], bandwidth, points }
}

fn contender(rank: usize, (key, name, usd, price, watts, rate): (&str, &str, f64, f64, f64, f64)) -> Contender {
    let ours = rank == 0;
    Contender {
        key: key.into(),
        name: name.into(),
        ours,
        acquisition: if ours { "made by a partner" } else { "bought" }.into(),
        usd: around(usd, if ours { 0.28 } else { 0.17 }),
        usd_nominal: usd,
        usd_input: usd * 0.21,
        usd_output: usd * 0.79,
        rate,
        price: around(price, 0.2),
        hour: around(usd * rate * 3.6e-3 * 0.55, 0.2),
        watts,
        joules: watts / rate,
        capital: price * 1.6 / rate,
        carbon: watts / rate * 1e6 / 3.6e6 * 390.0,
        waterfall: waterfall(rank, usd),
        frontier: frontier(rank, usd, watts / rate),
        deployments: asked().workloads.iter().map(|workload| deployment(rank, rate, workload)).collect(),
        footing: match rank {
            0 => "our design",
            5..=7 => "fitted on measurements",
            _ => "never fitted",
        }
        .into(),
    }
}

fn waterfall(rank: usize, usd: f64) -> Vec<Step> {
    let weight = |step: usize, share: f64| match (rank, step) {
        (0, 4) => share * 0.4,
        (1.., 3) => 0.0,
        (1.., 4) => share * 2.8,
        _ => share,
    };
    let weights: Vec<f64> = STEPS.iter().enumerate().map(|(step, (_, share))| weight(step, *share)).collect();
    let sum: f64 = weights.iter().sum();
    STEPS
        .iter()
        .zip(weights)
        .map(|((what, _), weight)| Step { what: (*what).into(), usd: usd * weight / sum })
        .collect()
}

fn frontier(rank: usize, usd: f64, joules: f64) -> Vec<FrontierPoint> {
    [0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0]
        .iter()
        .map(|&level| {
            let ease = f64::powf(level, -0.75 - 0.05 * rank as f64);
            FrontierPoint {
                level,
                interactivity: 46.0 / level.powf(0.85) * (1.0 + 0.02 * rank as f64),
                usd: usd * (0.55 + 0.45 * ease),
                joules: joules * (0.6 + 0.4 * ease),
            }
        })
        .collect()
}

fn deployment(rank: usize, rate: f64, workload: &Workload) -> Deployment {
    let devices = if workload.network.starts_with("gpt") { 4 } else { 8 };
    let strain = 0.6 + 0.05 * rank as f64;
    let simulated = Simulated {
        rate: rate * 0.96,
        ttft: workload.ttft * (strain + 0.12),
        tpot: workload.tpot * (strain + 0.3),
        requests: 20_000,
        meets: strain + 0.3 < 1.0,
    };
    Deployment {
        workload: workload.name.clone(),
        devices,
        mapping: format!("tensor {devices} x expert 1"),
        formats: "weights mxfp4, activations int8, cache int8".into(),
        policy: "mixed, chunks of 2048".into(),
        batch: 384,
        rate,
        ttft: workload.ttft * strain,
        tpot: workload.tpot * (strain + 0.2),
        bound: "memory".into(),
        simulated: (rank < 6).then_some(simulated),
    }
}

fn designs() -> Vec<Design> {
    (0..300).map(design).collect()
}

fn design(index: usize) -> Design {
    let (size, memory, speed, waste) = (
        scattered(index, 0.754_877_666),
        scattered(index, 0.569_840_290),
        scattered(index, 0.819_172_513),
        scattered(index, 0.671_043_606),
    );
    let cores = 16 + 8 * (size * 5.0) as u64;
    let stacks = 4 + 2 * (memory * 3.0) as u64;
    let waste = if index.is_multiple_of(9) { 0.02 * waste } else { 0.15 + waste };
    let level = [0.5, 1.0, 2.0][index % 3];
    let interactivity = 46.0 / level * (0.7 + 0.6 * speed);
    let usd = 0.15 * (1.0 + waste) * (interactivity / 46.0).powf(0.7) * (1.0 + 0.2 * size);
    Design {
        name: format!("{cores} cores, 32x32x64, {stacks} HBM4, {:.1} GHz", 1.2 + 0.8 * speed),
        level,
        usd: if index == 0 { 0.182 } else { usd },
        interactivity,
        joules: 0.17 * (1.0 + 0.6 * speed) * (1.0 + waste * 0.5),
        capital: 2.6 * (1.0 + waste) * (0.8 + 0.5 * memory),
        carbon: 18.0 * (1.0 + 0.6 * speed) * (1.0 + waste * 0.5),
        area: 420.0 + 430.0 * size,
        watts: 600.0 + 600.0 * size * speed,
        front: index.is_multiple_of(9),
        chosen: index == 0,
    }
}

fn search() -> Searched {
    Searched {
        chips: 12_960,
        refused: vec![
            ("reticle".into(), 2_160),
            ("package edge".into(), 3_240),
            ("package power".into(), 1_412),
            ("memory too small".into(), 620),
        ],
        pruned: 4_871,
        undone: 0,
        evaluated: 657,
        points: 1_842_000,
        gap: 0.0,
        grid: vec![
            fact("cores", "16, 24, 32, 48", ""),
            fact("array", "16x16x64, 32x32x32, 32x32x64, 64x64x32", "rows x columns x depth"),
            fact("scratchpad of a core", "4, 8, 16 MiB", ""),
            fact("stacks", "4, 6, 8 of HBM3E or HBM4", ""),
            fact("clock", "1.2, 1.4, 1.6, 1.8, 2.0 GHz", "voltage follows"),
        ],
    }
}

fn sensitivity() -> Vec<Explains> {
    [
        ("price of the best rival", 0.34, (0.92, 0.63)),
        ("price of HBM4", 0.22, (0.68, 0.84)),
        ("share of hours with work", 0.11, (0.80, 0.71)),
        ("memory bandwidth that is reached", 0.09, (0.82, 0.70)),
        ("devices made", 0.07, (0.81, 0.72)),
        ("margin of the partner", 0.06, (0.72, 0.79)),
        ("defects per cm2", 0.04, (0.73, 0.78)),
        ("price of an N3 wafer", 0.03, (0.74, 0.77)),
        ("price of electricity", 0.02, (0.74, 0.76)),
        ("cost of capital", 0.02, (0.75, 0.76)),
    ]
    .map(|(input, share, swing)| Explains { input: input.into(), share, swing })
    .to_vec()
}

fn flips() -> Vec<Flip> {
    let flip = |input: &str, now: &str, turns: &str, likely, then: &str| Flip {
        input: input.into(),
        now: now.into(),
        turns: turns.into(),
        likely,
        then: then.into(),
    };
    vec![
        flip("price of NVIDIA GB300 NVL72", "$46,000 a device", "$31,400 a device", true, "buy NVIDIA GB300 NVL72"),
        flip("price of HBM4", "$19 per GB", "$41 per GB", false, "buy NVIDIA GB300 NVL72"),
        flip("devices made", "250,000", "61,000", true, "buy NVIDIA GB300 NVL72"),
        flip("years to volume", "2.6", "4.1", false, "buy, and look again at the next node"),
    ]
}

fn assumptions() -> Vec<Assumption> {
    let row = |what: &str, range, unit: &str, grade: &str, as_of: &str, source: &str| Assumption {
        what: what.into(),
        range,
        unit: unit.into(),
        grade: grade.into(),
        as_of: as_of.into(),
        source: source.into(),
    };
    let mut rows = vec![
        row(
            "price of an N3 wafer",
            (17_500.0, 19_800.0, 22_500.0),
            "USD",
            "A",
            "2026-06-30",
            "analyst's estimate, quarterly survey of foundries",
        ),
        row("price of HBM4", (14.0, 19.0, 27.0), "USD/GB", "R", "2026-09-15", "trade press on contract prices"),
        row("defects per cm2 at N3", (0.06, 0.09, 0.14), "1/cm2", "A", "2026-03-31", "foundry symposium, as reported"),
        row(
            "price of electricity",
            (0.045, 0.068, 0.105),
            "USD/kWh",
            "P",
            "2026-08-31",
            "official statistics, industry, selected states",
        ),
        row(
            "cost of capital",
            (0.07, 0.09, 0.12),
            "1/year",
            "C",
            "2026-10-01",
            "computed of listed cloud companies' reports",
        ),
        row(
            "memory bandwidth that is reached",
            (0.80, 0.88, 0.94),
            "1",
            "",
            "2026-11-01",
            "fit of this project, validation chapter",
        ),
    ];
    for index in 0..40 {
        let size = f64::from(index + 1);
        rows.push(row(
            &format!("price of part {index} of a server"),
            (size * 80.0, size * 100.0, size * 130.0),
            "USD",
            ["P", "A", "R", "C"][index as usize % 4],
            "2026-05-01",
            "bill of materials, teardown with photographs and a long explanation of how each price was found",
        ));
    }
    rows
}

/// The same study beside a whole catalogue, whose dearest device costs fifty times the cheapest.
pub fn crowded() -> Outcome {
    let mut outcome = outcome();
    for index in 0..18 {
        let usd = 0.8 * 1.16f64.powi(index + 1);
        let name = format!("Device {} of a catalogue", index + 1);
        outcome.contenders.push(contender(9 + index as usize, ("device", &name, usd, 9_000.0, 700.0, 800.0)));
    }
    outcome.contenders[1].deployments.iter_mut().for_each(|deployment| deployment.simulated = None);
    let inputs = (0..30).map(|index| Explains { input: format!("input {index}"), share: 0.01, swing: (0.74, 0.76) });
    outcome.sensitivity.extend(inputs);
    outcome
}

/// The same study with names that try to leave their place, and figures that are none.
pub fn hostile() -> Outcome {
    let attack =
        "</script><script>window.attacked = 1</script><img src=x onerror=\"window.attacked = 1\"> | '\"&amp; `x` *y*";
    let mut outcome = outcome();
    outcome.asked.title = format!("{attack} title");
    outcome.verdict.sentence = format!("{attack} sentence");
    for (index, contender) in outcome.contenders.iter_mut().enumerate() {
        contender.name = format!("{attack} {index}");
        contender.key = format!("'{index}</script>");
    }
    outcome.contenders[3].usd = Span { low: f64::NAN, median: f64::INFINITY, high: f64::NEG_INFINITY };
    outcome.contenders[4].frontier[0].usd = f64::NAN;
    outcome.contenders[5].waterfall[0].usd = f64::NAN;
    outcome.designs[6].carbon = 0.0;
    outcome.designs[7].joules = f64::NAN;
    outcome.designs[8].name = attack.to_owned();
    outcome.sensitivity[0].input = attack.to_owned();
    outcome.flips[0].then = attack.to_owned();
    outcome.assumptions[0].source = attack.to_owned();
    outcome.assumptions[1].range = (f64::NAN, f64::NAN, f64::INFINITY);
    if let Some(chosen) = &mut outcome.chosen {
        chosen.toml = attack.to_owned();
        chosen.die = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"10\" height=\"10\"><script>window.top.attacked = 1</script><title>{}</title></svg>",
            "&lt;b&gt;"
        );
        chosen.roofline.points[0].intensity = f64::NAN;
    }
    outcome
}
