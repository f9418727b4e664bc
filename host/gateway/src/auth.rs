//! Who a client is and what it may do. Each question has its file:
//! where it comes from (`peer`), what it holds (`secret`, `device`), what was
//! approved (`pairing`), what that allows (`scope`), how often it may fail (`throttle`).

pub(crate) mod device;
pub(crate) mod pairing;
pub(crate) mod peer;
pub(crate) mod record;
pub(crate) mod scope;
pub(crate) mod secret;
pub(crate) mod throttle;
