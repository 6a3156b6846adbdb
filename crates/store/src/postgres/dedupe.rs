//! Whether what arrives is new: by its `webhook_id` on its source, among all that was, and among the batch
//! itself.
//!
//! Whoever inserts an id that another transaction is just inserting waits for the end of that one. So it is
//! known for a duplicate only after the first is durable.

use std::collections::HashMap;

use ringback_domain::{Disposition, EventId, TypedId};

use super::columns::{self, Key, get, key};
use super::connections::Connection;
use super::failure::Failure;
use crate::append::Arrival;

/// Takes ids that are new; says whose. In one sequence everywhere, so that no two batches wait for one
/// another.
pub(super) const INSERT: &str = "\
    INSERT INTO webhook_ids (source_id, webhook_id, project_id, event_id, payload_sha256, first_seen_at) \
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::uuid[], $5::bytea[], $6::int8[]) \
        AS n (source_id, webhook_id, project_id, event_id, payload_sha256, first_seen_at) \
    ORDER BY n.source_id, n.webhook_id COLLATE \"C\" \
    ON CONFLICT (source_id, webhook_id) DO NOTHING RETURNING event_id";

/// The events that repeated ids stand for.
pub(super) const FIRST_SEEN: &str = "\
    SELECT w.source_id, w.webhook_id, w.event_id, w.payload_sha256 \
    FROM unnest($1::uuid[], $2::text[]) AS n (source_id, webhook_id) \
    JOIN webhook_ids AS w ON w.source_id = n.source_id AND w.webhook_id = n.webhook_id COLLATE \"C\"";

/// What an arrival is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Novelty {
    /// The first of its id.
    New,
    /// A repetition of this event, with the same content or another.
    Repeats(EventId, Disposition),
}

/// The event that an id stands for.
#[derive(Clone, Copy)]
struct First {
    event_id: EventId,
    payload_sha256: [u8; 32],
}

type Id = (Key, String);
type Firsts = HashMap<Id, First>;

/// What the arrivals of a batch are: those that come alone, and those that come in groups of which all are
/// taken or none.
pub(super) struct Judged {
    /// One for each that came alone.
    pub(super) single: Vec<Novelty>,
    /// For each group one for each of its arrivals, or the index of the first whose id stands for another
    /// event.
    pub(super) groups: Vec<Result<Vec<Novelty>, usize>>,
}

/// Judges a batch, and takes the ids that are new. Those that come alone are looked at first: all of them
/// came at the same time.
pub(super) async fn judge(
    tx: &Connection,
    single: &[&Arrival],
    groups: &[&[Arrival]],
) -> Result<Judged, Failure> {
    let mut firsts = Firsts::new();
    // The first one of each id, to be inserted.
    let mut candidates: HashMap<Id, usize> = HashMap::new();
    for (index, arrival) in single.iter().enumerate() {
        candidates.entry(id(arrival)).or_insert(index);
    }
    let wanted: Vec<&Arrival> = candidates.values().map(|index| single[*index]).collect();
    let taken = take(tx, &wanted).await?;
    candidates.retain(|_, index| taken.contains(&key(single[*index].event.id)));
    firsts.extend(candidates.iter().map(|(id, index)| (id.clone(), first(single[*index]))));

    let of_groups = groups.iter().flat_map(|group| group.iter());
    let unknown = single.iter().copied().chain(of_groups).map(id).filter(|id| !firsts.contains_key(id));
    let unknown: Vec<Id> = unknown.collect();
    let known = first_seen(tx, unknown).await?;
    firsts.extend(known);

    let is_new = |index: usize, arrival: &Arrival| candidates.get(&id(arrival)) == Some(&index);
    let judge_one = |(index, arrival): (usize, &&Arrival)| {
        if is_new(index, arrival) {
            return Ok::<_, Failure>(Novelty::New);
        }
        // Pruned since it was in the way: from the beginning, then.
        let first = firsts.get(&id(arrival)).ok_or(Failure::Again)?;
        Ok(repeats(first, arrival))
    };
    let single = single.iter().enumerate().map(judge_one).collect::<Result<Vec<_>, _>>()?;
    let (groups, new): (Vec<_>, Vec<_>) = groups.iter().map(|group| judge_group(group, &mut firsts)).unzip();
    let new: Vec<&Arrival> = new.into_iter().flatten().collect();
    if take(tx, &new).await?.len() < new.len() {
        // Somebody took one of them since it was looked for.
        return Err(Failure::Again);
    }
    Ok(Judged { single, groups })
}

fn id(arrival: &Arrival) -> Id {
    (key(arrival.source_id), arrival.event.webhook_id.clone())
}

fn first(arrival: &Arrival) -> First {
    First { event_id: arrival.event.id, payload_sha256: arrival.event.payload_sha256 }
}

fn repeats(first: &First, arrival: &Arrival) -> Novelty {
    let same = first.payload_sha256 == arrival.event.payload_sha256;
    let disposition = if same { Disposition::Duplicate } else { Disposition::PayloadDiffers };
    Novelty::Repeats(first.event_id, disposition)
}

/// A group as a whole, and which of it are new.
fn judge_group<'a>(
    group: &'a [Arrival],
    firsts: &mut Firsts,
) -> (Result<Vec<Novelty>, usize>, Vec<&'a Arrival>) {
    let (mut own, mut judged, mut new) = (Firsts::new(), Vec::with_capacity(group.len()), Vec::new());
    for (index, arrival) in group.iter().enumerate() {
        let id = id(arrival);
        match own.get(&id).or_else(|| firsts.get(&id)).map(|first| repeats(first, arrival)) {
            Some(Novelty::Repeats(_, Disposition::PayloadDiffers)) => return (Err(index), Vec::new()),
            Some(repetition) => judged.push(repetition),
            None => {
                own.insert(id, first(arrival));
                new.push(arrival);
                judged.push(Novelty::New);
            }
        }
    }
    firsts.extend(own);
    (Ok(judged), new)
}

/// The events of those whose ids were not taken yet, and are now.
async fn take(tx: &Connection, arrivals: &[&Arrival]) -> Result<Vec<Key>, Failure> {
    if arrivals.is_empty() {
        return Ok(Vec::new());
    }
    let ids = |of: fn(&Arrival) -> [u8; 16]| -> Vec<Key> {
        arrivals.iter().map(|arrival| Key(of(arrival))).collect()
    };
    let sources = ids(|arrival| arrival.source_id.to_bytes());
    let projects = ids(|arrival| arrival.project_id.to_bytes());
    let events = ids(|arrival| arrival.event.id.to_bytes());
    let webhook_ids: Vec<&str> = arrivals.iter().map(|arrival| arrival.event.webhook_id.as_str()).collect();
    let hashes: Vec<&[u8]> = arrivals.iter().map(|arrival| arrival.event.payload_sha256.as_slice()).collect();
    let times: Vec<i64> = arrivals.iter().map(|arrival| arrival.received_at.as_unix_ms()).collect();
    let rows = tx.query(INSERT, &[&sources, &webhook_ids, &projects, &events, &hashes, &times]).await?;
    rows.iter().map(|row| get(row, 0)).collect()
}

async fn first_seen(tx: &Connection, ids: Vec<Id>) -> Result<Firsts, Failure> {
    let (sources, webhook_ids): (Vec<Key>, Vec<String>) = ids.into_iter().unzip();
    if sources.is_empty() {
        return Ok(Firsts::new());
    }
    let rows = tx.query(FIRST_SEEN, &[&sources, &webhook_ids]).await?;
    rows.iter()
        .map(|row| {
            let first = First { event_id: columns::id(row, 2)?, payload_sha256: columns::array(row, 3)? };
            Ok(((get(row, 0)?, get(row, 1)?), first))
        })
        .collect()
}
