//! The scratchpad's arena: buffers never overlap, and a refusal means that nothing would have fitted.

use compiler::Error;
use compiler::builder::{Arena, Buffer};
use proptest::prelude::*;

const SIZE: usize = 4096;

#[derive(Clone, Debug)]
enum Action {
    Take(usize),
    /// Free the buffer at this place of the list, if it is that long.
    Free(usize),
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let action = prop_oneof![3 => (0usize..900).prop_map(Action::Take), 2 => (0usize..12).prop_map(Action::Free)];
    prop::collection::vec(action, 1..60)
}

/// Free bytes in front of, between and behind the buffers.
fn gaps(held: &[Buffer]) -> Vec<usize> {
    let mut sorted = held.to_vec();
    sorted.sort_by_key(|buffer| buffer.at);
    let mut at = 0;
    let mut gaps: Vec<usize> =
        sorted.iter().map(|buffer| buffer.at - std::mem::replace(&mut at, buffer.at + buffer.len)).collect();
    gaps.push(SIZE - at);
    gaps
}

proptest! {
    #[test]
    fn buffers_stay_apart(actions in actions()) {
        let mut arena = Arena::new(SIZE);
        let mut held: Vec<Buffer> = Vec::new();
        let mut peak = 0;
        for action in actions {
            match action {
                Action::Free(index) if index < held.len() => arena.free(held.remove(index)),
                Action::Free(_) => {}
                Action::Take(len) => match arena.alloc("a piece", len) {
                    Ok(buffer) => {
                        prop_assert!(buffer.len >= len && buffer.at % 64 == 0 && buffer.at + buffer.len <= SIZE);
                        for other in &held {
                            prop_assert!(buffer.at + buffer.len <= other.at || other.at + other.len <= buffer.at);
                        }
                        peak = peak.max(buffer.at + buffer.len);
                        held.push(buffer);
                    }
                    Err(_) => prop_assert!(gaps(&held).iter().all(|gap| *gap < len.max(1)), "{len} bytes fit {:?}", gaps(&held)),
                },
            }
            prop_assert_eq!(arena.peak(), peak);
            prop_assert_eq!(arena.largest_gap(), gaps(&held).into_iter().max().unwrap());
        }
    }
}

#[test]
fn the_lowest_gap_is_taken() {
    let mut arena = Arena::new(SIZE);
    let buffers: Vec<Buffer> = (0..4).map(|_| arena.alloc("a quarter", 1024).unwrap()).collect();
    arena.free(buffers[2]);
    arena.free(buffers[0]);
    assert_eq!(arena.alloc("a little", 100).unwrap(), Buffer { at: 0, len: 128 });
    assert_eq!(arena.alloc("a quarter", 1024).unwrap(), buffers[2]);
    assert_eq!(arena.largest_gap(), 896);
}

#[test]
fn a_refusal_has_the_sizes() {
    let mut arena = Arena::new(SIZE);
    arena.alloc("the first", 4000).unwrap();
    let Err(error) = arena.alloc("the second", 100) else { panic!("it cannot fit") };
    assert!(matches!(error, Error::Scratchpad { .. }));
    assert_eq!(
        error.to_string(),
        "4160 bytes of scratchpad are needed for the second and a core has 4096; a shorter --context or a chip with more scratchpad would do"
    );
}
