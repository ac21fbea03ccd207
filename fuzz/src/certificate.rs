//! The displayed fields of a certificate.

use mtls::pki::certificate::{Certificate, DistinguishedName, ShownNames};
use mtls::untrusted::{Excerpt, Untrusted};

pub fn body(data: &[u8]) {
    let _ = DistinguishedName::read(data);
    let Ok(certificate) = Certificate::read(&data.to_vec().into()) else { return };
    let json = serde_json::to_string(&certificate).expect("it must be JSON");
    assert!(json.len() < 64 * data.len(), "{} bytes become {}", data.len(), json.len());
    let shown = ShownNames::of(Some(&certificate));
    for text in [shown.cn, shown.serial, shown.spiffe_id].iter().flatten() {
        let is_plain = |c: char| matches!(c, ' '..='~') || c.escape_debug().len() == 1;
        assert!(text.as_str().len() <= Untrusted::LIMIT && text.as_str().chars().all(is_plain));
    }
    assert_eq!(
        Excerpt::of(certificate.name()),
        Excerpt::of(Excerpt::of(certificate.name()).as_str())
    );
    if let Some(id) = &certificate.spiffe_id {
        assert_eq!(certificate.subject_alt_names.uri, [id.as_str()]);
    }
}
