//! Which peers a policy allows: each attribute with certificates of an authority, and names that
//! only look like an allowed one.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod support;

use authority::LeafRequest;
use mtls::pki::certificate::Certificate;
use mtls::policy::{Attribute, Condition, InvalidCondition, InvalidRule, Policy, Rule};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use rustls::pki_types::CertificateDer;

use self::support::{TestPki, chain};

const WEB: &str = "spiffe://mtls-demo.local/ns/default/sa/web";

#[test]
fn each_attribute_matches_its_own_value_and_no_other() {
    let pki = TestPki::new();
    let request = LeafRequest::new("web").organization("mtls-demo").organizational_unit("shop");
    let request = request.dns("web.local").ip([10, 0, 0, 7]).ip([0xfd00, 0, 0, 0, 0, 0, 0, 7u16]);
    let web = certificate(&pki, &request.email("Ops@Example.com").spiffe(WEB));
    let upper = web.fingerprint256.clone();
    let issuer = web.issuer.to_string();
    assert!(issuer.starts_with("O=mtls-demo,CN="));

    for (attribute, same, other) in [
        (Attribute::SpiffeId, WEB, "spiffe://mtls-demo.local/ns/default/sa/web2"),
        (Attribute::SpiffeId, "spiffe://mtls-demo.local/ns/default/*", "spiffe://other.local/*"),
        (Attribute::Uri, WEB, "spiffe://mtls-demo.local/ns/default/sa/WEB"),
        (Attribute::Dns, "web.local", "web.local.example"),
        (Attribute::Dns, "WEB.Local.", "eb.local"),
        (Attribute::Ip, "10.0.0.7", "10.0.0.70"),
        (Attribute::Ip, "fd00:0:0::7", "::ffff:10.0.0.7"),
        (Attribute::Email, "Ops@EXAMPLE.com", "ops@example.com"),
        (Attribute::CommonName, "web", "WEB"),
        (Attribute::Organization, "mtls-demo", "mtls"),
        (Attribute::OrganizationalUnit, "shop", "shop "),
        (Attribute::Issuer, &issuer, "O=mtls-demo"),
        (Attribute::Fingerprint, &upper, &"00".repeat(32)),
        (Attribute::Fingerprint, &upper.to_lowercase().replace(':', ""), &"ff:".repeat(31)[..]),
    ] {
        assert!(condition(attribute, same).holds_for(&web), "{attribute} = {same}");
        if let Ok(other) = Condition::new(attribute, other) {
            assert!(!other.holds_for(&web), "{other}");
        }
    }
}

#[test]
fn under_a_path_is_strictly_below_it_at_the_end_of_a_segment() {
    let pki = TestPki::new();
    let of = |id: &str| certificate(&pki, &LeafRequest::new("web").spiffe(id));
    let under = condition(Attribute::SpiffeId, "spiffe://td/ns/default/*");

    for (id, below) in [
        ("spiffe://td/ns/default/sa/web", true),
        ("spiffe://td/ns/default/web", true),
        ("spiffe://td/ns/default", false),
        ("spiffe://td/ns/default2/sa/web", false),
        ("spiffe://td/ns/Default/sa/web", false),
        ("spiffe://td/x/ns/default/web", false),
        ("spiffe://td2/ns/default/web", false),
        ("spiffe://xtd/ns/default/web", false),
    ] {
        assert_eq!(under.holds_for(&of(id)), below, "{id}");
    }
    let domain = condition(Attribute::SpiffeId, "spiffe://td/*");
    assert!(domain.holds_for(&of("spiffe://td/a")));
    assert!(!domain.holds_for(&of("spiffe://td.evil/a")));
}

#[test]
fn a_spiffe_id_beside_another_uri_does_not_count() {
    let pki = TestPki::new();
    let request = LeafRequest::new("web").spiffe(WEB);
    let one = certificate(&pki, &request);
    let two = certificate(&pki, &LeafRequest::new("web").spiffe(WEB).uri("https://evil.example"));

    for value in [WEB, "spiffe://mtls-demo.local/*"] {
        let condition = condition(Attribute::SpiffeId, value);
        assert!(condition.holds_for(&one));
        assert!(!condition.holds_for(&two), "{value}");
    }
}

#[test]
fn a_wildcard_matches_itself_and_no_name_that_it_would_cover() {
    let pki = TestPki::new();
    let named = |name: &str| {
        let mut certificate = certificate(&pki, &LeafRequest::new("web").dns("web.local"));
        certificate.subject_alt_names.dns = vec![name.to_owned()];
        certificate
    };

    assert!(condition(Attribute::Dns, "*.local").holds_for(&named("*.LOCAL")));
    assert!(!condition(Attribute::Dns, "*.local").holds_for(&named("web.local")));
    assert!(!condition(Attribute::Dns, "web.local").holds_for(&named("*.local")));
    assert!(!condition(Attribute::Dns, "web.local").holds_for(&named("*")));
}

#[test]
fn a_name_with_a_nul_or_unusual_character_never_equals_its_lookalike() {
    let pki = TestPki::new();
    let request = LeafRequest::new("web").dns("web.local").email("ops@example.com").uri("urn:web");
    let good = certificate(&pki, &request);
    let odd = |change: fn(&mut Certificate)| {
        let mut certificate = good.clone();
        change(&mut certificate);
        certificate
    };
    let dns = condition(Attribute::Dns, "web.local");
    let email = condition(Attribute::Email, "ops@example.com");
    let uri = condition(Attribute::Uri, "urn:web");
    assert!([&dns, &email, &uri].iter().all(|condition| condition.holds_for(&good)));

    for name in [
        "web.local\0",
        "web.local\0.evil.example",
        "\0web.local",
        "web.local ",
        " web.local",
        "web.local\n",
        "web.local..",
        "web.local.\0",
        "web\u{2024}local",
        "WEB.LO\u{212a}AL",
        "web.lo\u{441}al",
        "",
        ".",
    ] {
        let mut certificate = good.clone();
        certificate.subject_alt_names.dns = vec![name.to_owned()];
        assert!(!dns.holds_for(&certificate), "{name:?}");
    }
    // Unicode lower-cases the Kelvin sign to `k`.
    let mut kelvin = good.clone();
    kelvin.subject_alt_names.dns = vec!["\u{212a}.local".to_owned()];
    assert!(!condition(Attribute::Dns, "k.local").holds_for(&kelvin));
    assert!(
        !email.holds_for(&odd(|c| c.subject_alt_names.email = vec!["ops@example.com\0".into()]))
    );
    assert!(
        !email.holds_for(&odd(|c| c.subject_alt_names.email = vec!["ops@a@example.com".into()]))
    );
    assert!(!email.holds_for(&odd(|c| c.subject_alt_names.email = vec!["ops".into()])));
    assert!(!email.holds_for(&odd(|c| c.subject_alt_names.email = vec!["@example.com".into()])));
    assert!(!uri.holds_for(&odd(|c| c.subject_alt_names.uri = vec!["urn:web\0".into()])));
    assert!(!uri.holds_for(&odd(|c| c.subject_alt_names.uri = vec!["URN:web".into()])));
}

#[test]
fn a_name_of_another_kind_does_not_count() {
    let pki = TestPki::new();
    let request = LeafRequest::new("web.local").organization("10.0.0.7").dns("ops.example.com");
    let certificate = certificate(&pki, &request);

    for (attribute, value) in [
        (Attribute::Dns, "web.local"),
        (Attribute::Ip, "10.0.0.7"),
        (Attribute::CommonName, "ops.example.com"),
        (Attribute::OrganizationalUnit, "10.0.0.7"),
        (Attribute::Email, "ops@example.com"),
    ] {
        assert!(!condition(attribute, value).holds_for(&certificate), "{attribute}");
    }
}

#[test]
fn a_subject_is_compared_whole_and_has_one_common_name() {
    let of = |names: &[(DnType, &str)]| subject(names);
    let web = condition(Attribute::CommonName, "web");
    let shop = condition(Attribute::OrganizationalUnit, "shop");

    assert!(web.holds_for(&of(&[(DnType::CommonName, "web")])));
    assert!(!web.holds_for(&of(&[(DnType::CommonName, "web\0.evil")])));
    assert!(!web.holds_for(&of(&[(DnType::CommonName, "web\0")])));
    assert!(!web.holds_for(&of(&[(DnType::CommonName, "x,CN=web")])));
    assert!(!web.holds_for(&of(&[])));
    assert!(!web.holds_for(&of(&[(DnType::OrganizationName, "web")])));
    assert!(shop.holds_for(&of(&[(DnType::OrganizationalUnitName, "shop")])));
    assert!(!shop.holds_for(&of(&[(DnType::OrganizationalUnitName, "shop\0")])));

    let second = DnType::CustomDnType(vec![2, 5, 4, 3]);
    for names in [
        [(DnType::CommonName, "web"), (second.clone(), "evil")],
        [(DnType::CommonName, "evil"), (second.clone(), "web")],
    ] {
        let two = of(&names);
        assert_eq!(two.subject.values("CN").count(), 2);
        assert!(!web.holds_for(&two));
    }
}

#[test]
fn an_issuer_cannot_be_imitated_by_a_value_with_commas() {
    let issuer = condition(Attribute::Issuer, "O=example,CN=example CA");
    let real = [(DnType::CommonName, "example CA"), (DnType::OrganizationName, "example")];
    let forged = [(DnType::CommonName, "example CA,O=example")];
    let reversed = [(DnType::OrganizationName, "example"), (DnType::CommonName, "example CA")];

    assert!(issuer.holds_for(&subject(&real)));
    assert!(!issuer.holds_for(&subject(&forged)));
    assert!(!issuer.holds_for(&subject(&reversed)));
    let comma = condition(Attribute::Issuer, "O=Example\\, Inc.,CN=a");
    let inc = [(DnType::CommonName, "a"), (DnType::OrganizationName, "Example, Inc.")];
    assert!(comma.holds_for(&subject(&inc)));
}

#[test]
fn any_and_all_combine_their_rules() {
    let pki = TestPki::new();
    let web = certificate(&pki, &LeafRequest::new("web").dns("web.local").dns("shop.local"));
    let dns = |name: &str| Rule::from(condition(Attribute::Dns, name));
    let yes = || dns("web.local");
    let no = || dns("evil.local");

    for (rule, holds) in [
        (Rule::all(vec![yes(), dns("shop.local")]), true),
        (Rule::all(vec![yes(), no()]), false),
        (Rule::any(vec![no(), yes()]), true),
        (Rule::any(vec![no(), no()]), false),
        (Rule::all(vec![Rule::any(vec![no(), yes()]).unwrap(), yes()]), true),
        (Rule::any(vec![Rule::all(vec![no(), yes()]).unwrap(), no()]), false),
    ] {
        let rule = rule.unwrap();
        assert_eq!(rule.holds_for(&web), holds, "{rule}");
        assert_eq!(Policy::new(vec![rule.clone()]).unwrap().allows(&web), holds, "{rule}");
        assert_eq!(Policy::new(vec![no(), rule.clone()]).unwrap().allows(&web), holds, "{rule}");
    }
}

#[test]
fn a_list_without_a_rule_is_an_error_and_does_not_allow_everybody() {
    assert_eq!(Policy::new(Vec::new()), Err(InvalidRule::Empty));
    assert_eq!(Rule::any(Vec::new()), Err(InvalidRule::Empty));
    assert_eq!(Rule::all(Vec::new()), Err(InvalidRule::Empty));
    assert!(InvalidRule::Empty.to_string().contains("never everybody"));
}

#[test]
fn rules_can_be_nested_to_a_limited_depth() {
    let mut rule = Rule::from(condition(Attribute::Dns, "web.local"));
    for _ in 1..Rule::DEPTH {
        rule = Rule::any(vec![rule]).unwrap();
    }

    assert_eq!(Rule::all(vec![rule]), Err(InvalidRule::Deep));
    assert!(InvalidRule::Deep.to_string().contains("deeper than 8"));
}

#[test]
fn an_invalid_value_is_refused_with_what_to_write() {
    let long = "a".repeat(64);
    let digits = "0".repeat(63);
    let pairs = format!("{}0:00", "00:".repeat(30));
    let shifted = format!("0:{}00", "00:".repeat(31));
    for (attribute, value, written) in [
        (Attribute::Dns, "", "it is empty, and would name nobody: write the dns to allow"),
        (Attribute::CommonName, "web\0", "a control character stands in \"web\\0\""),
        (Attribute::Uri, "urn:a\u{85}", "a control character"),
        (Attribute::SpiffeId, "web", "does not begin with spiffe://"),
        (Attribute::SpiffeId, "spiffe://td/a*", "write one such as spiffe://example.org/ns"),
        (Attribute::SpiffeId, "spiffe://td/*/a", "or end it with /*"),
        (Attribute::SpiffeId, "spiffe://td/*/*", "or end it with /*"),
        (Attribute::SpiffeId, "spiffe://*", "bad trust domain"),
        (Attribute::SpiffeId, "spiffe:///*", "bad trust domain"),
        (Attribute::SpiffeId, "spiffe://td/", "bad path"),
        (Attribute::Dns, "a..b", "is no DNS name: write one such as"),
        (Attribute::Dns, ".", "is no DNS name"),
        (Attribute::Dns, "a..", "is no DNS name"),
        (Attribute::Dns, "a.*.b", "is no DNS name"),
        (Attribute::Dns, "*", "is no DNS name"),
        (Attribute::Dns, "a b", "is no DNS name"),
        (Attribute::Dns, "bücher.example", "xn--"),
        (Attribute::Dns, &long, "is no DNS name"),
        (Attribute::Dns, "a:80", "is no DNS name"),
        (Attribute::Email, "ops", "is no mail address: write one such as"),
        (Attribute::Email, "@a", "is no mail address"),
        (Attribute::Email, "a@", "is no mail address"),
        (Attribute::Email, "a@b@c", "is no mail address"),
        (Attribute::Email, "a b@c", "is no mail address"),
        (Attribute::Ip, "10.0.0", "is no IP address: write one such as"),
        (Attribute::Ip, "10.0.0.7/8", "is no IP address"),
        (Attribute::Ip, "[::1]", "is no IP address"),
        (Attribute::Ip, "010.0.0.7", "is no IP address"),
        (Attribute::Uri, "web", "is no URI: write one such as"),
        (Attribute::Uri, "1a:b", "is no URI"),
        (Attribute::Uri, "a:", "is no URI"),
        (Attribute::Uri, "urn:a b", "is no URI"),
        (Attribute::Issuer, "example CA", "as \"certs inspect\" shows it"),
        (Attribute::Issuer, "O=example, CN=example CA", "no space after a comma"),
        (Attribute::Issuer, "O = example", "is no issuer"),
        (Attribute::Issuer, "CN=#0c01", "decide by a name that is text"),
        (Attribute::CommonName, "#0c01", "decide by a name that is text"),
        (Attribute::Fingerprint, "00", "write 64 hexadecimal digits"),
        (Attribute::Fingerprint, &digits, "write 64 hexadecimal digits"),
        (Attribute::Fingerprint, &"zz".repeat(32), "write 64 hexadecimal digits"),
        (Attribute::Fingerprint, &pairs, "write 64 hexadecimal digits"),
        (Attribute::Fingerprint, &shifted, "write 64 hexadecimal digits"),
        (Attribute::Fingerprint, &"é".repeat(32), "write 64 hexadecimal digits"),
    ] {
        let message = Condition::new(attribute, value).unwrap_err().to_string();
        assert!(message.contains(written), "{attribute} = {value:?}: {message}");
    }
    assert_eq!(Condition::new(Attribute::Ip, "a"), Err(InvalidCondition::Ip("a".to_owned())));
}

#[test]
fn a_policy_is_displayed_as_in_a_file() {
    let dns = |name: &str| Rule::from(condition(Attribute::Dns, name));
    let both = Rule::all(vec![dns("b.local"), condition(Attribute::Organization, "o\"x").into()]);
    let policy = Policy::new(vec![
        dns("a.local"),
        Rule::any(vec![both.unwrap(), condition(Attribute::Ip, "::1").into()]).unwrap(),
    ]);

    assert_eq!(
        policy.unwrap().to_string(),
        "[{ dns = \"a.local\" }, { any = [{ all = [{ dns = \"b.local\" }, \
         { organization = \"o\\\"x\" }] }, { ip = \"::1\" }] }]"
    );
}

fn condition(attribute: Attribute, value: &str) -> Condition {
    Condition::new(attribute, value).unwrap()
}

fn certificate(pki: &TestPki, request: &LeafRequest) -> Certificate {
    Certificate::read(&chain(&pki.issue(request))[0]).unwrap()
}

/// A certificate with this subject, which is its issuer too: names that no authority here
/// would certify.
fn subject(names: &[(DnType, &str)]) -> Certificate {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = DistinguishedName::new();
    for (kind, value) in names {
        parameters.distinguished_name.push(kind.clone(), *value);
    }
    let key = KeyPair::generate().unwrap();
    let der = parameters.self_signed(&key).unwrap();
    Certificate::read(&CertificateDer::from(der.der().to_vec())).unwrap()
}
