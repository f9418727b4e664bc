//! The audit row that goes ahead of an act, and what corrects it.
//!
//! Who cannot record must not act, and nobody waits for the log without end. But a row that was asked for
//! cannot be taken back: it is written once the log answers. So where that came too late for the act, a second
//! row follows that says that nothing was done. Refuses to let an act begin without its row.

use crate::limits::STORE_DEADLINE;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use skynet_core::StoreError;
use skynet_core::ports::{Audit, AuditRow};
use std::sync::Arc;
use tokio::task::JoinHandle;

/// What the second row says.
const TOO_LATE: &str = "the audit log answered too late, so this was not done";

type Written = Result<(), StoreError>;

/// Writes the row; once this gives `Ok` it is on disk and the act may begin.
pub(crate) async fn record(audit: &Arc<dyn Audit>, row: AuditRow) -> Written {
    let (log, first) = (Arc::clone(audit), row.clone());
    in_time(audit, row, async move { log.record(first).await }.boxed(), tokio::time::sleep(STORE_DEADLINE)).await
}

/// Takes the row ahead of whatever is written next; see `Audit::enqueue`.
pub(crate) async fn enqueue(audit: &Arc<dyn Audit>, row: AuditRow) -> Written {
    let (log, first) = (Arc::clone(audit), row.clone());
    in_time(audit, row, async move { log.enqueue(first).await }.boxed(), tokio::time::sleep(STORE_DEADLINE)).await
}

async fn in_time(
    audit: &Arc<dyn Audit>,
    row: AuditRow,
    mut writing: BoxFuture<'static, Written>,
    late: impl Future<Output = ()>,
) -> Written {
    if let Some(written) = (&mut writing).now_or_never() {
        return written;
    }
    // A task of its own: it goes on where the wait for it does not.
    let mut writing = tokio::spawn(writing);
    tokio::select! {
        biased;
        written = &mut writing => written.unwrap_or_else(|error| Err(StoreError::Unavailable(format!("an audit row was lost: {error}")))),
        () = late => {
            tokio::spawn(correct(Arc::clone(audit), row, writing));
            Err(StoreError::Unavailable(format!("no answer within {} s", STORE_DEADLINE.as_secs())))
        }
    }
}

/// Waits for the log as long as it takes: until then there is nothing to correct.
async fn correct(audit: Arc<dyn Audit>, mut row: AuditRow, writing: JoinHandle<Written>) {
    if !matches!(writing.await, Ok(Ok(()))) {
        return;
    }
    row.verdict = "error".into();
    match row.detail.as_object_mut() {
        Some(detail) => drop(detail.insert("why".into(), Value::from(TOO_LATE))),
        None => row.detail = json!({ "why": TOO_LATE }),
    }
    let (kind, subject) = (row.kind.clone(), row.subject.clone());
    if let Err(error) = audit.record(row).await {
        tracing::error!(%kind, %subject, %error, "what was not done stands in the audit log as done");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_trait::async_trait;
    use std::sync::Mutex;
    use tokio::sync::Semaphore;

    /// Writes a row for each permit, and tells of each.
    struct SlowLog {
        go: Semaphore,
        rows: Mutex<Vec<AuditRow>>,
        wrote: Semaphore,
    }

    #[async_trait]
    impl Audit for SlowLog {
        async fn record(&self, row: AuditRow) -> Written {
            self.go.acquire().await.unwrap().forget();
            self.rows.lock().unwrap().push(row);
            self.wrote.add_permits(1);
            Ok(())
        }

        async fn tail(&self, _: usize) -> Result<Vec<(u64, u64, AuditRow)>, StoreError> {
            Ok(Vec::new())
        }
    }

    fn row(detail: Value) -> AuditRow {
        AuditRow { kind: "memory".into(), actor: "token owner".into(), subject: "a/b".into(), verdict: "ok".into(), detail }
    }

    async fn verdicts(permits: usize, detail: Value, is_late: bool) -> (bool, Vec<(String, Value)>) {
        let slow = Arc::new(SlowLog { go: Semaphore::new(0), rows: Mutex::default(), wrote: Semaphore::new(0) });
        let audit: Arc<dyn Audit> = slow.clone();
        let (log, first) = (Arc::clone(&audit), row(detail.clone()));
        let writing = async move { log.record(first).await }.boxed();
        let late = async {
            if !is_late {
                slow.go.add_permits(1);
                std::future::pending::<()>().await;
            }
        };
        let written = in_time(&audit, row(detail), writing, late).await;
        slow.go.add_permits(2);
        for _ in 0..permits {
            slow.wrote.acquire().await.unwrap().forget();
        }
        let rows = slow.rows.lock().unwrap();
        (written.is_ok(), rows.iter().map(|row| (row.verdict.clone(), row.detail["why"].clone())).collect())
    }

    #[tokio::test]
    async fn a_row_that_came_too_late_for_its_act_is_followed_by_one_that_says_so() {
        for detail in [json!({"action": "forget"}), Value::Null] {
            let expected = vec![("ok".to_owned(), Value::Null), ("error".to_owned(), Value::from(TOO_LATE))];
            assert_eq!(verdicts(2, detail, true).await, (false, expected));
        }
    }

    #[tokio::test]
    async fn a_row_that_came_in_time_stands_alone() {
        assert_eq!(verdicts(1, json!({}), false).await, (true, vec![("ok".to_owned(), Value::Null)]));
    }
}
