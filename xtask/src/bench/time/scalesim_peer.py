"""SCALE-Sim on one product, on a weight-stationary array of 32 x 32 with as much memory bandwidth as it asks for: prints one JSON object."""

import argparse
import contextlib
import csv
import io
import json
import os
import tempfile
import time

from scalesim.scale_sim import scalesim

CONFIGURATION = """
[general]
run_name = gemm
[architecture_presets]
ArrayHeight : 32
ArrayWidth : 32
IfmapSramSzkB : 1024
FilterSramSzkB : 1024
OfmapSramSzkB : 1024
IfmapOffset : 0
FilterOffset : 10000000
OfmapOffset : 20000000
Dataflow : ws
Bandwidth : 10
ReadRequestBuffer : 64
WriteRequestBuffer : 64
[layout]
IfmapCustomLayout : False
FilterCustomLayout : False
IfmapSRAMBankBandwidth : 10
IfmapSRAMBankNum : 10
IfmapSRAMBankPort : 2
FilterSRAMBankBandwidth : 10
FilterSRAMBankNum : 10
FilterSRAMBankPort : 2
[sparsity]
SparsitySupport : false
SparseRep : ellpack_block
OptimizedMapping : false
BlockSize : 8
RandomNumberGeneratorSeed : 40
[run_presets]
InterfaceBandwidth: CALC
UseRamulatorTrace: False
"""


def main():
    parser = argparse.ArgumentParser()
    for name in ("m", "n", "k"):
        parser.add_argument(f"--{name}", type=int, required=True)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        texts = {
            "scale.cfg": CONFIGURATION,
            "gemm.csv": f"Layer, M, N, K,\ngemm, {arguments.m}, {arguments.n}, {arguments.k},\n",
            "layout.csv": "Layer,\ngemm,\n",
        }
        path = {name: os.path.join(folder, name) for name in texts}
        for name, text in texts.items():
            with open(path[name], "w", encoding="utf-8") as file:
                file.write(text)
        start = time.process_time()
        with contextlib.redirect_stdout(io.StringIO()):
            run = scalesim(
                save_disk_space=True,
                verbose=False,
                config=path["scale.cfg"],
                topology=path["gemm.csv"],
                layout=path["layout.csv"],
                input_type_gemm=True,
            )
            run.run_scale(top_path=folder)
        seconds = time.process_time() - start
        with open(os.path.join(folder, "gemm", "COMPUTE_REPORT.csv"), encoding="utf-8") as file:
            row = next(csv.DictReader(file, skipinitialspace=True))
    print(json.dumps({"cycles": float(row["Total Cycles"]), "cpu_seconds": seconds}))


if __name__ == "__main__":
    main()
