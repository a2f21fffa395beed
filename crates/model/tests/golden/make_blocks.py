#!/usr/bin/env python3
"""Writes blocks.txt: encoded blocks of every supported format, and what the `gguf` package decodes them to.

Each line: format, encoded bytes in hex, the expected binary32 values as hex bit patterns (big-endian digits, 8 per element).
Needs: pip install gguf==0.19.0. Run in this directory; the output is the same every time.
"""

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType as T
from gguf.quants import dequantize

# Byte positions of the binary16 factors in a block, which are drawn from interesting finite values.
HALVES = {
    T.Q4_0: [0], T.Q4_1: [0, 2], T.Q5_0: [0], T.Q5_1: [0, 2], T.Q8_0: [0],
    T.Q2_K: [80, 82], T.Q3_K: [108], T.Q4_K: [0, 2], T.Q5_K: [0, 2], T.Q6_K: [208],
}
# Zero, least subnormal, a subnormal, least normal, ordinary values, largest, negatives.
SPECIAL = [0x0000, 0x0001, 0x83FF, 0x0400, 0x3555, 0xB0A1, 0x2C77, 0x7BFF, 0xFBFF]
FORMATS = [T.F32, T.F16, T.BF16, *HALVES, T.MXFP4]


def blocks_of(kind, rng):
    length, size = GGML_QUANT_SIZES[kind]
    count = {1: 24, 32: 6, 256: 3}[length]
    blocks = rng.integers(0, 256, (count, size), dtype=np.uint8)
    for at in HALVES.get(kind, []):
        halves = rng.choice(np.array(SPECIAL, dtype=np.uint16), count)
        blocks[:, at:at + 2] = halves.view(np.uint8).reshape(count, 2)
    if kind == T.MXFP4:
        blocks[:, 0] = [0, 1, 2, 127, 254, 255]
    return blocks


def decoded(kind, blocks):
    if kind == T.F32:
        return blocks.reshape(-1).view(np.float32)
    if kind == T.F16:
        return blocks.reshape(-1).view(np.float16).astype(np.float32)
    return dequantize(blocks, kind)


rng = np.random.default_rng(20240229)
with np.errstate(all="ignore"), open("blocks.txt", "w") as out:
    for kind in FORMATS:
        blocks = blocks_of(kind, rng)
        values = np.ascontiguousarray(decoded(kind, blocks).reshape(len(blocks), -1))
        if kind in (T.F32, T.F16, T.BF16):  # one line for all: a block is one element
            blocks, values = blocks.reshape(1, -1), values.reshape(1, -1)
        for block, row in zip(blocks, values):
            words = "".join(f"{w:08x}" for w in row.view(np.uint32))
            out.write(f"{kind.name.lower()} {block.tobytes().hex()} {words}\n")
