//! The memory map: nothing overlaps, everything is inside the chip, and every weight is there once.

mod common;

use arch::Chip;
use common::{LOWERED, fixture, nano, one};
use compiler::map::{ChipMap, Map, Source};
use compiler::{Compiled, Options};
use std::collections::BTreeMap;

fn machines() -> Vec<(Chip, Options)> {
    let options =
        |cores, chips, sequences| Options { cores, chips, sequences, cache_tokens: 300, ..Options::default() };
    let four = nano().with_cores(4);
    vec![
        (nano(), options(1, 1, 1)),
        (four.clone(), options(4, 1, 16)),
        (four, options(3, 2, 5)),
        (one(), options(32, 1, 64)),
    ]
}

/// Every fixture on every machine.
fn compiled() -> impl Iterator<Item = (String, Compiled)> {
    LOWERED.iter().flat_map(|name| {
        let model = fixture(name);
        machines().into_iter().map(move |(chip, options)| {
            let what = format!("{name} on {} x {} with {} cores", options.chips, chip.name, options.cores);
            let compiled = model.compile(&chip, &options).unwrap_or_else(|e| panic!("{what}: {e}"));
            (what, compiled)
        })
    })
}

/// All regions of a chip: first byte, bytes, what.
fn regions(map: &Map, chip: &ChipMap) -> Vec<(usize, usize, String)> {
    let sizes = map.sizes;
    let mut list: Vec<_> = chip.items.iter().map(|item| (item.at, item.len, format!("{:?}", item.source))).collect();
    let caches = chip.layers.iter().enumerate().flat_map(|(i, layer)| layer.caches.iter().map(move |c| (i, c)));
    list.extend(caches.map(|(i, c)| (c.at, c.page * sizes.pages, format!("cache of layer {i}"))));
    list.push((chip.tables, sizes.sequences * sizes.table_step, "page tables".into()));
    list.push((chip.logits, sizes.tokens * 4 * sizes.vocab, "logits".into()));
    list.retain(|(_, len, _)| *len > 0);
    list.sort();
    list
}

#[test]
fn regions_are_apart_and_inside() {
    for (what, compiled) in compiled() {
        for (chip, program) in compiled.map.chips.iter().zip(&compiled.programs) {
            let regions = regions(&compiled.map, chip);
            for pair in regions.windows(2) {
                let ((a, len, first), (b, _, second)) = (&pair[0], &pair[1]);
                assert!(a + len <= *b, "{what}: {first} at {a} ({len} bytes) reaches into {second} at {b}");
            }
            let (at, len, last) = regions.last().unwrap();
            assert!(at + len <= chip.bytes, "{what}: {last} ends behind the {} bytes of the map", chip.bytes);
            assert!(chip.bytes as u64 <= compiled.chip.memory.capacity.0, "{what}");
            assert!(program.memory >= chip.bytes as u64, "{what}");
        }
    }
}

/// Pages hold what they must: keys, values and value scales do not overlap inside a page.
#[test]
fn pages_are_divided() {
    for (what, compiled) in compiled() {
        for cache in compiled.map.chips.iter().flat_map(|chip| &chip.layers).flat_map(|layer| &layer.caches) {
            assert!(
                cache.values <= cache.scales && cache.scales <= cache.page && cache.page % 64 == 0,
                "{what}: {cache:?}"
            );
        }
    }
}

/// Over all cores and chips every row of every matrix is there exactly once (the embedding and what is not divided: once per core or chip).
#[test]
fn every_row_is_somewhere() {
    for (what, compiled) in compiled() {
        let mut rows: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
        for item in compiled.map.chips.iter().flat_map(|chip| &chip.items) {
            let Source::Tiles { tensor, rows: range, k, kind } = &item.source else { continue };
            assert_eq!(item.len, compiler::plan::tiles_bytes(*kind, range.len(), *k), "{what}: {tensor}");
            let counts = rows.entry(tensor).or_default();
            counts.resize(counts.len().max(range.end), 0);
            counts[range.clone()].iter_mut().for_each(|count| *count += 1);
        }
        assert_eq!(rows.len(), compiled.plan.choices.len(), "{what}");
        let members = compiled.abi.sizes.members() as u32;
        let chips = compiled.abi.sizes.chips as u32;
        for (tensor, counts) in rows {
            let elements = compiled.plan.choices[tensor].elements as usize;
            assert!(elements.is_multiple_of(counts.len()), "{what}: {tensor} has {} rows", counts.len());
            let tied = tensor == "token_embd.weight" && compiled.plan.head.parts[0].tensor == tensor;
            let wanted = match tensor {
                "token_embd.weight" => chips + u32::from(tied),
                _ if tensor.contains("ffn_gate_inp") => members,
                _ => 1,
            };
            let once = counts.iter().all(|count| *count == wanted || (tied && *count == chips));
            assert!(once, "{what}: rows of {tensor} are there {counts:?} times, not {wanted}");
        }
    }
}
