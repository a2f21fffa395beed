//! Layers of equal structure become one hardware loop.

use super::*;

impl Emit<'_> {
    pub(super) fn layers(&mut self) -> Result<(), Error> {
        let mut next = 0;
        while next < self.plan.layers.len() {
            let run = self.run(next);
            self.b.set(self.regs.layer, 0);
            self.b.set(self.regs.cache, 0);
            self.layer_run(next, run)?;
            next += run.period * run.repeats;
        }
        Ok(())
    }

    /// The longest stretch from `first` on that repeats with a short period at constant distances.
    pub(super) fn run(&self, first: usize) -> Run {
        let count = self.plan.layers.len() - first;
        let mut best = Run { period: 1, repeats: 1, stride: 0, cache_stride: 0 };
        for period in 1..=(count / 2).min(8) {
            let mut run = self.stretch(first, period);
            if run.repeats < 2 {
                run = Run { period, repeats: 1, stride: 0, cache_stride: 0 };
            }
            if run.repeats > 1 && run.period * run.repeats > best.period * best.repeats {
                best = run;
            }
        }
        best
    }

    pub(super) fn stretch(&self, first: usize, period: usize) -> Run {
        let (layers, maps) = (&self.network.layers, &self.map.layers);
        let (stride, cache_stride) = self.distance(first, first + period);
        let same = |a: usize, b: usize| {
            layers[a] == layers[b]
                && alike(&self.plan.layers[a], &self.plan.layers[b])
                && self.shifted(&maps[a], &maps[b], stride, cache_stride)
        };
        let mut repeats = 1;
        while first + (repeats + 1) * period <= layers.len()
            && (0..period).all(|i| {
                let at = first + (repeats - 1) * period + i;
                same(at, at + period)
            })
        {
            repeats += 1;
        }
        Run { period, repeats, stride, cache_stride }
    }

    pub(super) fn distance(&self, a: usize, b: usize) -> (usize, usize) {
        let maps = &self.map.layers;
        let cache = |layer: usize| maps[layer].caches.get(self.core).map_or(0, |cache| cache.at);
        (first_address(&maps[b]) - first_address(&maps[a]), cache(b) - cache(a))
    }

    pub(super) fn shifted(&self, a: &LayerMap, b: &LayerMap, stride: usize, cache_stride: usize) -> bool {
        let linears = a.linears.iter().zip(&b.linears).all(|(a, b)| a.cores[self.core] + stride == b.cores[self.core]);
        let vectors = a.vectors.iter().zip(&b.vectors).all(|(a, b)| a.0 == b.0 && a.1 + stride == *b.1);
        let caches = a.caches[self.core].at + cache_stride == b.caches[self.core].at;
        linears && vectors && caches
    }

    pub(super) fn layer_run(&mut self, first: usize, run: Run) -> Result<(), Error> {
        let body = |emit: &mut Self| (first..first + run.period).try_for_each(|index| emit.layer(index));
        if run.repeats == 1 {
            return body(self);
        }
        let mut result = Ok(());
        self.b.begin(run.repeats, true);
        result = result.and(body(self));
        let (layer, cache) = (self.regs.layer, self.regs.cache);
        self.b.add(layer, layer, run.stride);
        self.b.add(cache, cache, run.cache_stride);
        self.b.end();
        result
    }
}

/// A stretch of layers that repeats.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    period: usize,
    repeats: usize,
    stride: usize,
    cache_stride: usize,
}

pub(super) fn first_address(layer: &LayerMap) -> usize {
    let vectors = layer.vectors.values().copied();
    let linears = layer.linears.iter().flat_map(|place| place.cores.iter().copied());
    vectors.chain(linears).min().unwrap_or(0)
}

/// Whether two layers' products have the same shapes and formats.
pub(super) fn alike(a: &LayerPlan, b: &LayerPlan) -> bool {
    let (a, b) = (a.linears(), b.linears());
    a.len() == b.len()
        && a.iter().zip(&b).all(|(a, b)| {
            let parts =
                a.parts.iter().zip(&b.parts).all(|(a, b)| a.rows == b.rows && a.kind == b.kind && a.split == b.split);
            a.role == b.role && a.k == b.k && a.experts == b.experts && a.parts.len() == b.parts.len() && parts
        })
}
