//! A first-in first-out queue of up to `N` words (`puce_fifo`).

/// The twin of `puce_fifo`. Whether a word may enter depends on what was inside at the beginning of the cycle: look at [`Fifo::room`] before a
/// [`Fifo::pop`] of the same cycle.
#[derive(Clone, Debug)]
pub struct Fifo<T, const N: usize> {
    words: [T; N],
    depth: u32,
    head: u32,
    count: u32,
}

impl<T: Copy + Default, const N: usize> Default for Fifo<T, N> {
    fn default() -> Fifo<T, N> {
        Fifo::of_depth(N)
    }
}

impl<T: Copy + Default, const N: usize> Fifo<T, N> {
    /// An empty queue of `depth` words, at most `N`.
    pub fn of_depth(depth: usize) -> Fifo<T, N> {
        assert!(depth <= N, "a queue of {depth} words in {N} places");
        Fifo { words: [T::default(); N], depth: depth as u32, head: 0, count: 0 }
    }

    /// A word may enter (`in_ready_o`).
    #[inline]
    pub fn room(&self) -> bool {
        self.count < self.depth
    }

    /// Nothing is inside.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The oldest word (`out_valid_o`, `out_data_o`).
    #[inline]
    pub fn front(&self) -> Option<T> {
        (self.count != 0).then(|| self.words[self.head as usize % N])
    }

    /// The oldest word leaves, if there is one.
    #[inline]
    pub fn pop(&mut self) {
        if self.count != 0 {
            self.head = if self.head + 1 == N as u32 { 0 } else { self.head + 1 };
            self.count -= 1;
        }
    }

    /// A word enters, for which there was room at the beginning of the cycle.
    #[inline]
    pub fn push(&mut self, word: T) {
        debug_assert!(self.count < self.depth, "a word without a place");
        let tail = self.head + self.count;
        self.words[if tail >= N as u32 { tail - N as u32 } else { tail } as usize % N] = word;
        self.count += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_leave_in_the_order_in_which_they_came() {
        let mut fifo = Fifo::<u32, 3>::of_depth(2);
        let mut out = Vec::new();
        for word in 0..20 {
            let room = fifo.room();
            if word % 3 != 1 {
                out.extend(fifo.front());
                fifo.pop();
            }
            if room {
                fifo.push(word);
            }
        }
        assert!(out.len() > 8 && out.is_sorted_by(|a, b| a < b), "{out:?}");
        assert_eq!((fifo.room(), fifo.is_empty()), (false, false));
    }
}
