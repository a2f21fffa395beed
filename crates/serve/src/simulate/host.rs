//! What the host does for a step.

use base::units::Seconds;
use perf::evaluate::Software;

/// Time of the host: scheduling, preparing inputs, sampling's other half, sending tokens to users.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Host {
    /// For any step.
    pub step: Seconds,
    /// For each request in it.
    pub request: Seconds,
    /// What remains between two steps even where the host works during the one before.
    pub gap: Seconds,
}

impl Default for Host {
    /// Of vLLM: 5 to 6 ms between the steps of 256 requests when the host works between them, and 0.2 to 0.3 ms when it works ahead
    /// (vllm-project/vllm, issue 10634); 1 ms of it is for any step, the rest by request. What remains is the constant that single steps are timed with.
    fn default() -> Host {
        Host { step: Seconds(1e-3), request: Seconds(18e-6), gap: Software::STREAM.host }
    }
}

impl Host {
    /// No time at all: the device's own.
    pub const NONE: Host = Host { step: Seconds(0.0), request: Seconds(0.0), gap: Seconds(0.0) };

    /// From the start of a step to the start of the next.
    pub fn period(&self, device: Seconds, requests: u32, ahead: bool) -> f64 {
        let work = self.step + self.request * f64::from(requests);
        if ahead { (device + self.gap).0.max(work.0) } else { (device + work).0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn working_ahead_hides_all_but_the_gap() {
        let host = Host { step: Seconds(2.0), request: Seconds(1.0), gap: Seconds(0.5) };
        assert_eq!(host.period(Seconds(10.0), 3, false), 15.0);
        assert_eq!(host.period(Seconds(10.0), 3, true), 10.5);
        assert_eq!(host.period(Seconds(1.0), 3, true), 5.0);
        assert_eq!(Host::NONE.period(Seconds(1.0), 3, true), 1.0);
    }
}
