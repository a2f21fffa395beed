//! Which set runs: what the processor has, and what the oracle confirms.

use super::scalar::Scalar;
use super::{Kernels, sets};
use std::sync::OnceLock;

/// The oracle.
pub fn scalar() -> &'static dyn Kernels {
    &Scalar
}

/// Every set that this processor can run, the fastest first, the oracle last. Not checked yet: see [`best`].
pub fn available() -> Vec<&'static dyn Kernels> {
    let mut all = sets::native();
    all.push(scalar());
    all
}

/// What was picked, and what was refused.
struct Choice {
    best: &'static dyn Kernels,
    report: String,
}

fn choice() -> &'static Choice {
    static CHOICE: OnceLock<Choice> = OnceLock::new();
    CHOICE.get_or_init(|| {
        let mut report = String::new();
        for set in sets::native() {
            match super::check::against_oracle(set) {
                Ok(()) => {
                    report.push_str(set.name());
                    return Choice { best: set, report };
                }
                Err(operation) => report.push_str(&format!("{} refused (its {operation} differs), ", set.name())),
            }
        }
        report.push_str("scalar");
        Choice { best: scalar(), report }
    })
}

/// The fastest set whose answers agree with the oracle; the comparison runs once, at the first call.
pub fn best() -> &'static dyn Kernels {
    choice().best
}

/// What [`best`] picked, after what it refused and why: `avx2`, or `avx512 refused (its matmul differs), avx2`.
pub fn report() -> &'static str {
    &choice().report
}
