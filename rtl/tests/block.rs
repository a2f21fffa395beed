//! The harness itself, on a small module: ports of every width, parameters, reset, assertions, memories seen from outside.

use rtl::Error;
use rtl::block::Block;
use rtl::design::Design;

const SOURCE: &str = "
module probe #(parameter int unsigned Step = 1) (
  input  logic         clk_i,
  input  logic         rst_ni,
  input  logic [6:0]   small_i,
  input  logic [15:0]  middle_i,
  input  logic [31:0]  word_i,
  input  logic [47:0]  long_i,
  input  logic [99:0]  wide_i,
  output logic [6:0]   small_o,
  output logic [15:0]  middle_o,
  output logic [31:0]  word_o,
  output logic [47:0]  long_o,
  output logic [99:0]  wide_o,
  output logic [31:0]  count_o
);
  logic [31:0] count_q;
  logic [255:0] memory_q [16];
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) count_q <= '0;
    else count_q <= count_q + Step;
  end
  always_ff @(posedge clk_i) memory_q[small_i[3:0]] <= {156'b0, wide_i};
  assign small_o = ~small_i;
  assign middle_o = ~middle_i;
  assign word_o = ~word_i;
  assign long_o = ~long_i;
  assign wide_o = ~wide_i;
  assign count_o = count_q;
  always_ff @(posedge clk_i) if (rst_ni) assert (small_i != 7'd99);
endmodule
";

fn design() -> Design {
    Design::new("probe").param("Step", 3).source("probe.sv", SOURCE).expose("probe", "memory_q")
}

#[test]
fn ports_of_every_width_are_read_and_written() {
    let Some(mut probe) = Block::in_test(&design()) else { return };
    let names = [("small", 7), ("middle", 16), ("word", 32), ("long", 48)];
    for (name, bits) in names {
        let mask = (1u64 << bits) - 1;
        for value in [0, 1, mask, 0x1234_5678_9abc_def1] {
            probe.set(&format!("{name}_i"), value);
            probe.eval();
            assert_eq!(probe.get(&format!("{name}_o")), !value & mask, "{name}");
        }
    }
    let words = [1, 2, 3, 0xffff_fff5];
    probe.set_wide("wide_i", &words);
    probe.eval();
    assert_eq!(probe.get_wide("wide_o"), [!1, !2, !3, 0xa]);
    let port = probe.port("wide_i");
    probe.put_field(port, 30, 40, 0x9a_bcde_f012);
    assert_eq!(probe.field(port, 30, 40), 0x9a_bcde_f012);
    assert_eq!((probe.field(port, 0, 30), probe.field(port, 96, 4)), (1, 5));
    assert_eq!(probe.field(probe.port("long_o"), 8, 8), probe.get("long_o") >> 8 & 0xff);
}

#[test]
fn time_passes_by_ticks_and_begins_at_reset() {
    let Some(mut probe) = Block::in_test(&design()) else { return };
    assert_eq!(probe.get("count_o"), 0);
    probe.ticks(5);
    assert_eq!((probe.get("count_o"), probe.cycle()), (15, 5));
    probe.reset();
    assert_eq!((probe.get("count_o"), probe.cycle()), (0, 0));
}

#[test]
fn memories_are_seen_from_outside() {
    let Some(mut probe) = Block::in_test(&design()) else { return };
    probe.set("small_i", 5);
    probe.set_wide("wide_i", &[0x0403_0201, 0, 7]);
    probe.tick();
    let found = probe.exposed("memory_q");
    assert_eq!(found.len(), 1);
    assert_eq!((probe.bytes(&found[0]).len(), found[0].entry()), (512, 32));
    assert_eq!(probe.bytes(&found[0])[5 * 32..][..12], [1, 2, 3, 4, 0, 0, 0, 0, 7, 0, 0, 0]);
    assert!(probe.exposed("count_q").is_empty());
}

#[test]
fn a_failed_assertion_of_the_design_is_told_with_its_line() {
    let Some(mut probe) = Block::in_test(&design()) else { return };
    probe.set("small_i", 99);
    let failure = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| probe.tick())).unwrap_err();
    assert_eq!(failure.downcast_ref(), Some(&"cycle 0: probe.sv:30: an assertion failed".to_owned()));
}

#[test]
fn a_design_that_verilator_refuses_is_told_with_its_line() {
    let broken = Design::new("broken").source("broken.sv", "module broken;\n  nothing here;\nendmodule\n");
    match Block::of(&broken).err() {
        Some(Error::Tools(why)) => println!("not tested: {why}"),
        other => assert!(other.as_ref().is_some_and(|error| error.to_string().contains("broken.sv:2")), "{other:?}"),
    }
}

#[test]
fn a_block_of_the_chip_is_built_from_the_list() {
    let wrapper = "module wrapper import puce_pkg::*; (output logic [7:0] bytes_o);\n  assign bytes_o = 8'(WordBytes);\nendmodule\n";
    let Some(block) = Block::in_test(&Design::new("wrapper").source("wrapper.sv", wrapper)) else { return };
    assert_eq!(block.get("bytes_o"), 32);
}
