//! A caller that goes away in the middle of its call.

use std::future::{self, Future};
use std::pin::pin;
use std::task::Poll;

use ringback_domain::EventState;
use ringback_testkit::{Receiver, World, until};

#[tokio::test]
async fn an_event_whose_caller_went_away_is_delivered_all_the_same() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    world.endpoint(&receiver.url(), &["*"]).await;

    {
        let mut dispatching = pin!(world.dispatcher().dispatch(world.event("wh_1", "batch.completed", "{}")));
        let begun = future::poll_fn(|cx| Poll::Ready(dispatching.as_mut().poll(cx))).await;
        assert!(begun.is_pending(), "nothing is durable yet, and the caller goes away");
    }

    assert_eq!(receiver.next().await.webhook_id(), "wh_1");
    let state = until("its delivery to be recorded", || async {
        let state = world.events().await.first().map(|event| event.state);
        state.filter(|state| *state != EventState::Pending)
    });
    assert_eq!(state.await, EventState::Delivered);
}
