//! The body of a request, read within a size and a time.

use crate::http::answer::Fault;
use crate::limits::BODY_DEADLINE;
use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

/// The whole body of at most so many bytes.
pub(super) async fn read(body: axum::body::Body, bytes: usize) -> Result<Bytes, Fault> {
    let whole = Limited::new(body, bytes).collect();
    match tokio::time::timeout(BODY_DEADLINE, whole).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            let message = format!("the body is larger than {bytes} bytes");
            Err(Fault::new(StatusCode::PAYLOAD_TOO_LARGE, "invalid_request_error", message))
        }
        Ok(Err(_)) => Err(Fault::invalid("the body could not be read")),
        Err(_) => Err(Fault::new(StatusCode::REQUEST_TIMEOUT, "timeout", "the body did not come in time")),
    }
}
