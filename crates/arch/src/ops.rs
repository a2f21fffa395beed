//! The instruction table: every instruction once.
//!
//! [`crate::for_each_op`] hands the whole table to a macro of the caller's. From it come the [`crate::Instr`] type, the binary encoding, the text form, the
//! random program generator and the reference chapter (`docs/isa.md`). A line reads
//!
//! ```text
//! /// what it does
//! code Name "mnemonic" Engine { attribute: Type, ... } ( operand: Kind, ... );
//! ```
//!
//! Operand kinds say what the resolved 64-bit value means: `Spad` a scratchpad byte address, `Mem` a memory byte address, `Int` a count or a byte
//! step, `F32` the bits of a binary32 value.

/// Calls `$callback! { table }`.
#[macro_export]
macro_rules! for_each_op {
    ($callback:ident) => {
        $callback! {
            /// Set a register.
            0x01 Set "set" Control { rd: Reg } ( value: Int );
            /// rd = a + b (64 bits, wrapping).
            0x02 Add "add" Control { rd: Reg } ( a: Int, b: Int );
            /// rd = a - b.
            0x03 Sub "sub" Control { rd: Reg } ( a: Int, b: Int );
            /// rd = a * b (low 64 bits).
            0x04 Mul "mul" Control { rd: Reg } ( a: Int, b: Int );
            /// rd = the smaller of a and b, signed.
            0x05 Min "min" Control { rd: Reg } ( a: Int, b: Int );
            /// rd = the larger of a and b, signed.
            0x06 Max "max" Control { rd: Reg } ( a: Int, b: Int );
            /// rd = a >> (b mod 64), arithmetic.
            0x07 Shr "shr" Control { rd: Reg } ( a: Int, b: Int );
            /// rd = a & b.
            0x08 And "and" Control { rd: Reg } ( a: Int, b: Int );
            /// rd = word `index` of the parameter memory, zero-extended from 32 bits.
            0x09 Param "param" Control { rd: Reg } ( index: Int );
            /// Run the instructions up to the matching `end` `count` times; none of them if `count` is 0 or less. Loops nest at most 8 deep.
            0x0a Loop "loop" Control { } ( count: Int );
            /// End of the innermost loop.
            0x0b End "end" Control { } ( );
            /// Later instructions of engine `to` wait for the earlier instructions of engine `from`. `from` is never the weights engine.
            0x0c Sync "sync" Control { from: Unit, to: Unit } ( );
            /// The core is done when every engine is idle. The last instruction of every stream, and only there.
            0x0d Halt "halt" Control { } ( );

            /// Strided load: for i2 < n2, i1 < n1, i0 < n0 copy `elem` bytes from mem + i0*s0 + i1*s1 + i2*s2 to dst + i0*d0 + i1*d1 + i2*d2. `elem` is 1, 2, 4, 8, 16 or a multiple of 32.
            0x10 Ld "ld" Load { } ( dst: Spad, mem: Mem, elem: Int, n0: Int, s0: Int, d0: Int, n1: Int, s1: Int, d1: Int, n2: Int, s2: Int, d2: Int );
            /// Gathering load: for i < n, j < n1 copy `elem` bytes from mem + table[i]*step + j*s1 to dst + i*d0 + j*d1; `table` holds 32-bit indices in the scratchpad.
            0x11 Ldg "ldg" Load { } ( dst: Spad, mem: Mem, table: Spad, n: Int, step: Int, d0: Int, elem: Int, n1: Int, s1: Int, d1: Int );

            /// Append `len` bytes at mem to the weight stream.
            0x18 Wld "wld" Weights { } ( mem: Mem, len: Int );
            /// Append gathered pieces to the weight stream: for each group j < groups, for each i < n, `len` bytes at mem + j*gstep + table[i]*step.
            0x19 Wgat "wgat" Weights { } ( mem: Mem, table: Spad, n: Int, step: Int, len: Int, groups: Int, gstep: Int );

            /// Matrix product. For each group j: rows x k weights are taken from the stream (row-tile major, tiles of 32 x 32) and multiplied with `tokens` rows of A8 activations at x + (j / sub)*xgroup, xstep bytes apart; token t, row r goes to out + (j / sub)*ogroup + (j % sub)*osub + t*ostep + 4r as binary32. `rows` and `k` are multiples of 32; `grid` is the weight of the accumulator's lowest bit as a power of two.
            0x20 Mm "mm" Matrix { kind: WeightKind } ( out: Spad, ostep: Int, x: Spad, xstep: Int, rows: Int, k: Int, tokens: Int, grid: Int, groups: Int, sub: Int, xgroup: Int, ogroup: Int, osub: Int );

            /// Elementwise on two arrays: for i < outer, r < rows, c < cols: dst[i][r][c] = a[i][r][c] op b[i][r][c]; steps in bytes, columns are contiguous. Destination and a source are the same rows or do not overlap (this holds for every vector instruction).
            0x30 Vbin "vbin" Vector { op: Binary } ( dst: Spad, dstep: Int, douter: Int, a: Spad, astep: Int, aouter: Int, b: Spad, bstep: Int, bouter: Int, rows: Int, outer: Int, cols: Int );
            /// As `vbin`, but b has one value per row: at b + r*bstep + i*bouter.
            0x31 Vrow "vrow" Vector { op: Binary } ( dst: Spad, dstep: Int, douter: Int, a: Spad, astep: Int, aouter: Int, b: Spad, bstep: Int, bouter: Int, rows: Int, outer: Int, cols: Int );
            /// Elementwise with one constant.
            0x32 Vimm "vimm" Vector { op: Binary } ( dst: Spad, dstep: Int, a: Spad, astep: Int, rows: Int, cols: Int, imm: F32 );
            /// Elementwise function.
            0x33 Vun "vun" Vector { op: Unary } ( dst: Spad, dstep: Int, a: Spad, astep: Int, rows: Int, cols: Int );
            /// Reduce each row to one value at dst + 4r.
            0x34 Vred "vred" Vector { op: Reduce } ( dst: Spad, a: Spad, astep: Int, rows: Int, cols: Int );
            /// RMS norm of each row with weights w[cols].
            0x35 Vnorm "vnorm" Vector { } ( dst: Spad, dstep: Int, a: Spad, astep: Int, w: Spad, rows: Int, cols: Int, eps: F32 );
            /// Softmax numerators: row r belongs to token t = (r / per) mod tokens and has the valid columns lo..hi with hi = min(hi + t, cols) and lo = max(0, hi + t - window) (`window` 0: no lower bound). dst[r][c] = 2^((a[r][c] - max) * factor) in the range, +0 outside; sums[r] = their sum. With a sink, value sink[(r / (per*tokens))*per + r mod per] joins maximum and sum.
            0x36 Vsoft "vsoft" Vector { sink: Sink } ( dst: Spad, dstep: Int, a: Spad, astep: Int, sums: Spad, sinks: Spad, rows: Int, cols: Int, hi: Int, window: Int, per: Int, tokens: Int, factor: F32 );
            /// Rotary embedding: each row has `heads` heads of `dim` columns whose first `rot` are rotated by the row's table of rot/2 cosines, then rot/2 sines.
            0x37 Vrope "vrope" Vector { pairs: Pairing } ( dst: Spad, dstep: Int, a: Spad, astep: Int, rows: Int, heads: Int, dim: Int, rot: Int, tab: Spad, tabstep: Int );
            /// Quantise: each row has `segs` segments of `cols` columns; each segment becomes one A8 row (codes, then scales; see `a8_row`), segments a8_row(cols) apart, rows dstep apart. `cols` is a multiple of 32.
            0x38 Vquant "vquant" Vector { blocking: Blocking } ( dst: Spad, dstep: Int, a: Spad, astep: Int, rows: Int, segs: Int, cols: Int );
            /// Dequantise rows of codes (4-bit codes in the nibble order of a tile) with scales and minimums per 32 columns: dst = code * scale (+ min).
            0x39 Vdeq "vdeq" Vector { kind: WeightKind } ( dst: Spad, dstep: Int, codes: Spad, cstep: Int, scales: Spad, sstep: Int, mins: Spad, mstep: Int, rows: Int, cols: Int );
            /// Widen binary16 or bfloat16 to binary32.
            0x3a Vcvt "vcvt" Vector { from: Narrow } ( dst: Spad, dstep: Int, a: Spad, astep: Int, rows: Int, cols: Int );
            /// The k largest of each row: 32-bit indices and values, largest first, the lower index first among equals.
            0x3b Vtop "vtop" Vector { } ( idx: Spad, istep: Int, val: Spad, vstep: Int, a: Spad, astep: Int, rows: Int, cols: Int, k: Int );

            /// Strided store: the mirror of `ld`.
            0x40 St "st" Store { } ( src: Spad, mem: Mem, elem: Int, n0: Int, s0: Int, d0: Int, n1: Int, s1: Int, d1: Int, n2: Int, s2: Int, d2: Int );

            /// All-gather: when every member of the scope has come to it, each member's `rows` pieces (of `bytes` at src + r*sstep, and of `bytes2` at src2 + r*sstep) are copied into the scratchpad of every member at the sender's dst + r*dstep (and dst2 + r*dstep).
            0x50 Gather "gather" Exchange { scope: Scope } ( src: Spad, sstep: Int, dst: Spad, dstep: Int, bytes: Int, rows: Int, src2: Spad, dst2: Spad, bytes2: Int );
        }
    };
}
