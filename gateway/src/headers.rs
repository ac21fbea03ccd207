//! Header fields of forwarded messages: spoofed fields are removed, hop-by-hop fields are not
//! forwarded, and the caller's verified identity is set. No sockets, no authorization.
//!
//! ```text
//! request   hop_by_hop::strip_request -> identity::Caller::set (forged::strip, then the identity)
//!           -> canonical -> via::add; trailers::Trailers::of_request around the body
//! response  hop_by_hop::strip_response -> canonical -> location::rewrite;
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
