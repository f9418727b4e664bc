//! From what SQLite says to what a person can act on.
//!
//! Owns the one place where an SQL error becomes a `StoreError`: a damaged file is
//! `Corrupt`, a full disk `Full`, all else that SQLite refuses is `Unavailable`. Refuses to guess a
//! case from the text of a message.

use rusqlite::{Error, ErrorCode};
use skynet_core::StoreError;

/// What everything in this crate returns.
pub(crate) type Result<T> = std::result::Result<T, StoreError>;

/// Adds what was being done, and sorts the error.
pub(crate) trait Doing<T> {
    /// `what` completes "while …".
    fn doing(self, what: &str) -> Result<T>;
}

impl<T> Doing<T> for rusqlite::Result<T> {
    fn doing(self, what: &str) -> Result<T> {
        self.map_err(|error| {
            let text = format!("{error} while {what}");
            match error.sqlite_error_code() {
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Corrupt(text),
                Some(ErrorCode::DiskFull) => StoreError::Full(text),
                Some(_) => StoreError::Unavailable(text),
                None if stored_value_is_wrong(&error) => StoreError::Corrupt(text),
                None => StoreError::Unavailable(text),
            }
        })
    }
}

fn stored_value_is_wrong(error: &Error) -> bool {
    matches!(error, Error::FromSqlConversionFailure(..) | Error::IntegralValueOutOfRange(..) | Error::InvalidColumnType(..))
}
