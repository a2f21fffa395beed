// Every source of the chip, packages first: the one list that simulation, lint, synthesis and packages use.
sv/puce_pkg.sv
sv/puce_isa_pkg.sv
sv/puce_exchange.sv
sv/puce_fifo.sv
sv/puce_fp_add.sv
sv/puce_fp_divsqrt.sv
sv/puce_fp_mul.sv
sv/puce_grid_f32.sv
sv/puce_grid_place.sv
sv/puce_hub.sv
sv/puce_load.sv
sv/puce_matrix.sv
sv/puce_scratchpad.sv
sv/puce_store.sv
sv/puce_vector.sv
sv/puce_weights.sv
