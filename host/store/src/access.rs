//! Tokens and paired devices: the port `AccessStore`.
//!
//! Only hashes of tokens are here. They are found by an index: its timing can tell
//! a guesser at most about the SHA-256 of a guess, which is of no use. Of a revoked
//! token the hash alone stays, so that it never counts again; who revoked it stands in
//! the audit log.

use crate::error::{Doing, Result};
use crate::json::Json;
use crate::store::Store;
use async_trait::async_trait;
use rusqlite::{Connection, Row, ToSql, params};
use skynet_core::StoreError;
use skynet_core::access::{AccessStore, DeviceRow, TokenHash, TokenRow};

impl Store {
    /// Whether a token with this hash was ended.
    pub async fn is_ended(&self, hash: &TokenHash) -> std::result::Result<bool, StoreError> {
        let (hash, doing) = (*hash, "looking for an ended token");
        let sql = "SELECT EXISTS (SELECT 1 FROM ended_tokens WHERE hash = ?1)";
        self.read(move |db| db.query_row(sql, params![hash], |row| row.get(0)).doing(doing)).await
    }
}

#[async_trait]
impl AccessStore for Store {
    async fn create_token(&self, name: &str, scopes: Vec<String>, hash: TokenHash) -> std::result::Result<bool, StoreError> {
        let (name, now) = (name.to_owned(), self.now());
        let sql = "INSERT INTO tokens (name, hash, scopes, created_ms) SELECT ?1, ?2, ?3, ?4 \
            WHERE NOT EXISTS (SELECT 1 FROM ended_tokens WHERE hash = ?2) ON CONFLICT DO NOTHING";
        self.write(move |db| Ok(run(db, sql, params![name, hash, Json(scopes), now])? > 0)).await
    }

    async fn list_tokens(&self) -> std::result::Result<Vec<TokenRow>, StoreError> {
        self.read(|db| list(db, "SELECT * FROM tokens ORDER BY name", params![], token)).await
    }

    async fn revoke_token(&self, name: &str) -> std::result::Result<bool, StoreError> {
        let (name, now) = (name.to_owned(), self.now());
        let ended = "INSERT INTO ended_tokens (hash, ended_ms) SELECT hash, ?2 FROM tokens WHERE name = ?1 ON CONFLICT DO NOTHING";
        self.write(move |db| {
            run(db, ended, params![name, now])?;
            Ok(run(db, "DELETE FROM tokens WHERE name = ?1", params![name])? > 0)
        })
        .await
    }

    async fn find_token(&self, hash: &TokenHash) -> std::result::Result<Option<TokenRow>, StoreError> {
        let hash = *hash;
        self.read(move |db| Ok(list(db, "SELECT * FROM tokens WHERE hash = ?1", params![hash], token)?.pop())).await
    }

    async fn upsert_device(&self, device: DeviceRow) -> std::result::Result<(), StoreError> {
        self.write(move |db| upsert(db, &device)).await
    }

    async fn device(&self, id: &str) -> std::result::Result<Option<DeviceRow>, StoreError> {
        let id = id.to_owned();
        self.read(move |db| Ok(list(db, "SELECT * FROM devices WHERE id = ?1", params![id], device)?.pop())).await
    }

    async fn devices(&self) -> std::result::Result<Vec<DeviceRow>, StoreError> {
        self.read(|db| list(db, "SELECT * FROM devices ORDER BY id", params![], device)).await
    }

    async fn remove_device(&self, id: &str) -> std::result::Result<bool, StoreError> {
        let id = id.to_owned();
        self.write(move |db| Ok(run(db, "DELETE FROM devices WHERE id = ?1", params![id])? > 0)).await
    }
}

fn upsert(db: &Connection, device: &DeviceRow) -> Result<()> {
    let sql = "INSERT INTO devices (id, public_key, role, scopes, platform, device_family, display_name, client_id, client_mode,
            token, created_ms, approved_ms)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
        ON CONFLICT (id) DO UPDATE SET public_key = ?2, role = ?3, scopes = ?4, platform = ?5, device_family = ?6, display_name = ?7,
            client_id = ?8, client_mode = ?9, token = ?10, approved_ms = ?12";
    let d = device;
    let values = params![
        d.id,
        d.public_key,
        d.role,
        Json(&d.scopes),
        d.platform,
        d.device_family,
        d.display_name,
        d.client_id,
        d.client_mode,
        d.token,
        d.created_ms,
        d.approved_ms
    ];
    run(db, sql, values)?;
    Ok(())
}

fn token(row: &Row<'_>) -> rusqlite::Result<TokenRow> {
    Ok(TokenRow { name: row.get("name")?, scopes: row.get::<_, Json<_>>("scopes")?.0, created_ms: row.get("created_ms")? })
}

fn device(row: &Row<'_>) -> rusqlite::Result<DeviceRow> {
    Ok(DeviceRow {
        id: row.get("id")?,
        public_key: row.get("public_key")?,
        role: row.get("role")?,
        scopes: row.get::<_, Json<_>>("scopes")?.0,
        platform: row.get("platform")?,
        device_family: row.get("device_family")?,
        display_name: row.get("display_name")?,
        client_id: row.get("client_id")?,
        client_mode: row.get("client_mode")?,
        token: row.get("token")?,
        created_ms: row.get("created_ms")?,
        approved_ms: row.get("approved_ms")?,
    })
}

fn list<T>(db: &Connection, sql: &str, values: &[&dyn ToSql], read: fn(&Row<'_>) -> rusqlite::Result<T>) -> Result<Vec<T>> {
    let doing = "reading tokens or devices";
    let mut query = db.prepare_cached(sql).doing(doing)?;
    query.query_map(values, read).doing(doing)?.collect::<rusqlite::Result<_>>().doing(doing)
}

fn run(db: &Connection, sql: &str, values: &[&dyn ToSql]) -> Result<usize> {
    let doing = "writing tokens or devices";
    db.prepare_cached(sql).doing(doing)?.execute(values).doing(doing)
}
