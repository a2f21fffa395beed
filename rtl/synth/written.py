"""A netlist as OpenSTA reads it."""


def write_verilog(path, top, netlist):
    ports, cells = netlist["ports"], netlist["cells"] + netlist["boxes"]
    wires = {wire for cell in cells for wire in cell["pins"].values()}
    with open(path, "w") as out:
        out.write("module %s (%s);\n" % (top, ", ".join(ports)))
        for name, direction in ports.items():
            out.write("  %s %s;\n" % (direction, name))
        for wire in sorted(wires - ports.keys()):
            out.write("  wire %s;\n" % wire)
        for cell in cells:
            pins = ", ".join(".%s(%s)" % pair for pair in sorted(cell["pins"].items()))
            out.write("  %s %s (%s);\n" % (cell["type"], cell["name"], pins))
        out.write("endmodule\n")
