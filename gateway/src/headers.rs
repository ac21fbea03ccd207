//! The care that header fields need on their way through: what callers forge goes, what belongs
//! to one connection stays there, and what is true of the caller is said. It opens no socket and
//! decides nothing.
//!
//! ```text
//! request   hop_by_hop::strip_request -> identity::Caller::set (forged::strip, then the truth)
//!           -> canonical -> via::add; trailers::Trailers::of_request around the body
//! answer    hop_by_hop::strip_response -> canonical -> location::rewrite;
//!           trailers::Trailers::of_response around the body
//! ```

pub mod canonical;
pub mod forged;
pub mod grpc;
pub mod hop_by_hop;
pub mod identity;
pub mod list;
pub mod location;
pub mod trailers;
pub mod via;
