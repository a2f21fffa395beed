"""From SystemVerilog to plain gates and registers of a library: `front.py JOB` writes `base.il` into the job's folder.

Modules that are named as kept apart stay modules of their own until they are mapped, so that a module with many instances is mapped once.
Memories and blocks that are mapped by themselves are boxes.
"""

import json
import sys

from pyosys import libyosys as yosys


def main():
    job = json.load(open(sys.argv[1]))
    design = yosys.Design()

    def run(*words):
        yosys.run_pass(" ".join(words), design)

    def each(flag, values):
        return " ".join("%s %s" % (flag, value) for value in values)

    shape = "--keep-hierarchy --disable-instance-caching=false" if job["apart"] else ""
    run("read_slang -D SYNTHESIS --ignore-assertions", shape, "--top", job["top"], each("-G", job["params"]), each("--blackboxed-module", job["boxes"]), *job["sources"])
    for name in job["apart"]:
        run("setattr -mod -set keep_hierarchy 1 %s %s$*" % (name, name))
    run("synth -flatten -booth -arith_tree -top", job["top"], "-run begin:fine")
    run("synth -run fine:check")
    # Registers take the names of what they drive, before inverters come between.
    run("rename -wire")
    run("dfflibmap", each("-dont_use", job["unused"]), each("-liberty", job["flops"]))
    run("opt")
    run("write_rtlil", job["folder"] + "/base.il")


main()
