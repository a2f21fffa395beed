//! Which replica takes a request.

use crate::request::{Content, mix};
use crate::scheduler::Load;

/// How requests spread over replicas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Routing {
    /// One after the other.
    RoundRobin,
    /// To the one with the fewest requests.
    #[default]
    LeastLoaded,
    /// Those with a common beginning to the same one, unless it has far more to do than the others.
    PrefixAffine,
}

impl Routing {
    /// All of them.
    pub const ALL: [Routing; 3] = [Routing::RoundRobin, Routing::LeastLoaded, Routing::PrefixAffine];

    /// Name, as on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Routing::RoundRobin => "round-robin",
            Routing::LeastLoaded => "least-loaded",
            Routing::PrefixAffine => "prefix-affine",
        }
    }
}

/// Above this multiple of the mean load, a replica is passed over: the bound of Mirrokni, Thorup and Zadimoghaddam, "Consistent Hashing with Bounded
/// Loads" (SODA 2018), with the factor that they and HAProxy use by default.
const BOUND: f64 = 1.25;

/// Sends requests to replicas.
#[derive(Clone, Debug)]
pub struct Router {
    routing: Routing,
    next: usize,
}

impl Router {
    /// Of a kind.
    pub fn new(routing: Routing) -> Router {
        Router { routing, next: 0 }
    }

    /// The place in `loads` of the replica that takes it.
    ///
    /// # Panics
    /// If there is no replica.
    pub fn choose(&mut self, content: &Content, loads: &[Load]) -> usize {
        let requests = |load: &Load| load.running + load.waiting;
        match self.routing {
            Routing::RoundRobin => {
                let at = self.next % loads.len();
                self.next = at + 1;
                at
            }
            Routing::LeastLoaded => (0..loads.len()).min_by_key(|at| requests(&loads[*at])).expect("a replica"),
            Routing::PrefixAffine => {
                let total: u32 = loads.iter().map(requests).sum();
                let most = (BOUND * f64::from(total + 1) / loads.len() as f64).ceil() as u32;
                let open = (0..loads.len()).filter(|at| requests(&loads[*at]) < most);
                // The highest random weight: only a replica's own requests move when it is full.
                open.max_by_key(|at| mix(content.affinity() ^ mix(*at as u64))).expect("not all are above the mean")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::RequestId;
    use proptest::prelude::*;

    fn loads(requests: &[u32]) -> Vec<Load> {
        requests.iter().map(|running| Load { running: *running, ..Load::default() }).collect()
    }

    fn choose(routing: Routing, identity: u64, requests: &[u32]) -> usize {
        let content = Content::prefixed(RequestId(identity), identity, 32, 64);
        Router::new(routing).choose(&content, &loads(requests))
    }

    #[test]
    fn each_policy_does_what_its_name_says() {
        let mut router = Router::new(Routing::RoundRobin);
        let content = Content::unique(RequestId(1), 5);
        assert_eq!([0; 4].map(|_| router.choose(&content, &loads(&[9, 0, 0]))), [0, 1, 2, 0]);
        assert_eq!(choose(Routing::LeastLoaded, 1, &[3, 1, 1]), 1);
        let home = choose(Routing::PrefixAffine, 7, &[4, 4, 4]);
        assert_eq!(choose(Routing::PrefixAffine, 7, &[3, 4, 3]), home);
        let mut busy = [4, 4, 4];
        busy[home] = 40;
        assert_ne!(choose(Routing::PrefixAffine, 7, &busy), home);
    }

    proptest! {
        #[test]
        fn some_replica_always_takes_it(requests in proptest::collection::vec(0u32..50, 1..9), identity: u64) {
            for routing in Routing::ALL {
                prop_assert!(choose(routing, identity, &requests) < requests.len());
            }
        }
    }
}
