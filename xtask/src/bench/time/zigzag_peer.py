"""ZigZag on one product of 8-bit integers, on its own TPU-like accelerator: prints one JSON object."""

import argparse
import json
import logging
import os
import tempfile
import time

import zigzag
from zigzag.api import get_hardware_performance_zigzag

LAYER = """
- id: 0
  name: gemm
  operator_type: Gemm
  equation: O[b][k]+=W[k][c]*I[b][c]
  loop_dims: [B, K, C]
  loop_sizes: [{m}, {n}, {k}]
  operand_precision: {{O: 16, O_final: 8, W: 8, I: 8}}
  operand_source: {{I: 0, W: 0}}
"""


def main():
    parser = argparse.ArgumentParser()
    for name in ("m", "n", "k"):
        parser.add_argument(f"--{name}", type=int, required=True)
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    inputs = os.path.join(os.path.dirname(zigzag.__file__), "inputs")
    with tempfile.TemporaryDirectory() as folder:
        workload = os.path.join(folder, "gemm.yaml")
        with open(workload, "w", encoding="utf-8") as file:
            file.write(LAYER.format(m=arguments.m, n=arguments.n, k=arguments.k))
        start = time.process_time()
        result = get_hardware_performance_zigzag(
            workload=workload,
            accelerator=os.path.join(inputs, "hardware", "tpu_like.yaml"),
            mapping=os.path.join(inputs, "mapping", "tpu_like.yaml"),
            opt="latency",
            dump_folder=folder,
            loma_show_progress_bar=False,
        )
    print(json.dumps({"cycles": float(result[1]), "cpu_seconds": time.process_time() - start}))


if __name__ == "__main__":
    main()
