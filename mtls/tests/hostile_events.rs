//! Events about hostile peers: no field of any of them holds more than an excerpt of
//! what the peer sent. Every field of an event is checked, including new ones.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use authority::{Authority, AuthorityRequest, LeafRequest};
use mtls::connection::session::Session;
use mtls::event::refusal::{Code, Reason, Refusal};
use mtls::event::{Event, EventKind, Events};
use mtls::pki::certificate::{Certificate, DistinguishedName, SubjectAltNames};
use mtls::pki::role::Role;
use mtls::untrusted::Untrusted;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Metadata, Subscriber, subscriber};

/// Every text field of every event, by its name.
#[derive(Clone, Default)]
struct Fields(Arc<Mutex<Vec<(&'static str, String)>>>);

impl Subscriber for Fields {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        event.record(&mut self.clone());
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0
            .lock()
            .expect("no test must panic while it records")
            .push((field.name(), format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0
            .lock()
            .expect("no test must panic while it records")
            .push((field.name(), value.to_owned()));
    }
}

/// A certificate whose every text is `text`, which no parser would produce.
fn certificate(text: &str) -> Arc<Certificate> {
    let authority = Authority::generate(&AuthorityRequest::default());
    let authority = authority.expect("an authority must be made");
    let leaf = authority.issue(&LeafRequest::new("hostile")).expect("a leaf must be issued");
    let certificate = Certificate::read(&leaf.certificate().der().to_vec().into());
    let certificate = certificate.expect("a certificate must be read");
    let segment = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let id: String = text.chars().map(segment).take(2000).collect();
    let texts = vec![text.to_owned(); 3];
    Arc::new(Certificate {
        subject: subject(text),
        serial_number: text.to_owned(),
        fingerprint256: text.to_owned(),
        subject_alt_names: SubjectAltNames {
            dns: texts.clone(),
            uri: texts.clone(),
            email: texts.clone(),
            ..SubjectAltNames::default()
        },
        spiffe_id: Some(format!("spiffe://a/{id}").parse().expect("it must be an ID")),
        extended_key_usage: texts.clone(),
        signature_algorithm: text.to_owned(),
        chain: texts,
        ..certificate
    })
}

/// A name with one common name, a UTF8String (RFC 5280, section 4.1.2.4).
fn subject(common_name: &str) -> DistinguishedName {
    let der = |tag: u8, content: &[u8]| {
        let length = u32::try_from(content.len()).expect("it must fit").to_be_bytes();
        let octets = match length {
            [0, 0, 0, short @ 0..=127] => vec![short],
            [0, 0, 0, byte] => vec![0x81, byte],
            [0, 0, high, low] => vec![0x82, high, low],
            [_, a, b, c] => vec![0x83, a, b, c],
        };
        [&[tag], &octets[..], content].concat()
    };
    let text = der(0x0c, common_name.as_bytes());
    let attribute = der(0x30, &[&[6, 3, 0x55, 4, 3], &text[..]].concat());
    DistinguishedName::read(&der(0x30, &der(0x31, &attribute))).expect("a name must be read")
}

fn session(text: &str) -> Session {
    Session {
        version: "TLSv1.3",
        cipher_suite: "TLS_AES_256_GCM_SHA384".to_owned(),
        key_exchange: "x25519".to_owned(),
        alpn: Some(text.to_owned()),
        server_name: Some(text.to_owned()),
    }
}

#[test]
fn no_field_of_an_event_holds_more_than_an_excerpt_of_what_a_peer_sent() {
    let hostile = [
        "x".repeat(60_000),
        format!("x\nWARN refused: forged peer=192.0.2.1{}", "\u{1b}[31m".repeat(300)),
        "\u{202e}\u{2028}\u{9b}\"é\u{e0041}".repeat(200),
        String::from_utf8_lossy(&[b'a', 0xff, 0xfe, 0, 7, 8]).repeat(100),
    ];
    for text in hostile {
        let fields = Fields::default();
        let certificate = certificate(&text);
        let peer = ([192, 0, 2, 1], 443).into();

        subscriber::with_default(fields.clone(), || {
            let events = Events::new(u32::MAX);
            for side in [Role::Client, Role::Server] {
                let shown = Some(Arc::clone(&certificate));
                let tls = session(&text);
                let mut reason = Reason::new(Code::WrongName).with_detail(&text);
                reason.certificate = Some(Arc::clone(&certificate));
                let refusal = Refusal::new(reason, side, None, peer);
                let refused = Event::refused(side, Duration::ZERO, Some(tls), refusal);
                let mut accepted = refused.clone();
                accepted.kind = EventKind::HandshakeAccepted;
                (accepted.client_cert, accepted.refusal) = (shown, None);
                events.record(accepted);
                events.record(refused);
            }
        });

        let fields = fields.0.lock().unwrap();
        let of = |wanted| fields.iter().filter(|(name, _)| *name == wanted).count();
        for name in ["cn", "spiffe_id", "serial"] {
            assert_eq!(of(name), 4, "{name}");
        }
        assert_eq!((of("message"), of("alpn")), (4, 2));
        for (name, value) in fields.iter() {
            // The sentence follows `refused: `.
            let most = Untrusted::LIMIT + if *name == "message" { 40 } else { 0 };
            let is_plain =
                value.chars().all(|c| c.escape_debug().len() == 1 || "\"'\\".contains(c));
            assert!(value.len() <= most && is_plain, "{name}: {value:?}");
        }
    }
}

#[test]
fn a_refusal_holds_an_excerpt_of_its_detail_wherever_it_is_reported() {
    let name = DistinguishedName::read(&[0x30, 0]).unwrap();
    let text = format!("{name}\n{}", "\u{202e}".repeat(10_000));

    let reason = Reason::new(Code::WrongName).with_detail(&text);

    let sentence = reason.sentence();
    assert_eq!(sentence, reason.to_string());
    assert!(sentence.starts_with("the certificate belongs to another name: \\u{a}\\u{202e}"));
    assert!(sentence.len() <= Code::WrongName.sentence().len() + 2 + Untrusted::LIMIT);
    assert!(sentence.chars().all(|c| c == '…' || c.is_ascii_graphic() || c == ' '), "{sentence}");
    assert!(format!("{reason:?}").len() < 600);
}
