//! Scratchpad ports of a block as its twin in time knows them.

use perf::cycles::wires::{Access, Answer, Ask};
use rtl::bench::{VALUE_BITS, WORD};
use rtl::block::Block;
use rtl::library::Port;

/// What a port asks for (`spad_req_t`).
pub fn ask(block: &Block, request: Port) -> Option<Ask> {
    let strobe = block.field(request, 256, 32);
    let parts = (0..8).map(|part| strobe >> (4 * part) & 0xf);
    let access = match block.field(request, 336, 1) == 1 {
        false => Access::Read,
        true if parts.into_iter().all(|part| part == 0 || part == 0xf) => Access::Write,
        true => Access::Merge,
    };
    let word = block.field(request, 288, VALUE_BITS) as i64 / WORD as i64;
    (block.field(request, 337, 1) == 1).then_some(Ask { word, access })
}

/// What a port is told (`spad_rsp_t`), when it asks for this.
pub fn answer(block: &Block, response: Port, ask: Option<Ask>) -> Answer {
    let data = block.field(response, 256, 1) == 1;
    Answer { taken: ask.is_some() && block.field(response, 257, 1) == 1, data }
}
