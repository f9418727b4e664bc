//! WebSocket protocol, HTTP and auth.
