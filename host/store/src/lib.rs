//! The one owner of SQL: durable state behind the ports of skynet-core.
