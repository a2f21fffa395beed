#!/usr/bin/env python3
"""Writes the golden texts of the number formats: formats_scalar.txt, formats_mx.txt and formats_gguf.txt, beside this script.

Needs numpy, ml_dtypes (the element casts of the MX formats) and gguf (the reference quantisers of GGUF).
Nothing here shares code with the crate. Numbers are written as the hexadecimal bits of binary32, blocks as their bytes.
The inputs follow from a fixed seed: running the script again changes nothing.
"""

import math
import pathlib

import gguf
import ml_dtypes
import numpy as np

HERE = pathlib.Path(__file__).parent
BLOCK = 32


def hex_floats(x):
    return x.astype(">f4").tobytes().hex()


def rows():
    """Blocks of finite binary32 numbers: ordinary weights, and the corners."""
    rng = np.random.default_rng(20240607)
    out = [rng.normal(0, sigma, BLOCK) for sigma in (1e-3, 0.02, 0.02, 0.3, 1, 7, 1000)]
    out += [rng.standard_t(2, BLOCK) * 0.05 for _ in range(4)]
    out += [rng.uniform(lo, hi, BLOCK) for lo, hi in ((0, 1), (-3, -2), (0.5, 0.51), (-1, 15))]
    out.append(np.zeros(BLOCK))
    out.append(np.full(BLOCK, -0.75))
    out.append(np.arange(BLOCK) / 4 - 4)  # ties of several formats
    out.append((np.arange(BLOCK) - 15.5) / 128)
    out.append(np.append(np.arange(BLOCK - 1) - 15.5, 127))  # ties of Q8_0
    out.append(np.append(np.full(BLOCK - 1, 1e-3), 7.99))  # saturates, and most elements vanish
    out.append(np.append(rng.normal(0, 0.1, BLOCK - 1), -0.9999999))  # just below a power of two
    out.append(2.0 ** rng.integers(-20, 6, BLOCK) * rng.choice([-1, 1], BLOCK))
    return np.array(out).astype(np.float32)


def corner_rows():
    """Only for the MX formats: the ends of binary32, and what is not a number."""
    rng = np.random.default_rng(7)
    top = rng.uniform(-1, 1, BLOCK).astype(np.float32) * np.finfo(np.float32).max
    tiny = (rng.integers(-999, 1000, BLOCK) * 2.0**-149).astype(np.float32)
    low = (rng.normal(0, 1, BLOCK) * 2.0**-126).astype(np.float32)
    least = np.append(np.zeros(BLOCK - 1), 2.0**-149).astype(np.float32)
    signed = np.where(np.arange(BLOCK) % 2 == 0, -0.0, 0.0).astype(np.float32)
    nan, inf, minus = (np.ones(BLOCK, np.float32) for _ in range(3))
    nan[5], inf[31], minus[0] = np.nan, np.inf, -np.inf
    wide = np.append(np.full(BLOCK - 1, 2.0**-140), 2.0**127).astype(np.float32)
    return np.array([top, tiny, low, least, signed, nan, inf, minus, wide])


# name: element type, bits, exponent of the largest element, largest element
MX = {
    "mxfp8_e5m2": (ml_dtypes.float8_e5m2, 8, 15, 57344),
    "mxfp8_e4m3": (ml_dtypes.float8_e4m3fn, 8, 8, 448),
    "mxfp6_e3m2": (ml_dtypes.float6_e3m2fn, 6, 4, 28),
    "mxfp6_e2m3": (ml_dtypes.float6_e2m3fn, 6, 2, 7.5),
    "mxfp4_e2m1": (ml_dtypes.float4_e2m1fn, 4, 2, 6),
    "mxint8": (None, 8, 0, None),
}


def mx(row, element, bits, emax, largest):
    """Section 6.3 of the OCP MX specification: (scale code, element codes, values)."""
    if not np.isfinite(row).all():
        return 255, [0] * BLOCK, np.full(BLOCK, np.nan, np.float32)
    amax = max(abs(float(v)) for v in row)
    shared = -127 if amax == 0 else max(math.frexp(amax)[1] - 1 - emax, -127)
    scaled = np.array([math.ldexp(float(v), -shared) for v in row])
    if element is None:
        codes = np.clip(np.rint(scaled * 64), -127, 127) + 0.0  # an integer has no minus zero
        elements, codes = codes / 64, [int(c) & 0xFF for c in codes]
    else:
        cast = np.clip(scaled, -largest, largest).astype(np.float32).astype(element)
        elements, codes = cast.astype(np.float64), [int(c) for c in cast.view(np.uint8)]
    with np.errstate(over="ignore"):
        values = (elements * 2.0**shared).astype(np.float32)
    return shared + 127, codes, values


def write_scalar():
    lines = ["# Made by make_formats.py. A format, and the value of each of its codes from 0."]
    formats = {name.split("_")[1]: (element, bits) for name, (element, bits, _, _) in MX.items() if element}
    formats["e8m0"] = (ml_dtypes.float8_e8m0fnu, 8)
    for name, (element, bits) in formats.items():
        codes = np.arange(1 << bits, dtype=np.uint8)
        lines.append(f"{name} {hex_floats(codes.view(element).astype(np.float32))}")
    (HERE / "formats_scalar.txt").write_text("\n".join(lines) + "\n")


def write_mx():
    lines = ["# Made by make_formats.py. in: 32 numbers; then per format: scale, packed codes, values."]
    for row in np.concatenate([rows(), corner_rows()]):
        lines.append(f"in {hex_floats(row)}")
        for name, (element, bits, emax, largest) in MX.items():
            scale, codes, values = mx(row, element, bits, emax, largest)
            packed = sum(c << (bits * i) for i, c in enumerate(codes)).to_bytes(BLOCK * bits // 8, "little")
            lines.append(f"{name} {scale:02x} {packed.hex()} {hex_floats(values)}")
    (HERE / "formats_mx.txt").write_text("\n".join(lines) + "\n")


GGUF = {name: getattr(gguf.GGMLQuantizationType, name.upper()) for name in ("q4_0", "q4_1", "q8_0", "mxfp4")}


def write_gguf():
    lines = ["# Made by make_formats.py. quantise: 32 numbers, then per kind the block."]
    for row in rows():
        lines.append(f"quantise {hex_floats(row)}")
        for name, kind in GGUF.items():
            lines.append(f"{name} {gguf.quants.quantize(row, kind).tobytes().hex()}")
    lines.append("# dequantise: kind, block, 32 numbers.")
    rng = np.random.default_rng(11)
    for name, kind in GGUF.items():
        size = gguf.GGML_QUANT_SIZES[kind][1]
        for i in range(8):
            block = rng.integers(0, 256, size, dtype=np.uint8)
            if name == "mxfp4":
                block[0] = (0, 1, 2, 60, 127, 128, 200, 252)[i]
            else:
                halves = 2 if name == "q4_1" else 1
                block[: 2 * halves] = rng.normal(0, 0.1, halves).astype(np.float16).view(np.uint8)
            values = gguf.quants.dequantize(block, kind)
            lines.append(f"dequantise {name} {block.tobytes().hex()} {hex_floats(values)}")
    (HERE / "formats_gguf.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write_scalar()
    write_mx()
    write_gguf()
