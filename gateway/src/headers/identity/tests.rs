//! The identity headers, with certificates issued by an authority.

use authority::{Authority, AuthorityRequest, Leaf, LeafRequest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;

#[test]
fn every_identity_header_is_set() {
    let leaf = issue(&LeafRequest::new("client-service").organization("mtls-demo").spiffe(ID));
    let mut headers = HeaderMap::new();

    client(&leaf).set(&ALL, &host("server.local:8443"), &mut headers);

    let hash = certificate(&leaf).fingerprint256.replace(':', "").to_lowercase();
    assert_eq!(text(&headers, "client-cert"), sequence(&leaf.chain_der()[0]));
    assert!(!headers.contains_key("client-cert-chain"), "a leaf of the root came alone");
    assert_eq!(text(&headers, "x-forwarded-for"), "192.0.2.1");
    assert_eq!(text(&headers, "x-real-ip"), "192.0.2.1");
    assert_eq!(text(&headers, "x-forwarded-proto"), "https");
    assert_eq!(text(&headers, "x-forwarded-host"), "server.local:8443");
    assert_eq!(text(&headers, "x-forwarded-port"), "8443");
    let forwarded = "for=192.0.2.1;proto=https;host=\"server.local:8443\"";
    assert_eq!(text(&headers, "forwarded"), forwarded);
    let xfcc = text(&headers, "x-forwarded-client-cert");
    assert!(xfcc.starts_with(&format!("Hash={hash};Cert=\"-----BEGIN%20CERTIFICATE-----%0A")));
    let names = format!("%0A\";Subject=\"O=mtls-demo,CN=client-service\";URI={ID}");
    assert!(xfcc.ends_with(&names), "{xfcc}");
}

#[test]
fn each_header_can_be_switched_off() {
    let leaf = issue(&LeafRequest::new("client-service"));
    let none = IdentityHeaders {
        client_cert: false,
        client_cert_chain: false,
        forwarded: false,
        x_forwarded: false,
        x_forwarded_client_cert: false,
        x_forwarded_client_cert_pem: false,
    };
    let headers_of = |settings: IdentityHeaders| {
        let mut headers = HeaderMap::new();
        headers.insert("client-cert", HeaderValue::from_static("forged"));
        headers.insert("x_forwarded_for", HeaderValue::from_static("forged"));
        client(&leaf).set(&settings, &host("a"), &mut headers);
        let mut names: Vec<String> = headers.keys().map(ToString::to_string).collect();
        names.sort();
        names
    };

    assert!(headers_of(none).is_empty());
    assert_eq!(headers_of(IdentityHeaders { client_cert: true, ..none }), ["client-cert"]);
    assert_eq!(headers_of(IdentityHeaders { forwarded: true, ..none }), ["forwarded"]);
    let xfcc = IdentityHeaders { x_forwarded_client_cert: true, ..none };
    assert_eq!(headers_of(xfcc), ["x-forwarded-client-cert"]);
    assert!(headers_of(IdentityHeaders { x_forwarded_client_cert_pem: true, ..none }).is_empty());
    let x_forwarded = headers_of(IdentityHeaders { x_forwarded: true, ..none });
    let names = ["x-forwarded-for", "x-forwarded-host", "x-forwarded-port", "x-forwarded-proto"];
    assert_eq!(x_forwarded, [&names[..], &["x-real-ip"]].concat());
}

#[test]
fn claimed_identity_headers_of_a_client_without_certificate_are_removed() {
    let mut headers = HeaderMap::new();
    for name in ["client-cert", "client-cert-chain", "x-forwarded-client-cert"] {
        headers.insert(name, HeaderValue::from_static("forged"));
    }

    let client = ClientIdentity::new([192, 0, 2, 1].into(), 8080, Scheme::Http);
    let forged = client.set(&IdentityHeaders::default(), &host("a"), &mut headers);

    assert_eq!(forged, 3);
    assert_eq!(text(&headers, "x-forwarded-proto"), "http");
    assert!(headers.keys().all(|name| !name.as_str().contains("client")), "{headers:?}");
}

#[test]
fn the_chain_is_what_was_presented_after_the_leaf() {
    let root = Authority::generate(&AuthorityRequest::default()).unwrap();
    let intermediate = root.issue_intermediate(&AuthorityRequest::intermediate()).unwrap();
    let leaf = intermediate.issue(&LeafRequest::new("client-service")).unwrap();
    let chain = leaf.chain_der();
    let mut headers = HeaderMap::new();

    let twice = [chain.clone(), vec![chain[1].clone()]].concat();
    let client = base().with_certificate(&certificate(&leaf), &twice);
    client.set(&ALL, &host("a"), &mut headers);

    let value = format!("{0}, {0}", sequence(&chain[1]));
    assert_eq!(text(&headers, "client-cert-chain"), value);
}

#[test]
fn a_chain_over_the_limit_is_left_out_and_the_leaf_stays() {
    let leaf = issue(&LeafRequest::new("client-service"));
    let long = |size| [leaf.chain_der(), vec![vec![7; size]]].concat();
    let headers_of = |presented: &[Vec<u8>]| {
        let mut headers = HeaderMap::new();
        let client = base().with_certificate(&certificate(&leaf), presented);
        client.set(&ALL, &host("a"), &mut headers);
        assert_eq!(text(&headers, "client-cert"), sequence(&presented[0]));
        headers.get("client-cert-chain").map(HeaderValue::len)
    };

    assert_eq!(headers_of(&long(4_605)), Some(client_cert::CHAIN_LIMIT - 2));
    assert_eq!(headers_of(&long(4_606)), None);
}

#[test]
fn an_ipv6_address_is_bare_in_one_header_and_bracketed_in_the_other() {
    let headers_of = |address: &str| {
        let mut headers = HeaderMap::new();
        let client = ClientIdentity::new(address.parse().unwrap(), 443, Scheme::Https);
        client.set(&ALL, &host("[2001:db8::2]:443"), &mut headers);
        (text(&headers, "x-forwarded-for").to_owned(), text(&headers, "forwarded").to_owned())
    };

    let (bare, forwarded) = headers_of("2001:db8::1");
    assert_eq!(bare, "2001:db8::1");
    let expected = "for=\"[2001:db8::1]\";proto=https;host=\"[2001:db8::2]:443\"";
    assert_eq!(forwarded, expected);
    let (mapped, _) = headers_of("::ffff:192.0.2.1");
    assert_eq!(mapped, "192.0.2.1");
}

#[test]
fn the_pem_is_the_certificate() {
    let leaf = issue(&LeafRequest::new("client-service"));
    let mut headers = HeaderMap::new();

    client(&leaf).set(&ALL, &host("a"), &mut headers);

    let xfcc = text(&headers, "x-forwarded-client-cert");
    let encoded = xfcc.split("Cert=\"").nth(1).unwrap().split('"').next().unwrap();
    let decoded = percent_encoding::percent_decode_str(encoded).decode_utf8().unwrap();
    assert_eq!(decoded, leaf.certificate().pem().replace("\r\n", "\n"));
}

pub(super) fn issue(request: &LeafRequest) -> Leaf {
    Authority::generate(&AuthorityRequest::default()).unwrap().issue(request).unwrap()
}

pub(super) fn certificate(leaf: &Leaf) -> Certificate {
    Certificate::read(&leaf.chain_der()[0].as_slice().into()).unwrap()
}

fn client(leaf: &Leaf) -> ClientIdentity {
    base().with_certificate(&certificate(leaf), &leaf.chain_der())
}

fn base() -> ClientIdentity {
    ClientIdentity::new([192, 0, 2, 1].into(), 8443, Scheme::Https)
}

fn host(text: &str) -> http::uri::Authority {
    text.parse().unwrap()
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    let mut values = headers.get_all(name).iter();
    let value = values.next().unwrap_or_else(|| panic!("no {name}")).to_str().unwrap();
    assert_eq!(values.next(), None, "{name} came twice");
    value
}

fn sequence(der: &[u8]) -> String {
    format!(":{}:", STANDARD.encode(der))
}

const ID: &str = "spiffe://mtls-demo.local/ns/default/sa/client-service";

const ALL: IdentityHeaders = IdentityHeaders {
    client_cert: true,
    client_cert_chain: true,
    forwarded: true,
    x_forwarded: true,
    x_forwarded_client_cert: true,
    x_forwarded_client_cert_pem: true,
};
