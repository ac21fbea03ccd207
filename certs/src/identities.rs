//! The three identities that every deployment has, and their names.

use std::net::{Ipv4Addr, Ipv6Addr};

use authority::{AlternativeName, IdentityName, LeafRequest, SpiffeId, Usage};

use crate::problems::Problems;
use crate::scope::{NAMES, Scope};

/// One identity that `certs init` creates.
pub(crate) struct Identity {
    pub(crate) name: IdentityName,
    pub(crate) request: LeafRequest,
    pub(crate) usage: Usage,
}

/// The identities of the API, the client service and the gateway, in this scope.
pub(crate) fn identities(scope: &Scope) -> anyhow::Result<Vec<Identity>> {
    let Scope { namespace, trust_domain } = scope;
    let mut problems = Problems::default();
    problems.take(check_namespace(namespace));
    if format!("spiffe://{trust_domain}/a").parse::<SpiffeId>().is_err()
        || trust_domain.contains('/')
    {
        problems.add(format!(
            "--trust-domain \"{trust_domain}\" is not a trust domain: give lower-case letters, \
             digits, dots, dashes and underscores, such as mtls-demo.local"
        ));
    }
    problems.settle()?;
    NAMES
        .into_iter()
        .zip([Usage::Server, Usage::Client, Usage::Both])
        .map(|(name, usage)| {
            Ok(Identity {
                name: name.parse()?,
                request: request(name, usage, namespace, trust_domain),
                usage,
            })
        })
        .collect()
}

fn request(name: &str, usage: Usage, namespace: &str, trust_domain: &str) -> LeafRequest {
    LeafRequest::new(name)
        .organization(LeafRequest::ORGANIZATION)
        .usage(usage)
        .dns(name)
        .dns(format!("{name}.{namespace}"))
        .dns(format!("{name}.{namespace}.svc"))
        .dns(format!("{name}.{namespace}.svc.cluster.local"))
        .dns("localhost")
        .ip(Ipv4Addr::LOCALHOST)
        .ip(Ipv6Addr::LOCALHOST)
        .spiffe(format!("spiffe://{trust_domain}/ns/{namespace}/sa/{name}"))
}

/// Checks that a text is a Kubernetes namespace; the error says what to give instead.
pub(crate) fn check_namespace(namespace: &str) -> Result<(), String> {
    if is_label(namespace) {
        return Ok(());
    }
    Err(format!(
        "--namespace \"{namespace}\" is not a namespace: give lower-case letters, digits and dashes, \
         such as default"
    ))
}

/// Whether a text is a Kubernetes label (RFC 1123, section 2.1; lower case only).
pub(crate) fn is_label(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    AlternativeName::dns(text).is_ok() && text.bytes().all(allowed)
}
