//! Receipts: of calls that were taken in, of calls that were refused, and of those that were admitted
//! afterwards.

use bytes::Bytes;
use ringback_domain::{Disposition, KeptCall, ReceiptId, SourceId};
use ringback_store::receipts::MAX_HELD_CALLS;
use ringback_store::{
    Arrival, NewReceipt, Order, PageRequest, ReceiptFilter, Refusal, RefusalCount, StoreError,
};

use super::{World, assert_err, at};

const REFUSED: ReceiptFilter = ReceiptFilter { source_id: None, refused_only: true };
const ALL: ReceiptFilter = ReceiptFilter { source_id: None, refused_only: false };

fn refusal(world: &World, source_id: SourceId, held: bool) -> Refusal {
    Refusal {
        receipt_id: world.id(),
        project_id: world.project,
        source_id,
        received_at: at(1),
        reason: if held { "source_unconfigured" } else { "timestamp_too_old" }.to_owned(),
        held,
        webhook_id: Some("wh_1".to_owned()),
        secret_id: None,
        call: KeptCall {
            headers: Bytes::from_static(b"webhook-id: wh_1\n"),
            body: Bytes::from_static(b"\0\xff"),
            body_bytes: 7,
        },
    }
}

fn count(source_id: SourceId, reason: &str, count: u64) -> RefusalCount {
    RefusalCount { source_id, reason: reason.to_owned(), count }
}

/// A call that admits a refused one.
fn admission(world: &World, source_id: SourceId, webhook_id: &str, receipt_id: ReceiptId) -> Arrival {
    let receipt = NewReceipt { id: receipt_id, admitted: true, secret_id: world.id() };
    Arrival { receipt: Some(receipt), ..world.call(source_id, webhook_id).at(at(9)).arrival() }
}

async fn listed(world: &World, filter: ReceiptFilter) -> Vec<(ReceiptId, Disposition)> {
    let page = PageRequest { limit: 100, order: Order::Asc, ..PageRequest::default() };
    let page = world.store.list_receipts(world.project, filter, page).await.unwrap();
    page.items.into_iter().map(|receipt| (receipt.id, receipt.disposition)).collect()
}

pub(crate) async fn a_call_that_was_taken_in_leaves_its_receipt(world: World) {
    let source = world.source().await;
    let arrival = world.call(source, "wh_1").at(at(3)).arrival();
    let NewReceipt { id, secret_id, .. } = arrival.receipt.unwrap();
    let appended = world.store.append(arrival).await.unwrap();
    world.call(source, "wh_1").body("other").append().await;
    let detail = world.store.receipt(world.project, id).await.unwrap();
    assert_eq!(detail.call, None);
    let receipt = detail.receipt;
    assert_eq!((receipt.source_id, receipt.received_at), (source, at(3)));
    assert_eq!((receipt.event_id, receipt.secret_id), (Some(appended.event_id), Some(secret_id)));
    assert_eq!(
        (receipt.webhook_id.as_deref(), receipt.reason, receipt.admitted_at),
        (Some("wh_1"), None, None)
    );
    let dispositions: Vec<_> = listed(&world, ALL).await.into_iter().map(|(_, d)| d).collect();
    assert_eq!(dispositions.len(), 2);
    assert!(
        dispositions.contains(&Disposition::Accepted) && dispositions.contains(&Disposition::PayloadDiffers)
    );
    assert_eq!(listed(&world, REFUSED).await, []);
}

pub(crate) async fn a_refused_call_is_kept_as_it_came(world: World) {
    let source = world.source().await;
    let refusal = refusal(&world, source, false);
    world.store.record_refusals(vec![refusal.clone()], vec![]).await.unwrap();
    let world = world.restart().await;
    let detail = world.store.receipt(world.project, refusal.receipt_id).await.unwrap();
    assert_eq!(detail.call, Some(refusal.call));
    assert_eq!(detail.receipt.disposition, Disposition::Rejected);
    assert_eq!(detail.receipt.reason.as_deref(), Some("timestamp_too_old"));
    assert_eq!((detail.receipt.event_id, detail.receipt.secret_id), (None, None));
}

pub(crate) async fn refusals_are_counted_by_source_and_reason(world: World) {
    let (a, b) = (world.source().await, world.source().await);
    world.store.record_refusals(vec![], vec![count(a, "x", 2), count(b, "x", 1)]).await.unwrap();
    world.store.record_refusals(vec![], vec![count(a, "x", 3), count(a, "y", 1)]).await.unwrap();
    let world = world.restart().await;
    let counts = world.store.refusal_counts(world.project).await.unwrap();
    assert_eq!(counts, [count(a, "x", 5), count(a, "y", 1), count(b, "x", 1)]);
}

pub(crate) async fn an_admission_completes_the_receipt_and_lets_go_of_the_call(world: World) {
    let source = world.source().await;
    let refusal = refusal(&world, source, false);
    let id = refusal.receipt_id;
    world.store.record_refusals(vec![refusal], vec![]).await.unwrap();
    let appended = world.store.append(admission(&world, source, "wh_1", id)).await.unwrap();
    let detail = world.store.receipt(world.project, id).await.unwrap();
    assert_eq!(detail.call, None);
    assert_eq!(detail.receipt.disposition, Disposition::Accepted);
    assert_eq!(detail.receipt.event_id, Some(appended.event_id));
    assert_eq!((detail.receipt.received_at, detail.receipt.admitted_at), (at(1), Some(at(9))));
    assert_eq!(detail.receipt.reason.as_deref(), Some("timestamp_too_old"), "why it was refused stays known");
    assert_eq!(listed(&world, ALL).await.len(), 1, "it is the receipt it was");
    assert_eq!(listed(&world, REFUSED).await, []);
}

pub(crate) async fn an_admission_of_what_is_known_is_a_duplicate(world: World) {
    let source = world.source().await;
    let first = world.call(source, "wh_1").append().await;
    let refusal = refusal(&world, source, false);
    let id = refusal.receipt_id;
    world.store.record_refusals(vec![refusal], vec![]).await.unwrap();
    for _ in 0..2 {
        let again = world.store.append(admission(&world, source, "wh_1", id)).await.unwrap();
        assert_eq!((again.disposition, again.event_id), (Disposition::Duplicate, first.event_id));
    }
    assert_eq!(world.list(ringback_store::EventFilter::default()).await, [first.event_id]);
    let receipt = world.store.receipt(world.project, id).await.unwrap().receipt;
    assert_eq!((receipt.disposition, receipt.event_id), (Disposition::Duplicate, Some(first.event_id)));
}

pub(crate) async fn held_calls_are_bounded_and_read_in_order(world: World) {
    let (full, other) = (world.source().await, world.source().await);
    let held: Vec<Refusal> = (0..MAX_HELD_CALLS + 5).map(|_| refusal(&world, full, true)).collect();
    let expected: Vec<ReceiptId> =
        held.iter().take(MAX_HELD_CALLS).map(|refusal| refusal.receipt_id).collect();
    world.store.record_refusals(held, vec![]).await.unwrap();
    // Another source has room of its own, and a rejection needs none.
    let others = vec![refusal(&world, other, true), refusal(&world, full, false)];
    world.store.record_refusals(others, vec![]).await.unwrap();
    let mut read = Vec::new();
    loop {
        let step = world.store.held_calls(full, read.last().copied(), 300).await.unwrap();
        assert!(step.iter().all(|detail| detail.call.is_some()));
        read.extend(step.iter().map(|detail| detail.receipt.id));
        if step.len() < 300 {
            break;
        }
    }
    assert_eq!(read, expected);
    assert_eq!(world.store.held_calls(other, None, 10).await.unwrap().len(), 1);
}

pub(crate) async fn receipts_are_filtered_and_paged(world: World) {
    let (a, b) = (world.source().await, world.source().await);
    let mut refused = Vec::new();
    for source in [a, b, a] {
        let refusal = refusal(&world, source, false);
        refused.push((refusal.receipt_id, Disposition::Rejected));
        world.store.record_refusals(vec![refusal], vec![]).await.unwrap();
        world.call(source, &format!("wh_{}", refused.len())).append().await;
    }
    assert_eq!(listed(&world, ALL).await.len(), 6);
    assert_eq!(listed(&world, REFUSED).await, refused);
    let of_b = ReceiptFilter { source_id: Some(b), ..REFUSED };
    assert_eq!(listed(&world, of_b).await, refused[1..2]);
    let page = PageRequest { after: Some(refused[2].0), limit: 1, order: Order::Desc };
    let page = world.store.list_receipts(world.project, REFUSED, page).await.unwrap();
    assert_eq!((page.items[0].id, page.has_more), (refused[1].0, true));
    let unknown = world.id();
    assert_err!(world.store.receipt(world.project, unknown).await, StoreError::NotFound { .. });
}
