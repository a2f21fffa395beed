# Timing constraints of puce_chip: {{ chip }}, {{ frequency }}.
create_clock -name clk -period {{ period }} [get_ports clk_i]
set_clock_uncertainty [expr 0.05 * {{ period }}] [get_clocks clk]
# A third of the cycle outside for memory ports, half for the host's.
set_input_delay  -clock clk [expr 0.33 * {{ period }}] [get_ports -filter "direction == in" axi_*]
set_output_delay -clock clk [expr 0.33 * {{ period }}] [get_ports -filter "direction == out" axi_*]
set_input_delay  -clock clk [expr 0.5 * {{ period }}] [get_ports -filter "direction == in" lite_*]
set_output_delay -clock clk [expr 0.5 * {{ period }}] [get_ports -filter "direction == out" {lite_* irq_o}]
# Reset is asserted at any time and released with the clock by a synchroniser outside.
set_false_path -from [get_ports rst_ni]
