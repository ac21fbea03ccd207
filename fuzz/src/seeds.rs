//! An authority and its leaves: made in each process, so that no key is ever stored.

use std::sync::LazyLock;

use authority::{
    Authority, AuthorityRequest, Leaf, LeafRequest, RevocationList, RevocationListRequest,
    RevocationReason, Usage,
};

/// The authority that the targets trust, and its leaves.
pub(crate) struct Seeds {
    pub(crate) authority: Authority,
    pub(crate) below: Leaf,
    pub(crate) client: Leaf,
    pub(crate) list: RevocationList,
    pub(crate) revoked: Leaf,
    pub(crate) server: Leaf,
    pub(crate) stranger: Leaf,
}

pub(crate) static SEEDS: LazyLock<Seeds> = LazyLock::new(|| {
    let authority = made(Authority::generate(&AuthorityRequest::default()));
    let intermediate = made(authority.issue_intermediate(&AuthorityRequest::intermediate()));
    let request = || LeafRequest::new("client-service").spiffe(ID);
    let many = (0..40).fold(request(), |request, n| request.dns(format!("n{n}.example")));
    let many =
        many.email("a@b.example").ip([192, 0, 2, 1]).organization("o").organizational_unit("u");
    let revoked = made(authority.issue(&request()));
    let list =
        RevocationListRequest::new(7).revoke(revoked.serial(), RevocationReason::KeyCompromise);
    Seeds {
        below: made(intermediate.issue(&many)),
        client: made(authority.issue(&request())),
        list: made(authority.revocation_list(&list)),
        server: made(authority.issue(&LeafRequest::new("s").dns("localhost").usage(Usage::Server))),
        stranger: made(Leaf::self_signed(&request())),
        revoked,
        authority,
    }
});

/// The leaves, as DER.
pub(crate) fn certificates() -> Vec<Vec<u8>> {
    let seeds = &*SEEDS;
    let leaves = [&seeds.below, &seeds.client, &seeds.revoked, &seeds.server, &seeds.stranger];
    let root = seeds.authority.root().der().to_vec();
    leaves.iter().map(|leaf| leaf.certificate().der().to_vec()).chain([root]).collect()
}

fn made<T, E: std::fmt::Debug>(result: Result<T, E>) -> T {
    result.expect("the authority must make it")
}

const ID: &str = "spiffe://mtls-demo.local/ns/default/sa/client-service";
