//! SPIFFE IDs (SPIFFE-ID, section 2).

use mtls::pki::spiffe::SpiffeId;

pub fn body(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(id) = text.parse::<SpiffeId>() else { return };
    assert_eq!((id.as_str(), id.to_string().as_str()), (text, text));
    let rest = text.strip_prefix("spiffe://").expect("it must have the scheme");
    let (domain, path) = rest.split_once('/').map_or((rest, None), |(d, p)| (d, Some(p)));
    assert!(text.len() <= 2048 && !domain.is_empty() && domain.len() <= 255);
    assert!(domain.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_')));
    for segment in path.into_iter().flat_map(|path| path.split('/')) {
        assert!(!matches!(segment, "" | "." | ".."));
        assert!(segment.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b)));
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let texts =
        ["spiffe://mtls-demo.local/ns/default/sa/api-service", "spiffe://a", "spiffe://a/b/../c"];
    texts.map(|text| text.as_bytes().to_vec()).to_vec()
}
