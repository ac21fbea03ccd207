//! Open connections: their streams, what is known of each, and the registry that ends those whose
//! peer is no longer trusted. It knows nothing of what is said on them.

mod abandoned_requests;
mod activity;
mod in_flight;
mod open;
mod record;
mod registry;
pub mod session;
pub mod stream;
pub mod stream_executor;

pub(crate) use self::activity::TimeLimit;
pub use self::in_flight::InFlight;
pub(crate) use self::in_flight::RequestInFlight;
pub use self::open::Connection;
pub(crate) use self::registry::Admission;
pub use self::registry::Connections;
