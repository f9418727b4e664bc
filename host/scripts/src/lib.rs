//! The one owner of child processes.
