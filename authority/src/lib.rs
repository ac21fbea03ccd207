//! The certificate authority of mtls-demo: it issues leaves and intermediates, signs revocation
//! lists, and keeps a directory of identities with a record of all that it issued.
//!
//! It has no sockets, no TLS and no trust decisions; the crate `mtls` verifies, this one
//! only signs.
//!
//! ```text
//! AuthorityRequest ──> Authority ──┬─ issue(&LeafRequest) ──────────────> Leaf
//!   (in memory)                    ├─ issue_intermediate(&…) ───────────> Authority
//!                                  └─ revocation_list(&…) ──────────────> RevocationList
//!
//! Directory ─lock()─> LockedDirectory: the authority, the record and the identities on disk
//!     │                 └─ begin, issue, finish or abort a Rollover to another root
//!     └─ renewals() ──> Renewals: what is about to expire
//! ```
//!
//! Tests of the other crates get every certificate from here, including invalid ones:
//!
//! ```
//! use authority::{Authority, AuthorityRequest, LeafRequest, Usage};
//!
//! let authority = Authority::generate(&AuthorityRequest::default())?;
//! let leaf = authority.issue(
//!     &LeafRequest::new("client-service")
//!         .dns("client-service")
//!         .spiffe("spiffe://mtls-demo.local/ns/default/sa/client-service")
//!         .usage(Usage::Client),
//! )?;
//! assert!(leaf.chain_pem().starts_with("-----BEGIN CERTIFICATE-----"));
//! # Ok::<(), authority::IssueError>(())
//! ```

mod alternative_name;
mod authority;
mod authority_request;
mod certificate;
mod directory;
mod directory_error;
mod entry;
mod file;
mod identity_directory;
mod identity_name;
mod issue_error;
mod key;
mod leaf;
mod leaf_request;
mod lifetime;
mod locked_directory;
mod outcome;
mod record;
mod renewals;
mod revocation;
mod revocation_lists;
mod rollover;
mod rollover_error;
mod rollover_steps;
mod serial;
mod signed_list;
mod signers;
mod spiffe_id;
mod text;
mod trust_files;
mod usage;
mod validity;

pub use rcgen::KeyUsagePurpose as KeyUsage;

pub use self::alternative_name::{AlternativeName, NameError};
pub use self::authority::Authority;
pub use self::authority_request::AuthorityRequest;
pub use self::certificate::{Certificate, CertificateError};
pub use self::directory::Directory;
pub use self::directory_error::DirectoryError;
pub use self::entry::{Entry, Revoked, Subject};
pub use self::identity_directory::Fault;
pub use self::identity_name::{IdentityName, IdentityNameError};
pub use self::issue_error::IssueError;
pub use self::key::{KeyAlgorithm, KeyAlgorithmError};
pub use self::leaf::Leaf;
pub use self::leaf_request::LeafRequest;
pub use self::lifetime::{Lifetime, LifetimeError};
pub use self::locked_directory::LockedDirectory;
pub use self::outcome::{AuthorityOutcome, IdentityOutcome};
pub use self::record::{AuthorityEntry, Record};
pub use self::renewals::Renewals;
pub use self::revocation::{
    Revocation, RevocationList, RevocationListRequest, RevocationReason, RevocationReasonError,
};
pub use self::rollover::{Rollover, RolloverStep, RootId};
pub use self::rollover_error::RolloverError;
pub use self::rollover_steps::{NotReissued, Reissued};
pub use self::serial::{Serial, SerialError};
pub use self::spiffe_id::{SpiffeId, SpiffeIdError};
pub use self::usage::{Usage, UsageError};
