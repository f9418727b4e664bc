//! What may be loaded, granted and dialled: pure decisions, no I/O.
