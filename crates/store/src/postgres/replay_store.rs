//! The store's part that replays are.

use std::sync::Arc;

use async_trait::async_trait;
use ringback_domain::{ProjectId, Replay, ReplayId, ReplayQuery, ReplayState, Timestamp};
use tokio::time::timeout;

use super::PostgresStore;
use super::connections::BOUND;
use super::failure::Failure;
use super::replay_plan::Plan;
use super::replays;
use crate::config::{Config, ProjectConfig};
use crate::error::StoreError;
use crate::page::{Page, PageRequest};
use crate::replays::{Advanced, NewReplay, ReplayDetail, ReplayPreview, ReplayStore};
use crate::rows::replay::{EVENTS_PER_STEP, check_names};

#[async_trait]
impl ReplayStore for PostgresStore {
    async fn preview_replay(
        &self,
        project_id: ProjectId,
        query: ReplayQuery,
        to_target: bool,
    ) -> Result<ReplayPreview, StoreError> {
        let project = self.project(project_id)?;
        check_names(&project, &query)?;
        // One after the other: a count reads much, and all reads share a few connections.
        let permit = timeout(BOUND, self.counting.acquire()).await.map_err(|_| StoreError::Overloaded)?;
        let _permit = permit.map_err(|_| StoreError::Closed)?;
        self.read(replays::preview(&self.connections, &project, &query, to_target).await)
    }

    async fn create_replay(&self, new: NewReplay) -> Result<Replay, StoreError> {
        let preview = self.preview_replay(new.project_id, new.query.clone(), new.target.is_some()).await?;
        let created = async {
            let change = self.snapshot.change().await?;
            let (replay, target) = replays::create(&change, &self.keyring, &new, preview).await?;
            let publish = |config: &mut Config| {
                if let Some(target) = &target {
                    config.put_endpoint(&target.endpoint, target.generation);
                }
            };
            change.commit(publish).await?;
            Ok(replay)
        };
        self.written(created.await)
    }

    async fn list_replays(
        &self,
        project_id: ProjectId,
        page: PageRequest<ReplayId>,
    ) -> Result<Page<Replay>, StoreError> {
        let listed = async { replays::list(&self.connections.get().await?, project_id, page).await };
        self.read(listed.await)
    }

    async fn replay(&self, project_id: ProjectId, id: ReplayId) -> Result<ReplayDetail, StoreError> {
        self.read(replays::detail(&self.connections, project_id, id).await)
    }

    async fn cancel_replay(
        &self,
        project_id: ProjectId,
        id: ReplayId,
        now: Timestamp,
    ) -> Result<Replay, StoreError> {
        let cancelled = async {
            let tx = self.connections.write().await?;
            let replay = replays::cancel(&tx, project_id, id, now).await?;
            tx.commit().await?;
            Ok(replay)
        };
        self.written(cancelled.await)
    }

    async fn replays_at_work(&self) -> Result<Vec<Replay>, StoreError> {
        let found = async { replays::at_work(&self.connections.get().await?, self.leases.node).await };
        self.read(found.await)
    }

    async fn advance_replay(
        &self,
        id: ReplayId,
        limit: usize,
        now: Timestamp,
    ) -> Result<Advanced, StoreError> {
        let advanced = self.written(self.advance(id, limit, now).await)?;
        self.tell_due(advanced.due.iter().copied());
        Ok(advanced)
    }

    async fn clear_replay(&self, id: ReplayId, limit: usize, now: Timestamp) -> Result<bool, StoreError> {
        self.written(self.clear(id, limit, now).await)
    }
}

impl PostgresStore {
    async fn advance(&self, id: ReplayId, limit: usize, now: Timestamp) -> Result<Advanced, Failure> {
        let connection = self.connections.get().await?;
        let found = replays::find(&connection, id, "").await?;
        let replay = found.ok_or(Failure::not_found("webhook replay"))?;
        if replay.state != ReplayState::Running {
            return Ok(Advanced { is_final: true, ..Advanced::default() });
        }
        if !replays::run(&connection, id, self.leases.node).await? {
            return Ok(Advanced::default());
        }
        let project = self.project(replay.project_id)?;
        let target = replay.target_endpoint_id;
        if let (Some(endpoint_id), None) = (replay.query.endpoint_id, target) {
            match project.endpoint(endpoint_id) {
                None => {
                    drop(connection);
                    let tx = self.connections.write().await?;
                    let ended = replays::end_without_endpoint(&tx, id, now).await?;
                    tx.commit().await?;
                    return Ok(ended);
                }
                // It waits until the endpoint is enabled again.
                Some(endpoint) if endpoint.disabled_at.is_some() => return Ok(Advanced::default()),
                Some(_) => {}
            }
        }
        let plan = Plan { project: &project, query: &replay.query, target, replay: Some(id) };
        let part = plan.part(&connection, replay.cursor, limit, EVENTS_PER_STEP).await?;
        // Given back before another one is taken.
        drop(connection);
        let tx = self.connections.write().await?;
        let advanced = replays::advance(&tx, &self.ids, id, replay.cursor, &part, now).await?;
        tx.commit().await?;
        Ok(advanced)
    }

    async fn clear(&self, id: ReplayId, limit: usize, now: Timestamp) -> Result<bool, Failure> {
        let found = replays::find(&self.connections.get().await?, id, "").await?;
        if found.is_some_and(|replay| replay.target_endpoint_id.is_none()) {
            let tx = self.connections.write().await?;
            let cleared = replays::clear(&tx, &self.keyring, id, limit, now).await?;
            tx.commit().await?;
            return Ok(cleared.nothing_left);
        }
        // It may end with an endpoint less.
        let change = self.snapshot.change().await?;
        let cleared = replays::clear(&change, &self.keyring, id, limit, now).await?;
        let publish = |config: &mut Config| {
            if let Some(target) = &cleared.deleted_target {
                config.remove_endpoint(&target.endpoint, target.generation);
            }
        };
        change.commit(publish).await?;
        Ok(cleared.nothing_left)
    }

    fn project(&self, id: ProjectId) -> Result<Arc<ProjectConfig>, StoreError> {
        self.snapshot.config().project(id).cloned().ok_or(StoreError::NotFound { noun: "project" })
    }
}
