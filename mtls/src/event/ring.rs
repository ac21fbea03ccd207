//! The ring buffer: the newest events, numbered, within a number and a budget of memory.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Event, Events};

#[derive(Debug, Default)]
pub(super) struct Ring {
    /// Newest first; their numbers have no gaps.
    entries: VecDeque<Entry>,
    memory: usize,
    /// The number of the next event.
    next: u64,
}

#[derive(Debug)]
struct Entry {
    event: Arc<Event>,
    memory: usize,
}

impl Ring {
    /// Adds the newest event, and evicts the oldest ones that it leaves no room for.
    pub(super) fn push(&mut self, event: Event) {
        let memory = event.memory();
        self.next += 1;
        self.memory += memory;
        self.entries.push_front(Entry { event: Arc::new(event), memory });
        while self.entries.len() > Events::KEPT
            || (self.memory > Events::MEMORY && self.entries.len() > 1)
        {
            self.memory -= self.entries.pop_back().map_or(0, |oldest| oldest.memory);
        }
    }

    /// All, newest first, with their numbers.
    pub(super) fn newest(&self) -> impl Iterator<Item = (u64, Arc<Event>)> {
        let numbers = (0..self.next).rev();
        numbers.zip(self.entries.iter().map(|entry| Arc::clone(&entry.event)))
    }

    /// The newest one that is older than the one of this number.
    pub(super) fn before(&self, number: Option<u64>) -> Option<(u64, Arc<Event>)> {
        let number = number.unwrap_or(self.next).checked_sub(1)?;
        let index = usize::try_from(self.next - 1 - number).ok()?;
        Some((number, Arc::clone(&self.entries.get(index)?.event)))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::Ring;
    use crate::event::refusal::{Code, Reason, Refusal};
    use crate::event::{Event, Events};
    use crate::pki::role::Role;

    /// A refusal that takes `bytes` of memory and a little more.
    fn refusal(bytes: usize) -> Event {
        let peer = ([192, 0, 2, 1], 443).into();
        let mut refusal = Refusal::new(Reason::new(Code::NotTls), Role::Server, None, peer);
        refusal.sentence = "x".repeat(bytes);
        Event::refused(Role::Server, Duration::ZERO, None, refusal)
    }

    fn sizes(ring: &Ring) -> Vec<usize> {
        let sentence = |event: Arc<Event>| event.refusal.as_ref().unwrap().sentence.len();
        ring.newest().map(|(_, event)| sentence(event)).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn the_newest_are_kept_within_number_and_memory(
            pushed in prop::collection::vec(prop_oneof![0..4096_usize, 0..3_000_000_usize], 1..600),
        ) {
            let mut ring = Ring::default();
            for bytes in &pushed {
                ring.push(refusal(*bytes));

                let kept = sizes(&ring);
                let taken: usize = ring.newest().map(|(_, event)| event.memory()).sum();
                prop_assert!(kept.len() <= Events::KEPT);
                prop_assert!(taken <= Events::MEMORY || kept.len() == 1);
                prop_assert_eq!(taken, ring.memory);
            }
            let kept = sizes(&ring);
            let newest: Vec<_> = pushed.iter().rev().take(kept.len()).copied().collect();
            prop_assert_eq!(&kept, &newest);
            // One more would not have fitted in.
            if let Some(next) = pushed.iter().rev().nth(kept.len()) {
                let full = kept.len() == Events::KEPT;
                prop_assert!(full || ring.memory + refusal(*next).memory() > Events::MEMORY);
            }
        }
    }

    #[test]
    fn ordinary_refusals_fill_the_ring_to_its_number() {
        let mut ring = Ring::default();

        (0..1000).for_each(|_| ring.push(refusal(300)));

        assert_eq!(sizes(&ring).len(), Events::KEPT);
    }

    #[test]
    fn a_slow_reader_holds_one_event_and_misses_the_evicted() {
        let events = Events::new(0);
        (0..10).for_each(|bytes| events.record(refusal(bytes)));
        let evicted: Vec<_> = events.newest().iter().map(Arc::downgrade).collect();
        let mut slow = Arc::clone(&events).walk();
        let mut quick = Arc::clone(&events).walk();
        let first = slow.next().unwrap();
        assert!(Arc::ptr_eq(&first, &quick.next().unwrap()));
        assert_eq!(quick.count(), 9);

        (0..Events::KEPT).for_each(|bytes| events.record(refusal(bytes)));

        let held = evicted.iter().filter(|event| event.strong_count() > 0).count();
        assert_eq!(held, 1);
        assert!(slow.next().is_none());
    }
}
