//! Mixtures of experts: the router's choice, and the chosen networks.

use super::{Reference, math};
use crate::network::{ExpertFfn, Routing};

impl Reference<'_> {
    /// The experts' weighted outputs, plus the shared expert's.
    pub(super) fn experts(&self, block: &str, ffn: &ExpertFfn, x: &[f32]) -> Vec<f32> {
        let hidden = self.network.hidden;
        let logits = self.weights.linear(&format!("{block}.ffn_gate_inp"), x);
        let bias = self.weights.vector(&format!("{block}.exp_probs_b.bias"));
        let mut visitors: Vec<Vec<(usize, f32)>> = vec![Vec::new(); ffn.experts];
        for (token, logits) in logits.chunks_exact(ffn.experts).enumerate() {
            for (expert, weight) in route(ffn, logits, bias) {
                visitors[expert].push((token, weight * ffn.weight_scale));
            }
        }
        let mut out = vec![0.0; x.len()];
        for (expert, visitors) in visitors.iter().enumerate() {
            let inputs: Vec<f32> =
                visitors.iter().flat_map(|(token, _)| x[token * hidden..][..hidden].to_vec()).collect();
            let outputs = self.expert(block, ffn, expert, &inputs);
            for ((token, weight), y) in visitors.iter().zip(outputs.chunks_exact(hidden)) {
                math::add_scaled(&mut out[token * hidden..][..hidden], y, *weight);
            }
        }
        if ffn.shared_inner > 0 {
            math::add(&mut out, &self.shared(block, ffn, x));
        }
        out
    }

    fn expert(&self, block: &str, ffn: &ExpertFfn, expert: usize, x: &[f32]) -> Vec<f32> {
        let part = |name: &str, x: &[f32]| self.weights.linear_part(&format!("{block}.{name}"), x, expert, ffn.experts);
        let inner = math::gated(ffn.activation, &part("ffn_gate_exps", x), &part("ffn_up_exps", x));
        part("ffn_down_exps", &inner)
    }

    fn shared(&self, block: &str, ffn: &ExpertFfn, x: &[f32]) -> Vec<f32> {
        let mut y = self.dense(block, "_shexp", ffn.activation, true, x);
        if ffn.shared_gate {
            let gates = self.weights.linear(&format!("{block}.ffn_gate_inp_shexp"), x);
            for (row, gate) in y.chunks_exact_mut(self.network.hidden).zip(gates) {
                let gate = math::sigmoid(gate);
                row.iter_mut().for_each(|y| *y *= gate);
            }
        }
        y
    }
}

/// The chosen experts of one token with their weights, before the network's own factor.
fn route(ffn: &ExpertFfn, logits: &[f32], bias: Option<&[f32]>) -> Vec<(usize, f32)> {
    match ffn.routing {
        Routing::SoftmaxThenTop { renormalise } => {
            let mut scores = logits.to_vec();
            math::softmax(&mut scores, None);
            weigh(&scores, math::top(&scores, ffn.top_k), renormalise)
        }
        Routing::TopThenSoftmax => {
            let chosen = math::top(logits, ffn.top_k);
            let mut weights: Vec<f32> = chosen.iter().map(|e| logits[*e]).collect();
            math::softmax(&mut weights, None);
            chosen.into_iter().zip(weights).collect()
        }
        Routing::SigmoidGrouped { groups, top_groups, renormalise } => {
            let scores: Vec<f32> = logits.iter().map(|x| math::sigmoid(*x)).collect();
            let mut choice = scores.clone();
            math::add(&mut choice, bias.unwrap_or_default());
            keep_best_groups(&mut choice, groups, top_groups);
            weigh(&scores, math::top(&choice, ffn.top_k), renormalise)
        }
    }
}

fn weigh(scores: &[f32], chosen: Vec<usize>, renormalise: bool) -> Vec<(usize, f32)> {
    let sum: f32 = chosen.iter().map(|e| scores[*e]).sum();
    let divisor = if renormalise { sum } else { 1.0 };
    chosen.into_iter().map(|e| (e, scores[e] / divisor)).collect()
}

/// Rules out the experts of all groups but the best; a group is as good as its two best together.
fn keep_best_groups(choice: &mut [f32], groups: usize, top_groups: usize) {
    let size = choice.len() / groups;
    let worth = |group: &[f32]| -> f32 { math::top(group, 2).iter().map(|e| group[*e]).sum() };
    let worths: Vec<f32> = choice.chunks_exact(size).map(worth).collect();
    let best = math::top(&worths, top_groups);
    for (index, group) in choice.chunks_exact_mut(size).enumerate() {
        if !best.contains(&index) {
            group.fill(f32::NEG_INFINITY);
        }
    }
}
