//! A failed file operation in words that help a model or a person go on.

use crate::place::{Place, folders};
use skynet_plugin_sdk::files::Root;
use skynet_plugin_sdk::tool::ToolError;
use std::io::{Error, ErrorKind};

/// What could not be done with a place, and why.
pub(crate) fn trouble(roots: &[Root], what: &str, place: &Place, error: &Error) -> ToolError {
    let shown = &place.shown;
    match error.kind() {
        ErrorKind::NotFound => ToolError::Failed(format!("cannot {what} {shown}: there is nothing of that name. {}", folders(roots))),
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem if matches!(what, "write" | "patch") => ToolError::Denied(format!(
            "cannot {what} {shown}: the folder is granted for reading only, or the file is not the host's to change"
        )),
        ErrorKind::PermissionDenied => {
            ToolError::Denied(format!("cannot {what} {shown}: it leads out of the granted folder, or the host itself may not read it"))
        }
        ErrorKind::IsADirectory => ToolError::Failed(format!("cannot {what} {shown}: it is a folder; use `list` for its contents")),
        ErrorKind::NotADirectory => ToolError::Failed(format!("cannot {what} {shown}: a part of the path is a file, not a folder")),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => ToolError::Unavailable(format!("cannot {what} {shown}: the disk is full")),
        _ => ToolError::Failed(format!("cannot {what} {shown}: {error}")),
    }
}
