//! The paged key/value cache: blocks with reference counts, found again by name, reused least recently used first.
//!
//! ```text
//!              allocate                      release, last reference
//!   free list ----------> held, 1 reference ------------------------> free list (at the end; keeps its name)
//!       |                      |    ^                                     |
//!       | allocate: the name   |    | share: one more reference           | share: found by name, leaves the list
//!       v is forgotten         v    |                                     v
//!    (evicted)              register: has a name                    held, 1 reference
//! ```
//!
//! A free block keeps its content and name until it is handed out again, so that keeping a prefix costs nothing. A request's last block is released
//! first: the beginnings of prompts, which others are likelier to share, live longest.

use crate::chain::BlockName;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A page of the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlockId(pub u32);

/// Names are hashes already: their low half will do.
#[derive(Default)]
struct LowHalf(u64);

impl Hasher for LowHalf {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u128(&mut self, name: u128) {
        self.0 = name as u64;
    }
}

/// No block: the ends of the free list.
const NONE: u32 = u32::MAX;

#[derive(Clone, Debug)]
struct Block {
    references: u32,
    name: Option<BlockName>,
    /// Neighbours in the free list.
    before: u32,
    after: u32,
}

/// All blocks of one cache.
#[derive(Clone, Debug)]
pub struct Pool {
    blocks: Vec<Block>,
    by_name: HashMap<BlockName, BlockId, BuildHasherDefault<LowHalf>>,
    /// Ends of the free list.
    oldest: u32,
    newest: u32,
    free: u32,
    evictions: u64,
}

impl Pool {
    /// So many free blocks.
    pub fn new(blocks: u32) -> Pool {
        let block = Block { references: 0, name: None, before: NONE, after: NONE };
        let mut pool = Pool {
            blocks: vec![block; blocks as usize],
            by_name: HashMap::default(),
            oldest: NONE,
            newest: NONE,
            free: 0,
            evictions: 0,
        };
        (0..blocks).for_each(|id| pool.append(id));
        pool
    }

    /// Blocks in all.
    pub fn size(&self) -> u32 {
        self.blocks.len() as u32
    }

    /// Blocks that nobody holds.
    pub fn free(&self) -> u32 {
        self.free
    }

    /// Blocks that somebody holds.
    pub fn held(&self) -> u32 {
        self.size() - self.free
    }

    /// Named blocks that were handed out again so far.
    pub fn evictions(&self) -> u64 {
        self.evictions
    }

    /// Takes the block that was free longest; its name is forgotten.
    pub fn allocate(&mut self) -> Option<BlockId> {
        let id = self.oldest;
        if id == NONE {
            return None;
        }
        self.unlink(id);
        let block = &mut self.blocks[id as usize];
        block.references = 1;
        if let Some(name) = block.name.take() {
            self.by_name.remove(&name);
            self.evictions += 1;
        }
        Some(BlockId(id))
    }

    /// How many leading names are in the cache, and how many of those blocks are free at present.
    pub fn known(&self, names: &[BlockName]) -> (u32, u32) {
        let (mut known, mut free) = (0, 0);
        for name in names {
            let Some(id) = self.by_name.get(name) else { break };
            known += 1;
            free += u32::from(self.blocks[id.0 as usize].references == 0);
        }
        (known, free)
    }

    /// Takes one more reference to the block of this name, if the cache has it.
    pub fn share(&mut self, name: BlockName) -> Option<BlockId> {
        let id = *self.by_name.get(&name)?;
        if self.blocks[id.0 as usize].references == 0 {
            self.unlink(id.0);
        }
        self.blocks[id.0 as usize].references += 1;
        Some(id)
    }

    /// Gives a held block its name. Where two blocks hold the same tokens, the first is the one that is found.
    pub fn register(&mut self, id: BlockId, name: BlockName) {
        let block = &mut self.blocks[id.0 as usize];
        debug_assert!(block.references > 0 && block.name.is_none());
        if let std::collections::hash_map::Entry::Vacant(vacant) = self.by_name.entry(name) {
            vacant.insert(id);
            block.name = Some(name);
        }
    }

    /// Gives back one reference to each block of a table, the last block first.
    ///
    /// # Panics
    /// If nobody holds one of them.
    pub fn release(&mut self, table: &[BlockId]) {
        for id in table.iter().rev() {
            let block = &mut self.blocks[id.0 as usize];
            assert!(block.references > 0, "block {} was released twice", id.0);
            block.references -= 1;
            if block.references == 0 {
                self.append(id.0);
            }
        }
    }

    fn append(&mut self, id: u32) {
        let newest = std::mem::replace(&mut self.newest, id);
        let block = &mut self.blocks[id as usize];
        (block.before, block.after) = (newest, NONE);
        match newest {
            NONE => self.oldest = id,
            _ => self.blocks[newest as usize].after = id,
        }
        self.free += 1;
    }

    fn unlink(&mut self, id: u32) {
        let Block { before, after, .. } = self.blocks[id as usize];
        match before {
            NONE => self.oldest = after,
            _ => self.blocks[before as usize].after = after,
        }
        match after {
            NONE => self.newest = before,
            _ => self.blocks[after as usize].before = before,
        }
        self.free -= 1;
    }

    /// Whether counts, list and names agree, and each block is held by exactly as many tables as it counts.
    #[cfg(test)]
    pub fn check<'a>(&self, tables: impl Iterator<Item = &'a [BlockId]>) {
        let mut held = vec![0u32; self.blocks.len()];
        tables.flatten().for_each(|id| held[id.0 as usize] += 1);
        let counted: Vec<u32> = self.blocks.iter().map(|block| block.references).collect();
        assert_eq!(held, counted, "references");
        let mut at = self.oldest;
        let mut listed = 0;
        while at != NONE {
            assert_eq!(self.blocks[at as usize].references, 0, "a held block is in the free list");
            listed += 1;
            at = self.blocks[at as usize].after;
        }
        assert_eq!((listed, self.free), (counted.iter().filter(|count| **count == 0).count() as u32, listed));
        let named = self.blocks.iter().filter(|block| block.name.is_some()).count();
        assert_eq!(named, self.by_name.len());
        assert!(self.by_name.iter().all(|(name, id)| self.blocks[id.0 as usize].name == Some(*name)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_block_that_was_free_longest_goes_first_and_the_tail_before_the_beginning() {
        let mut pool = Pool::new(4);
        let table: Vec<BlockId> = (0..3).map(|_| pool.allocate().unwrap()).collect();
        table.iter().zip(10..).for_each(|(id, name)| pool.register(*id, name));
        pool.release(&table);
        assert_eq!(pool.known(&[10, 11, 12]), (3, 3));
        assert_eq!(pool.allocate(), Some(BlockId(3)), "never used");
        assert_eq!(pool.allocate(), Some(table[2]), "the tail");
        assert_eq!((pool.known(&[10, 11, 12]), pool.evictions()), ((2, 2), 1));
        assert_eq!(pool.share(10), Some(table[0]));
        assert_eq!((pool.allocate(), pool.allocate()), (Some(table[1]), None));
    }

    #[test]
    #[should_panic(expected = "released twice")]
    fn nobody_gives_back_what_is_free() {
        let mut pool = Pool::new(1);
        let table = [pool.allocate().unwrap()];
        pool.release(&table);
        pool.release(&table);
    }

    proptest! {
        #[test]
        fn whatever_happens_counts_list_and_names_agree(moves in proptest::collection::vec((0u8..3, 0u8..12), 0..200)) {
            let mut pool = Pool::new(7);
            let mut tables: Vec<Vec<BlockId>> = Vec::new();
            for (what, which) in moves {
                match what {
                    0 => if let Some(id) = pool.allocate() {
                        pool.register(id, which.into());
                        tables.push(vec![id]);
                    },
                    1 => if let Some(id) = pool.share(which.into()) {
                        tables.push(vec![id]);
                    },
                    _ if tables.is_empty() => {}
                    _ => {
                        let table = tables.swap_remove(usize::from(which) % tables.len());
                        pool.release(&table);
                    }
                }
                pool.check(tables.iter().map(Vec::as_slice));
            }
        }
    }
}
