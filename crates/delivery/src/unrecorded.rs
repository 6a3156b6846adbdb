//! Attempts that have ended and are not recorded yet.
//!
//! What a receiver has answered no longer burdens it, so the slot is free for the next attempt while the end
//! of this one waits for its commit. That is so for as many as there are slots: if the database takes
//! nothing, the others keep theirs until it does, and no more is begun than memory bears.

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::slots::Slot;

/// How many of them go without a slot.
pub(crate) struct Unrecorded {
    places: Semaphore,
}

/// One of them, until it is dropped.
pub(crate) enum Unwritten<'a> {
    /// Without a slot.
    Beside(#[expect(dead_code, reason = "held, and given back by its drop")] SemaphorePermit<'a>),
    /// In the attempt's own.
    InSlot(#[expect(dead_code, reason = "held, and given back by its drop")] Slot),
}

impl Unrecorded {
    /// At most `max` beside those that keep their slots.
    pub(crate) fn new(max: usize) -> Self {
        Self { places: Semaphore::new(max.min(Semaphore::MAX_PERMITS)) }
    }

    /// Takes the slot of an attempt that has ended, and frees it at once if there is room.
    pub(crate) fn admit(&self, slot: Slot) -> Unwritten<'_> {
        match self.places.try_acquire() {
            Ok(place) => {
                drop(slot);
                Unwritten::Beside(place)
            }
            Err(_) => Unwritten::InSlot(slot),
        }
    }
}

#[cfg(test)]
mod tests {
    use ringback_domain::{EndpointId, ProjectId, TypedId as _};

    use super::*;
    use crate::slots::{Slots, Taker};

    #[test]
    fn a_slot_is_free_before_the_record_but_not_for_any_number_of_them() {
        let slots = Slots::new(100, |_, _| {});
        let taker = Taker {
            project_id: ProjectId::from_bytes([1; 16]),
            endpoint_id: EndpointId::from_bytes([1; 16]),
            at_once: 1,
        };
        let unrecorded = Unrecorded::new(2);
        let mut waiting = Vec::new();
        for _ in 0..2 {
            waiting.push(unrecorded.admit(slots.take_one(taker).expect("a free slot")));
        }
        waiting.push(unrecorded.admit(slots.take_one(taker).expect("a free slot")));
        assert!(slots.take_one(taker).is_none(), "the third keeps its own");
        waiting.remove(0);
        assert!(slots.take_one(taker).is_none(), "until it is recorded itself");
        waiting.pop();
        assert!(slots.take_one(taker).is_some());
    }
}
