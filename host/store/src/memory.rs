//! The port `Memory`, each method one write or one read.
//!
//! Owns only the way to the threads; what is done there is in `sessions`,
//! `history` and `turns`.

use crate::store::Store;
use crate::{history, sessions, turns};
use async_trait::async_trait;
use skynet_core::ports::{JournalStep, Lease, Memory, NewMessage, OpenTurn};
use skynet_core::session::{Session, SessionPatch, StoredMessage};
use skynet_core::{SessionKey, StoreError, TurnId};

#[async_trait]
impl Memory for Store {
    async fn sessions(&self, limit: usize) -> Result<Vec<Session>, StoreError> {
        self.read(move |db| sessions::list(db, limit)).await
    }

    async fn session(&self, key: &SessionKey) -> Result<Option<Session>, StoreError> {
        let key = key.clone();
        self.read(move |db| sessions::find(db, &key)).await
    }

    async fn open_session(&self, key: &SessionKey) -> Result<Session, StoreError> {
        if let Some(session) = self.session(key).await? {
            return Ok(session);
        }
        let (key, now) = (key.clone(), self.now());
        self.write(move |db| sessions::open(db, &key, now)).await
    }

    async fn patch_session(&self, key: &SessionKey, patch: SessionPatch) -> Result<Session, StoreError> {
        let (key, now) = (key.clone(), self.now());
        self.write(move |db| sessions::patch(db, &key, patch, now)).await
    }

    async fn reset_session(&self, key: &SessionKey) -> Result<Session, StoreError> {
        let (key, now) = (key.clone(), self.now());
        self.write(move |db| sessions::reset(db, &key, now)).await
    }

    async fn delete_session(&self, key: &SessionKey) -> Result<bool, StoreError> {
        let key = key.clone();
        let was_there = self.write(move |db| sessions::delete(db, &key)).await?;
        if was_there {
            self.wipe_log().await;
        }
        Ok(was_there)
    }

    async fn history(&self, key: &SessionKey, limit: usize) -> Result<Vec<StoredMessage>, StoreError> {
        let key = key.clone();
        self.read(move |db| history::newest(db, &key, limit)).await
    }

    async fn take_lease(&self, key: &SessionKey) -> Result<Lease, StoreError> {
        let (key, now) = (key.clone(), self.now());
        let epoch = self.write(move |db| sessions::take_lease(db, &key, now)).await?;
        Ok(Lease { epoch })
    }

    async fn append(
        &self,
        key: &SessionKey,
        lease: Lease,
        turn: &TurnId,
        messages: Vec<NewMessage>,
    ) -> Result<Vec<StoredMessage>, StoreError> {
        let (key, turn, now) = (key.clone(), turn.clone(), self.now());
        self.write(move |db| history::append(db, &key, lease, &turn, messages, now)).await
    }

    async fn journal(&self, key: &SessionKey, lease: Lease, turn: &TurnId, step: JournalStep) -> Result<(), StoreError> {
        let (key, turn, now) = (key.clone(), turn.clone(), self.now());
        self.write(move |db| turns::journal(db, &key, lease, &turn, &step, now)).await
    }

    async fn open_turns(&self) -> Result<Vec<OpenTurn>, StoreError> {
        self.read(turns::open_turns).await
    }
}
