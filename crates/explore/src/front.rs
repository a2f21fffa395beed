//! The Pareto front: designs that no other matches in everything and beats in something.

/// What a design is judged by; less is better in each.
pub type Measures = [f64; 5];

/// True if `a` is nowhere worse than `b` and somewhere better.
pub fn dominates(a: &Measures, b: &Measures) -> bool {
    a.iter().zip(b).all(|(a, b)| a <= b) && a.iter().zip(b).any(|(a, b)| a < b)
}

/// Which of `all` lie on the front.
pub fn front(all: &[Measures]) -> Vec<bool> {
    // Whoever dominates comes before whom it dominates in lexicographic order, so one pass against the front so far is enough.
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by(|a, b| {
        let pairs = all[*a].iter().zip(&all[*b]);
        pairs.map(|(a, b)| a.total_cmp(b)).find(|order| order.is_ne()).unwrap_or(a.cmp(b))
    });
    let mut on = vec![false; all.len()];
    let mut front: Vec<usize> = Vec::new();
    for at in order {
        if !front.iter().any(|other| dominates(&all[*other], &all[at])) {
            on[at] = true;
            front.push(at);
        }
    }
    on
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_front_is_what_nobody_dominates(all in proptest::collection::vec(proptest::array::uniform5(0u8..4), 0..60)) {
            let all: Vec<Measures> = all.into_iter().map(|one| one.map(f64::from)).collect();
            let plain: Vec<bool> = all.iter().map(|one| !all.iter().any(|other| dominates(other, one))).collect();
            prop_assert_eq!(front(&all), plain);
        }
    }
}
