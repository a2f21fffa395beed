//! From activations to records: what the kernel wants to know of each token's block, beside its codes.

use super::*;

/// [`crate::kernels::Kernels::open`].
///
/// # Safety
/// `x` must describe readable memory.
#[inline(always)]
pub(in crate::kernels) unsafe fn open<L: Lanes>(kind: WeightKind, x: &Activations, g: i32, p: &mut Prepared) {
    // SAFETY: the caller's promise.
    unsafe { p.read_scales(kind, x, g) };
    let layout = Layout::fitting::<L>(p, kind);
    p.layout = Some(layout);
    reserve(&mut p.records, (p.blocks * p.tokens * Layout::record(layout.steps)).div_ceil(size_of::<Line>()));
    p.start.resize(p.tokens, 0);
    let pieces = p.tokens.div_ceil(PIECE);
    p.pieces.resize(pieces, Piece::default());
    p.block_max.resize(pieces * p.blocks, 0.0);
}

/// [`crate::kernels::Kernels::fill`].
///
/// # Safety
/// As stated there, and the processor must have the features of `L`.
#[inline(always)]
pub(in crate::kernels) unsafe fn fill<L: Lanes>(x: &Activations, to: &Filling, piece: usize) {
    let layout = to.layout.expect("a piece of activations that this set opened");
    let terms = 1 + (to.kind.min_bytes() > 0) as u64;
    let inside = GRID_RANGE.contains(&to.g);
    let mut flags = Flags::NONE;
    let tokens = to.piece(piece);
    // SAFETY: the caller promises the activations and that nobody else fills this piece: its tokens, its maxima.
    unsafe {
        let block_max = std::slice::from_raw_parts_mut(to.block_max.add(piece * to.blocks), to.blocks);
        block_max.fill(0.0);
        for t in tokens {
            let mut start = MAGIC.to_bits();
            let (step, size) = (abreast(to.tokens, t), Layout::record(layout.steps));
            let first = to.records.add(place(to.tokens, to.blocks, t, 0) * size);
            for (b, block_max) in block_max.iter_mut().enumerate() {
                let codes = &*x.codes.add(t * x.code_stride + b * BLOCK).cast::<[i8; BLOCK]>();
                let (bits, at) = (*to.scales.add(t * to.blocks + b), first.add(b * step * size));
                let (magic, bound) = if layout.tabled && inside {
                    short::<L>(to.kind, layout, codes, bits, to.g, at)
                } else {
                    let exact = Exact::from_bf16(bits);
                    flags |= if exact.is_none() { Flags::NAN } else { Flags::NONE };
                    let scale = match exact.filter(|_| inside) {
                        Some(exact) => Scale { mantissa: exact.mantissa as i32, power: exact.exponent - to.g },
                        None => Scale { mantissa: 0, power: 0 },
                    };
                    record::<L>(to.kind, layout, codes, scale, at)
                };
                start = start.wrapping_sub(terms.wrapping_mul(magic.to_bits()));
                *block_max = block_max.max(bound);
            }
            *to.start.add(t) = start;
        }
        let most = if inside { block_max.iter().copied().fold(0.0, f64::max) } else { f64::INFINITY };
        *to.pieces.add(piece) = Piece { flags, max_factor: most };
    }
}

/// Writes one record; its constant, and the largest product of the scale (in units of the grid) and the block's magnitudes.
#[inline(always)]
unsafe fn record<L: Lanes>(
    kind: WeightKind,
    layout: Layout,
    mut codes: &[i8; BLOCK],
    mut scale: Scale,
    at: *mut u8,
) -> (f64, f64) {
    if layout.tabled {
        (scale, codes) = match scale.mantissa {
            // Zero is in no table: the block itself becomes zero.
            0 => (Scale { mantissa: MANTISSAS.start, power: 0 }, &[0; BLOCK]),
            mantissa => (Scale { mantissa: mantissa >> 4, power: scale.power + 4 }, codes),
        };
    }
    // SAFETY: 32 codes; the caller promises room for a record.
    unsafe {
        let sums = L::sums(codes.as_ptr());
        let format = Scale { power: scale.power + scale_power(kind), ..scale };
        let term = layout.term(format, sums);
        at.cast::<Term>().write(term);
        let steps = std::slice::from_raw_parts_mut(at.add(size_of::<Term>()).cast(), layout.steps);
        layout.arrange(codes, scale.mantissa, steps);
        let magnitude = sums[1][0] + sums[1][1];
        (term.magic, (scale.mantissa.abs() * magnitude) as f64 * power_of_two(scale.power))
    }
}

/// [`record`] where the layout has a table and the grid leaves room: the scale is zero or one of [`MANTISSAS`] times a power of two.
#[inline(always)]
unsafe fn short<L: Lanes>(
    kind: WeightKind,
    layout: Layout,
    codes: &[i8; BLOCK],
    bits: u16,
    g: i32,
    at: *mut u8,
) -> (f64, f64) {
    // Zero is in no table: the block itself becomes zero.
    let (mantissa, power, codes) = match bits {
        0 => (MANTISSAS.start, 0, &[0; BLOCK]),
        _ => ((bits >> 4 & 7 | 8) as i32, (bits >> 7) as i32 - 130 - g, codes),
    };
    // SAFETY: 32 codes; the caller promises room for a record.
    unsafe {
        let [[a, b], [c, d]] = L::sums(codes.as_ptr());
        let (sum, magnitude) = (a + b, c + d);
        // A power of two moves the exponent, and none of these leaves the normal numbers.
        let magic = f64::from_bits(MAGIC.to_bits().wrapping_sub(((power + scale_power(kind)) as u64) << 52));
        at.cast::<Term>().write(Term {
            magic,
            sums: (sum * mantissa) as f64,
            place: mantissa as f64,
            init: (1u32 << 31).wrapping_sub((layout.offset * sum) as u32),
            mantissas: (mantissa - MANTISSAS.start) as u32,
        });
        at.add(size_of::<Term>()).cast::<[i8; BLOCK]>().write(*codes);
        (magic, (mantissa * magnitude) as f64 * power_of_two(power))
    }
}
