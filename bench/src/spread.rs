//! Two hundred endpoints, each for an event type of its own; one in twenty hangs, and another one in twenty
//! fails.

use crate::receiver::{Manner, Receiver};
use crate::subject::Subscriber;

/// How many there are. The load has an event for each in turn.
const ENDPOINTS: u32 = 200;
/// One in so many hangs, and one in so many fails. They lie apart from one another, so that the healthy ones'
/// load is even.
const ONE_IN: u32 = 20;

/// The type of the event at this place of the load, from 0.
pub(crate) fn event_type(place: u32) -> String {
    format!("load.e{:03}", place % ENDPOINTS)
}

/// What becomes of the event at this place where some misbehave: everything but [`Manner::Prompt`] is a bad
/// endpoint's.
pub(crate) fn manner(place: u32) -> Manner {
    const HALF: u32 = ONE_IN / 2;
    match place % ONE_IN {
        0 => Manner::Hanging,
        HALF => Manner::Failing,
        _ => Manner::Prompt,
    }
}

/// The endpoints. If they are not to misbehave, the bad ones answer at once like the others, but their events
/// are not measured either.
pub(crate) fn subscribers(receiver: &Receiver, misbehaving: bool) -> Vec<Subscriber> {
    let received = |place| match manner(place) {
        Manner::Hanging | Manner::Failing if !misbehaving => Manner::Unnoted,
        manner => manner,
    };
    let subscriber = |place| {
        let event_type = event_type(place);
        Subscriber { name: event_type.clone(), url: receiver.url(received(place)), event_type, paused: false }
    };
    (0..ENDPOINTS).map(subscriber).collect()
}

#[cfg(test)]
mod tests {
    use super::{ENDPOINTS, event_type, manner};
    use crate::receiver::Manner;

    #[test]
    fn ten_hang_and_ten_fail_of_two_hundred_types() {
        let count = |wanted| (0..ENDPOINTS).filter(|place| manner(*place) == wanted).count();
        assert_eq!([Manner::Hanging, Manner::Failing, Manner::Prompt].map(count), [10, 10, 180]);
        let types: std::collections::HashSet<String> = (0..3 * ENDPOINTS).map(event_type).collect();
        assert_eq!(types.len(), 200);
        assert_eq!(manner(ENDPOINTS), manner(0), "a type keeps its manner");
    }
}
