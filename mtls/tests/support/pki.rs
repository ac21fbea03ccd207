//! The test PKI: an authority, its leaves, and the result of verifying them.

use std::fs;
use std::sync::Arc;

use authority::{
    Authority, AuthorityRequest, Leaf, LeafRequest, RevocationList, RevocationListRequest, Usage,
};
use mtls::credentials::CredentialStore;
use mtls::event::refusal::Reason;
use mtls::pki::role::Role;
use mtls::pki::trust::{Revocation, Trust, VerifiedChain};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use time::OffsetDateTime;

/// The SPIFFE ID of the good server.
pub(crate) const ID: &str = "spiffe://mtls-demo.local/ns/default/sa/api-service";

/// An authority, and the leaves of good peers.
pub(crate) struct TestPki {
    pub(crate) authority: Authority,
}

impl TestPki {
    pub(crate) fn new() -> Self {
        Self::of(&AuthorityRequest::default())
    }

    pub(crate) fn of(request: &AuthorityRequest) -> Self {
        Self { authority: Authority::generate(request).expect("an authority must be made") }
    }

    /// The request of a good client.
    pub(crate) fn for_client() -> LeafRequest {
        LeafRequest::new("client-service")
            .spiffe("spiffe://mtls-demo.local/ns/default/sa/client-service")
    }

    /// The request of a good server.
    pub(crate) fn for_server() -> LeafRequest {
        let request = LeafRequest::new("api-service").dns("localhost").ip([127, 0, 0, 1]);
        request.spiffe(ID).usage(Usage::Server)
    }

    pub(crate) fn issue(&self, request: &LeafRequest) -> Leaf {
        self.authority.issue(request).expect("a leaf must be issued")
    }

    pub(crate) fn client(&self) -> Leaf {
        self.issue(&Self::for_client())
    }

    pub(crate) fn server(&self) -> Leaf {
        self.issue(&Self::for_server())
    }

    /// The content of `ca.crt`.
    pub(crate) fn roots(&self) -> &str {
        self.authority.root().pem()
    }
}

/// Credentials as loaded from a directory; the identity is not verified.
pub(crate) fn store(leaf: &Leaf, roots: &str) -> Arc<CredentialStore> {
    let directory = tempfile::tempdir().expect("a directory must be made");
    let files =
        [("tls.crt", leaf.chain_pem()), ("tls.key", leaf.key_pem()), ("ca.crt", roots.to_owned())];
    for (name, content) in files {
        fs::write(directory.path().join(name), content).expect("a file must be written");
    }
    let store = CredentialStore::load(directory.path().to_owned(), &[], Revocation::Checked);
    Arc::new(store.expect("what was just issued must load"))
}

/// Trust in these roots, without lists.
pub(crate) fn trust(roots: &[&Authority]) -> Trust {
    trust_with(roots, &[], Revocation::Checked)
}

/// Trust in these roots and lists.
pub(crate) fn trust_with(
    roots: &[&Authority],
    lists: &[RevocationList],
    revocation: Revocation,
) -> Trust {
    let roots = roots.iter().map(|root| CertificateDer::from(root.root().der().to_vec()));
    let lists: Vec<_> = lists.iter().map(|list| list.der().to_vec().into()).collect();
    Trust::new(roots.collect(), &lists, revocation, OffsetDateTime::now_utc())
        .expect("roots and lists must be fit to be believed")
}

/// A list of `authority`, made from `request`.
pub(crate) fn list(authority: &Authority, request: &RevocationListRequest) -> RevocationList {
    authority.revocation_list(request).expect("a list must be signed")
}

/// The chain that a leaf presents.
pub(crate) fn chain(leaf: &Leaf) -> Vec<CertificateDer<'static>> {
    leaf.chain_der().into_iter().map(CertificateDer::from).collect()
}

/// The result of verifying a client, now.
pub(crate) fn verify(trust: &Trust, leaf: &Leaf) -> Result<VerifiedChain, Reason> {
    trust.verify(&chain(leaf), Role::Client, OffsetDateTime::now_utc())
}
