//! What instructions of the vector engine touch.

use super::*;
use crate::attr::Sink;

fn float_row<F: Fn(Operand) -> i64>(r: &Ranges<'_, F>, cols: Operand) -> Result<i64, Refusal> {
    Ok(r.at_least("cols", cols, 0)? * WORD)
}

pub(super) fn touch<F: Fn(Operand) -> i64>(instr: &Instr, r: &mut Ranges<'_, F>) -> Result<(), Refusal> {
    let word_step = Operand::imm(WORD);
    match *instr {
        Instr::Vbin { dst, dstep, douter, a, astep, aouter, b, bstep, bouter, rows, outer, cols, .. } => {
            let row = float_row(r, cols)?;
            r.read("a", a, ROW_ALIGN, row, &[(rows, astep), (outer, aouter)])?;
            r.read("b", b, ROW_ALIGN, row, &[(rows, bstep), (outer, bouter)])?;
            r.write("dst", dst, ROW_ALIGN, row, &[(rows, dstep), (outer, douter)])
        }
        Instr::Vrow { dst, dstep, douter, a, astep, aouter, b, bstep, bouter, rows, outer, cols, .. } => {
            let row = float_row(r, cols)?;
            r.read("a", a, ROW_ALIGN, row, &[(rows, astep), (outer, aouter)])?;
            r.read("b", b, WORD, WORD, &[(rows, bstep), (outer, bouter)])?;
            r.write("dst", dst, ROW_ALIGN, row, &[(rows, dstep), (outer, douter)])
        }
        Instr::Vimm { dst, dstep, a, astep, rows, cols, .. } | Instr::Vun { dst, dstep, a, astep, rows, cols, .. } => {
            let row = float_row(r, cols)?;
            r.read("a", a, ROW_ALIGN, row, &[(rows, astep)])?;
            r.write("dst", dst, ROW_ALIGN, row, &[(rows, dstep)])
        }
        Instr::Vred { dst, a, astep, rows, cols, .. } => {
            let row = float_row(r, cols)?;
            r.read("a", a, ROW_ALIGN, row, &[(rows, astep)])?;
            r.write("dst", dst, WORD, WORD, &[(rows, word_step)])
        }
        Instr::Vnorm { dst, dstep, a, astep, w, rows, cols, .. } => {
            let row = float_row(r, cols)?;
            r.read("a", a, ROW_ALIGN, row, &[(rows, astep)])?;
            r.read("w", w, ROW_ALIGN, row, &[])?;
            r.write("dst", dst, ROW_ALIGN, row, &[(rows, dstep)])
        }
        Instr::Vsoft { .. } => softmax(instr, r),
        Instr::Vrope { dst, dstep, a, astep, rows, heads, dim, rot, tab, tabstep, .. } => {
            let (heads, dim) = (r.at_least("heads", heads, 0)?, r.multiple("dim", dim, 8)?);
            let rot = r.multiple("rot", rot, 16)?;
            if rot > dim {
                return Err(format!("`rot` = {rot} exceeds `dim` = {dim}"));
            }
            let row = heads.checked_mul(dim * WORD).ok_or("a row is too long")?;
            r.read("a", a, ROW_ALIGN, row, &[(rows, astep)])?;
            let at = r.out.len;
            r.read("tab", tab, ROW_ALIGN, rot * WORD, &[(rows, tabstep)])?;
            r.alone(at);
            r.write("dst", dst, ROW_ALIGN, row, &[(rows, dstep)])
        }
        Instr::Vquant { dst, dstep, a, astep, rows, segs, cols, .. } => {
            let cols = r.multiple("cols", cols, BLOCK as i64)?;
            let segs = r.at_least("segs", segs, 0)?;
            let out = a8_row(cols as usize) as i64;
            let total = |bytes: i64| segs.checked_mul(bytes).filter(|b| *b <= VALUE_MAX).ok_or("a row is too long");
            r.read("a", a, ROW_ALIGN, total(cols * WORD)?, &[(rows, astep)])?;
            r.write("dst", dst, ROW_ALIGN, total(out)?, &[(rows, dstep)])
        }
        Instr::Vdeq { kind, dst, dstep, codes, cstep, scales, sstep, mins, mstep, rows, cols } => {
            let blocks = r.multiple("cols", cols, BLOCK as i64)? / BLOCK as i64;
            let code_bytes = blocks * (BLOCK * kind.code_bits() / 8) as i64;
            r.read("codes", codes, ROW_ALIGN, code_bytes, &[(rows, cstep)])?;
            r.read("scales", scales, ROW_ALIGN, blocks * kind.scale_bytes() as i64, &[(rows, sstep)])?;
            r.read("mins", mins, ROW_ALIGN, blocks * kind.min_bytes() as i64, &[(rows, mstep)])?;
            r.write("dst", dst, ROW_ALIGN, blocks * BLOCK as i64 * WORD, &[(rows, dstep)])
        }
        Instr::Vcvt { dst, dstep, a, astep, rows, cols, .. } => {
            let row = float_row(r, cols)?;
            r.read("a", a, ROW_ALIGN, row / 2, &[(rows, astep)])?;
            r.write("dst", dst, ROW_ALIGN, row, &[(rows, dstep)])
        }
        Instr::Vtop { idx, istep, val, vstep, a, astep, rows, cols, k } => {
            let row = float_row(r, cols)?;
            let k = r.at_least("k", k, 1)?;
            if k * WORD > row {
                return Err(format!("`k` = {k} exceeds `cols`"));
            }
            r.read("a", a, ROW_ALIGN, row, &[(rows, astep)])?;
            r.write("idx", idx, ROW_ALIGN, k * WORD, &[(rows, istep)])?;
            r.write("val", val, ROW_ALIGN, k * WORD, &[(rows, vstep)])?;
            r.alone(0);
            Ok(())
        }
        _ => unreachable!("every instruction of another engine is handled before"),
    }
}

fn softmax<F: Fn(Operand) -> i64>(instr: &Instr, r: &mut Ranges<'_, F>) -> Result<(), Refusal> {
    let Instr::Vsoft { sink, dst, dstep, a, astep, sums, sinks, rows, cols, hi, window, per, tokens, .. } = *instr
    else {
        unreachable!("called for `vsoft` only")
    };
    let row = float_row(r, cols)?;
    r.at_least("hi", hi, 1)?;
    r.at_least("window", window, 0)?;
    let per = r.at_least("per", per, 1)?;
    let span = r
        .at_least("tokens", tokens, 1)?
        .checked_mul(per)
        .filter(|span| *span <= VALUE_MAX)
        .ok_or("`tokens` x `per` is too large")?;
    let row_count = r.get("rows", rows)?.max(0);
    r.read("a", a, ROW_ALIGN, row, &[(rows, astep)])?;
    let at = r.out.len;
    if sink == Sink::Yes {
        let count = (row_count + span - 1) / span * per;
        r.read("sinks", sinks, WORD, WORD, &[(Operand::imm(count), Operand::imm(WORD))])?;
    }
    r.write("sums", sums, WORD, WORD, &[(rows, Operand::imm(WORD))])?;
    r.alone(at);
    r.write("dst", dst, ROW_ALIGN, row, &[(rows, dstep)])
}
