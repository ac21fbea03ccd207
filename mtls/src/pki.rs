//! Certificates and the trust in them: reading PEM and DER, identities, trust, and the one
//! verification of every chain. It knows no file and no socket.

pub mod certificate;
pub mod identity;
pub mod pem;
pub mod role;
pub mod spiffe;
pub mod trust;
pub(crate) mod verifier;
