//! One batch: whatever waited, in one transaction of few round trips, however much it is.

use std::collections::HashSet;

use futures_util::future::try_join_all;

use ringback_domain::{EndpointId, IdMaker};

use super::append::{NewRows, Taken};
use super::claim::{self, ClaimedRow, Wanted};
use super::connections::Connection;
use super::dedupe::{self, Novelty};
use super::failure::Failure;
use super::finish::{Ended, Finishing};
use super::leases::Leases;
use super::mislaid::Held;
use super::order::Ends;
use super::routing::Routes;
use super::{finish, locks, receipts, routing};
use crate::append::{Appended, Arrival};
use crate::error::StoreError;
use crate::work::Finish;

/// Something to be written with others.
#[derive(Debug)]
pub(super) enum Work {
    /// One event.
    Append(Box<Arrival>),
    /// Several events, all of them or none.
    AppendAll(Vec<Arrival>),
    /// The end of an attempt that says nothing about its endpoint.
    Finish(Box<Finish>),
    /// What is due at an endpoint that all nodes share.
    Claim(Wanted),
}

/// What became of it.
#[derive(Debug)]
pub(super) enum Outcome {
    Appended(Vec<Appended>),
    Finished(Ended),
    Claimed(Vec<ClaimedRow>),
}

/// Writes all of it; the caller commits. An error of one is an error of all, unless it is an answer. No two
/// finishes are of one delivery.
pub(super) async fn run(
    tx: &Connection,
    ids: &IdMaker,
    leases: Leases,
    works: &[&Work],
) -> Result<Vec<Result<Outcome, StoreError>>, Failure> {
    let arrivals: Vec<&Arrival> = works.iter().flat_map(|work| work.arrivals()).collect();
    // Before any of them is sent: one that is prepared in between is sent behind those that follow it, and
    // routes are locked before rows.
    tx.prepare(&routing::STATEMENTS).await?;
    tx.prepare(&finish::STATEMENTS).await?;
    let (routes, mut finishing) = tokio::try_join!(
        biased;
        Routes::read(tx, &arrivals),
        Finishing::find(tx, finishes(works))
    )?;
    let judged = judge(tx, works).await?;
    let taken = take(works, judged, &routes, ids)?;

    let mut ends = Ends::default();
    let new_orders = orders(&taken);
    let ended_orders = finishing.orders();
    if !new_orders.is_empty() || !ended_orders.is_empty() {
        locks::take_orders(tx, &[new_orders.as_slice(), &ended_orders].concat()).await?;
        finishing.lock_ordered(tx).await?;
        ends = Ends::of(tx, &new_orders).await?;
    }

    let mut rows = NewRows::default();
    let appended = add(&taken, &mut rows, &mut ends);
    let receipts = receipts_of(&taken, &appended);
    tokio::try_join!(biased; rows.insert(tx, leases), receipts::write(tx, &receipts), finishing.write(tx))?;
    let mut finished = finishing.release(tx).await?.into_iter();
    let mut appended = appended.into_iter();
    // Last, and briefly: what is claimed stays locked until the commit.
    let mut claimed = claim(tx, leases, works).await?.into_iter();
    Ok(works.iter().map(|work| outcome(work, &mut appended, &mut finished, &mut claimed)).collect())
}

impl Work {
    /// The events it brings.
    pub(super) fn arrivals(&self) -> &[Arrival] {
        match self {
            Self::Append(arrival) => std::slice::from_ref(arrival),
            Self::AppendAll(arrivals) => arrivals,
            Self::Finish(_) | Self::Claim(_) => &[],
        }
    }

    /// The leases that this node holds once the commit that produced `outcome` succeeds.
    pub(super) fn held(&self, outcome: &Result<Outcome, StoreError>) -> Vec<Held> {
        match outcome {
            Ok(Outcome::Appended(appended)) => {
                let each = self.arrivals().iter().zip(appended);
                each.flat_map(|(arrival, appended)| Held::born(arrival, appended)).collect()
            }
            Ok(Outcome::Claimed(rows)) => rows.iter().map(ClaimedRow::held).collect(),
            Ok(Outcome::Finished(_)) | Err(_) => Vec::new(),
        }
    }
}

/// Of each append, in their sequence, what its arrivals are; or which of them stands for another event.
async fn judge(tx: &Connection, works: &[&Work]) -> Result<Vec<Result<Vec<Novelty>, usize>>, Failure> {
    let (mut single, mut groups): (Vec<&Arrival>, Vec<&[Arrival]>) = (Vec::new(), Vec::new());
    for work in works {
        match work {
            Work::Append(arrival) => single.push(arrival),
            Work::AppendAll(arrivals) => groups.push(arrivals),
            Work::Finish(_) | Work::Claim(_) => {}
        }
    }
    let judged = dedupe::judge(tx, &single, &groups).await?;
    let (mut single, mut groups) = (judged.single.into_iter(), judged.groups.into_iter());
    let of_work = |work: &&Work| match work {
        Work::Append(_) => single.next().map(|novelty| Ok(vec![novelty])),
        Work::AppendAll(_) => groups.next(),
        Work::Finish(_) | Work::Claim(_) => None,
    };
    Ok(works.iter().filter_map(of_work).collect())
}

type TakenGroups<'a> = Vec<Result<Vec<Taken<'a>>, usize>>;

/// Plans the deliveries of what is new.
fn take<'a>(
    works: &[&'a Work],
    judged: Vec<Result<Vec<Novelty>, usize>>,
    routes: &Routes,
    ids: &IdMaker,
) -> Result<TakenGroups<'a>, Failure> {
    let appends = works.iter().filter(|work| matches!(work, Work::Append(_) | Work::AppendAll(_)));
    let group = |(work, judged): (&&'a Work, Result<Vec<Novelty>, usize>)| match judged {
        Ok(novelties) => {
            let each = work.arrivals().iter().zip(novelties);
            each.map(|(arrival, novelty)| Taken::new(arrival, novelty, routes, ids))
                .collect::<Result<Vec<_>, _>>()
                .map(Ok)
        }
        Err(index) => Ok(Err(index)),
    };
    appends.zip(judged).map(group).collect()
}

/// The orders that new deliveries are added to.
fn orders<'a>(taken: &'a TakenGroups<'_>) -> Vec<(EndpointId, &'a str)> {
    let orders: HashSet<_> = taken.iter().flatten().flatten().flat_map(Taken::orders).collect();
    orders.into_iter().collect()
}

type AppendedGroups = Vec<Result<Vec<Appended>, usize>>;

/// Adds the rows of what is taken; says what becomes of each.
fn add<'a>(taken: &'a TakenGroups<'_>, rows: &mut NewRows<'a>, ends: &mut Ends) -> AppendedGroups {
    let mut add_group = |group: &'a Vec<Taken<'_>>| group.iter().map(|taken| rows.add(taken, ends)).collect();
    taken.iter().map(|group| group.as_ref().map(&mut add_group).map_err(|index| *index)).collect()
}

/// What of a batch may have a receipt.
fn receipts_of<'a>(
    taken: &'a TakenGroups<'_>,
    appended: &'a AppendedGroups,
) -> Vec<(&'a Arrival, &'a Appended)> {
    let arrivals = taken.iter().flatten().flatten().map(|taken| taken.arrival);
    arrivals.zip(appended.iter().flatten().flatten()).collect()
}

/// The rows of each claim, in their sequence.
async fn claim(tx: &Connection, leases: Leases, works: &[&Work]) -> Result<Vec<Vec<ClaimedRow>>, Failure> {
    let of_work = |work: &&Work| if let Work::Claim(wanted) = work { Some(*wanted) } else { None };
    try_join_all(works.iter().filter_map(of_work).map(|wanted| claim::claim(tx, leases, wanted))).await
}

fn finishes<'a>(works: &[&'a Work]) -> Vec<&'a Finish> {
    works.iter().filter_map(|work| if let Work::Finish(f) = work { Some(&**f) } else { None }).collect()
}

fn outcome(
    work: &Work,
    appended: &mut impl Iterator<Item = Result<Vec<Appended>, usize>>,
    finished: &mut impl Iterator<Item = Ended>,
    claimed: &mut impl Iterator<Item = Vec<ClaimedRow>>,
) -> Result<Outcome, StoreError> {
    let taken = match work {
        Work::Finish(_) => finished.next().map(|finished| Ok(Outcome::Finished(finished))),
        Work::Claim(_) => claimed.next().map(|claimed| Ok(Outcome::Claimed(claimed))),
        Work::Append(_) | Work::AppendAll(_) => appended.next().map(|group| match group {
            Ok(appended) => Ok(Outcome::Appended(appended)),
            Err(index) => Err(StoreError::WebhookIdTaken { index }),
        }),
    };
    taken.unwrap_or(Err(StoreError::Closed))
}
