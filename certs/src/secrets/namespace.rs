//! The Kubernetes namespace in a certificate's SPIFFE ID and DNS names.

use std::collections::BTreeSet;

use mtls::pki::certificate::Certificate;

/// The namespace for a Secret: the one in the certificate's names, or, if they have none, the
/// requested one.
///
/// # Errors
///
/// The names have two namespaces, or not the requested one: peers in that namespace would refuse
/// it.
pub(super) fn namespace(
    certificate: &Certificate,
    wanted: Option<&str>,
) -> Result<Option<String>, String> {
    let named = named(certificate);
    let list = || named.iter().copied().collect::<Vec<_>>().join(" and ");
    match (named.len(), wanted) {
        (0, wanted) => Ok(wanted.map(str::to_owned)),
        (1, None) => Ok(named.first().copied().map(str::to_owned)),
        (1, Some(wanted)) if named.contains(wanted) => Ok(Some(wanted.to_owned())),
        (1, Some(wanted)) => Err(format!(
            "the names in it are of namespace {}, not {wanted}: name the directory of {wanted} with \
             --dir; \"certs init --dir DIR --namespace {wanted}\" makes one",
            list()
        )),
        _ => Err(format!("the names in it are of namespaces {}: issue one for each", list())),
    }
}

/// Matches `spiffe://DOMAIN/ns/NAMESPACE/sa/ACCOUNT`, `NAME.NAMESPACE.svc` and its subdomains.
fn named(certificate: &Certificate) -> BTreeSet<&str> {
    let id = certificate.spiffe_id.as_ref().map(|id| id.as_str().split('/').collect::<Vec<_>>());
    let of_id = id.and_then(|parts| match parts.as_slice() {
        ["spiffe:", "", _, "ns", namespace, "sa", _] => Some(*namespace),
        _ => None,
    });
    let of_names = certificate.subject_alt_names.dns.iter().filter_map(|name| {
        let mut labels = name.split('.').skip(1);
        let namespace = labels.next()?;
        (labels.next() == Some("svc")).then_some(namespace)
    });
    of_names.chain(of_id).collect()
}
