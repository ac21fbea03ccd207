//! What it costs to refuse what a foreign client presents, within the limits of size, beside
//! accepting a good chain: less than twice as much. The good chain is a small leaf below the root,
//! wherever a foreign client can make what is presented; it has intermediates, names no key or has
//! 1,000 names where the refused one does, too, since an operator's own authority must have made
//! those.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod support;

use std::time::Duration;

use authority::{Authority, AuthorityRequest, KeyAlgorithm, Leaf};
use mtls::pki::role::Role;
use mtls::pki::trust::Trust;
use rcgen::{KeyPair, PublicKeyData};
use rustix::time::{ClockId, clock_gettime};
use rustls::pki_types::CertificateDer;
use time::OffsetDateTime;

use self::support::draft::{
    Draft, SUBJECT_ALT_NAME, element, general_names, name, sequence, subject_of,
};
use self::support::{TestPki, chain, trust};

type Chain = Vec<CertificateDer<'static>>;

/// Unoptimized code weighs more beside signatures, which are optimized always.
const MOST: f64 = if cfg!(debug_assertions) { 8.0 } else { 2.0 };

#[test]
fn refusing_costs_little_more_than_accepting() {
    let pki = TestPki::of(&AuthorityRequest::default().any_path_length());
    let namesake = TestPki::of(&AuthorityRequest::default().subject_of(&pki.authority));
    let one_root = trust(&[&pki.authority]);
    let two_roots = trust(&[&pki.authority, &namesake.authority]);
    let small = chain(&pki.client());
    let of_second = Draft::client(&pki).without(AUTHORITY_KEY_IDENTIFIER);
    let of_second = vec![of_second.signed_by(&namesake.authority)];
    let mut failed = Vec::new();

    println!("{:>9} {:>10} {:>10}  refused as", "refused", "to small", "to like");
    let two_roots = crowds(&pki, &Draft::client(&pki)).into_iter().map(|(shape, presented)| {
        (&two_roots, (format!("{shape}, two roots"), presented, of_second.clone()))
    });
    let attacks = attacks(&pki).into_iter().map(|attack| (&one_root, attack)).chain(two_roots);
    for (trust, (shape, presented, like)) in attacks {
        let refused = trust.verify(&presented, Role::Client, OffsetDateTime::now_utc());
        let code = refused.unwrap_err().code;
        assert!(trust.verify(&like, Role::Client, OffsetDateTime::now_utc()).is_ok(), "{shape}");

        let [refusing, accepting, accepting_like] = costs(trust, [&presented, &small, &like]);
        let [to_small, to_like] = [accepting, accepting_like]
            .map(|accepting| refusing.as_secs_f64() / accepting.as_secs_f64());
        println!("{refusing:>9.1?} {to_small:>10.2} {to_like:>10.2}  {code}: {shape}");
        if to_like >= MOST {
            failed.push(format!("{shape}: {to_like:.2}"));
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

/// The median CPU time of verifying each of these chains, taken by turns.
fn costs(trust: &Trust, chains: [&Chain; 3]) -> [Duration; 3] {
    const ROUNDS: usize = 41;
    let now = OffsetDateTime::now_utc();
    let mut times = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        for (chain, times) in chains.iter().zip(&mut times) {
            let before = clock_gettime(ClockId::ThreadCPUTime);
            let verdict = trust.verify(chain, Role::Client, now);
            drop(std::hint::black_box(verdict));
            let spent = clock_gettime(ClockId::ThreadCPUTime) - before;
            times.push(Duration::try_from(spent).unwrap());
        }
    }
    times.map(|mut times| {
        times.sort();
        times[ROUNDS / 2]
    })
}

/// Each with a description, the presented chain, and a good chain of the same length or size.
fn attacks(pki: &TestPki) -> Vec<(String, Chain, Chain)> {
    let draft = Draft::client(pki);
    let good = chain(&pki.client());
    let foreign = TestPki::of(&AuthorityRequest::default().common_name("stranger"));
    let unknown = Draft::client(&foreign);
    let mut attacks = Vec::new();

    for (which, draft) in [("our issuer", &draft), ("another issuer", &unknown)] {
        for (shape, change) in oversized() {
            let presented = vec![change(draft.clone()).forged()];
            attacks.push((format!("{which}, {shape}"), presented, good.clone()));
        }
    }
    let names = (0..1_000).map(|n| format!("service-{n:04}.default.svc.cluster.local"));
    let names: Vec<_> = names.map(|name| element(0x82, name.as_bytes())).collect();
    let large = draft.clone().replacing(SUBJECT_ALT_NAME, &sequence(&names));
    let presented = vec![large.forged()];
    attacks.push(("1,000 names".into(), presented, vec![large.signed_by(&pki.authority)]));

    for (algorithm, self_signed) in self_signed(&draft) {
        attacks.push((format!("self-signed, {algorithm}"), vec![self_signed], good.clone()));
    }
    for (shape, presented) in crowds(pki, &draft) {
        attacks.push((shape.into(), presented, good.clone()));
    }
    let subject = draft.issuer.clone();
    let name = element(0x86, &[b'a'; 46_000]);
    let ours = Draft { subject, ..draft.without(AUTHORITY_KEY_IDENTIFIER) };
    let ours = ours.replacing(SUBJECT_ALT_NAME, &sequence(&[name])).forged();
    attacks.push(("self-issued in our root's name, 46,000 octets".into(), vec![ours], good));
    attacks.extend(below_genuine_intermediates(pki));
    attacks
}

type Change = fn(Draft) -> Draft;

/// The parts that may be large in one certificate; each fills most of 48 KiB.
fn oversized() -> [(&'static str, Change); 14] {
    [
        ("nothing more", |draft| draft),
        ("15,500 names of one octet", |draft| {
            let names = vec![(0x82, &b"a"[..]); 15_500];
            draft.replacing(SUBJECT_ALT_NAME, &general_names(&names))
        }),
        ("a name of 46,000 octets", |draft| {
            let name = vec![b'a'; 46_000];
            draft.replacing(SUBJECT_ALT_NAME, &general_names(&[(0x86, &name)]))
        }),
        ("3,800 attributes", |draft| {
            let empty: (u8, u8, &[u8]) = (3, 12, b"");
            Draft { subject: name(&[empty; 3_800]), ..draft }
        }),
        ("4,500 attributes in one part", |draft| {
            let attribute = sequence(&[element(6, &[0x55, 4, 3]), element(12, b"")]);
            Draft { subject: sequence(&[element(0x31, &attribute.repeat(4_500))]), ..draft }
        }),
        ("a value of 46,000 octets in UTF-16", |draft| Draft {
            subject: name(&[(3, 30, &[0x4e, 0x2d].repeat(23_000))]),
            ..draft
        }),
        ("a value of 46,000 octets that is no text", |draft| Draft {
            subject: name(&[(3, 3, &[0; 46_000])]),
            ..draft
        }),
        ("32 extensions", |draft| {
            (0..24).fold(draft, |draft, number| draft.with(&[0x2a, 3, number], &[5, 0]))
        }),
        ("4,000 extensions", |draft| {
            (0..4_000_u16).fold(draft, |draft, number| {
                let [high, low] = number.to_be_bytes();
                draft.with(&[0x2a, 3, 0x80 | high, low & 0x7f], &[])
            })
        }),
        ("8,000 purposes", |draft| {
            let purposes = vec![element(6, &[0x2a, 3, 4]); 8_000];
            draft.replacing(&[0x55, 0x1d, 37], &sequence(&purposes))
        }),
        ("6,000 policies", |draft| {
            let policies = vec![sequence(&[element(6, &[0x2a, 3, 4])]); 6_000];
            draft.with(&[0x55, 0x1d, 32], &sequence(&policies))
        }),
        ("a serial number of 46,000 octets", |draft| Draft {
            serial: element(2, &[0x41; 46_000]),
            ..draft
        }),
        ("an object identifier of 46,000 octets", |draft| {
            let attribute = sequence(&[element(6, &[0x81; 46_000]), element(12, b"")]);
            Draft { subject: sequence(&[element(0x31, &attribute)]), ..draft }
        }),
        ("11,000 levels", |draft| {
            let nested = (0..11_000).fold(Vec::new(), |inner: Vec<u8>, _| element(0x30, &inner));
            draft.with(&[0x2a, 3, 4], &nested)
        }),
    ]
}

/// Leaves that claim to be self-issued, with keys whose signatures are costly to verify.
fn self_signed(leaf: &Draft) -> Vec<(String, CertificateDer<'static>)> {
    let algorithms = [KeyAlgorithm::EcdsaP256, KeyAlgorithm::EcdsaP384, KeyAlgorithm::Ed25519];
    let signed = algorithms.map(|algorithm| {
        let leaf = Leaf::self_signed(&TestPki::for_client().key(algorithm)).unwrap();
        (algorithm.to_string(), chain(&leaf).remove(0))
    });
    let rsa = [2_048, 4_096, 8_192, 16_384].into_iter().flat_map(|bits| {
        [&[1, 0, 1][..], &[1, 0xff, 0xff, 0xff, 0xff]].map(|exponent| {
            let public_key = rsa_key(bits, exponent);
            let (issuer, subject) = (leaf.subject.clone(), leaf.subject.clone());
            let claims = Draft { issuer, public_key, subject, ..leaf.clone() };
            let certificate = claims.forged_by(SHA256_WITH_RSA, &vec![0x41; bits / 8]);
            (format!("RSA of {bits} bits and an exponent of {}", exponent.len()), certificate)
        })
    });
    signed.into_iter().chain(rsa).collect()
}

/// A public key without a private key.
fn rsa_key(bits: usize, exponent: &[u8]) -> Vec<u8> {
    let modulus = [&[0][..], &vec![0xc5; bits / 8]].concat();
    let key = sequence(&[element(2, &modulus), element(2, exponent)]);
    sequence(&[RSA_ENCRYPTION.to_vec(), element(3, &[vec![0], key].concat())])
}

/// `AlgorithmIdentifier`s of RFC 8017, appendix A.2.4.
const RSA_ENCRYPTION: &[u8] = &[0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
const SHA256_WITH_RSA: &[u8] =
    &[0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11, 5, 0];

const AUTHORITY_KEY_IDENTIFIER: &[u8] = &[0x55, 0x1d, 35];

/// Intermediates that nobody signed, whose names allow many paths.
fn crowds(pki: &TestPki, leaf: &Draft) -> Vec<(&'static str, Chain)> {
    let root = subject_of(&pki.authority);
    let names = ["a", "b", "c", "d"].map(|text| name(&[(3, 12, text.as_bytes())]));
    let template = Draft::of(
        pki.authority.issue_intermediate(&AuthorityRequest::default()).unwrap().certificate().der(),
    )
    .without(AUTHORITY_KEY_IDENTIFIER)
    .without(&[0x55, 0x1d, 14]);
    let padded = |subject: &[u8], issuer: &[u8], octets: usize| {
        let public_key = KeyPair::generate().unwrap().subject_public_key_info();
        let (subject, issuer) = (subject.to_vec(), issuer.to_vec());
        let draft = Draft { subject, issuer, public_key, ..template.clone() };
        if octets == 0 { draft } else { draft.with(&[0x2a, 3, 4], &vec![0; octets]) }.forged()
    };
    let intermediate = |subject: &[u8], issuer: &[u8]| padded(subject, issuer, 0);
    let crowd = |first: &[u8], intermediates: Chain| {
        let leaf = Draft { issuer: first.to_vec(), ..leaf.clone() };
        let leaf = leaf.without(AUTHORITY_KEY_IDENTIFIER);
        let mut chain = vec![leaf.forged()];
        chain.extend(intermediates);
        chain
    };
    let [a, b, c, d] = &names;

    let all_ours = (0..7).map(|_| intermediate(&root, &root)).collect();
    let one_leads_up = (0..7).map(|n| intermediate(a, if n == 6 { &root } else { a })).collect();
    let each_leads_up = (0..7).map(|_| intermediate(a, &root)).collect();
    let pairs = [(a, b), (a, c), (b, a), (b, c), (c, a), (c, b), (c, &root)];
    let pairs = pairs.map(|(subject, issuer)| intermediate(subject, issuer)).to_vec();
    let line = [(a, b), (b, c), (c, d), (d, &root)];
    let line = line.map(|(subject, issuer)| intermediate(subject, issuer)).to_vec();
    let odd = |text: &str| name(&[(3, 12, text.repeat(300).as_bytes())]);
    let odd = (0..7).map(|n| intermediate(&odd("\u{fb03}"), &odd(&format!("\u{1f80}{n}"))));
    let odd: Chain = odd.collect();
    let ours = &root;
    let of_size = |count, octets| -> Chain {
        vec![(); count].iter().map(|()| padded(a, ours, octets)).collect()
    };
    let weak = Draft { public_key: rsa_key(1_024, &[1, 0, 1]), ..leaf.clone() };
    let mut below_weak = crowd(a, of_size(7, 0));
    below_weak[0] = Draft { issuer: a.clone(), ..weak }.without(AUTHORITY_KEY_IDENTIFIER).forged();
    let name = element(0x86, &[b'a'; 46_000]);
    let large = leaf.clone().without(AUTHORITY_KEY_IDENTIFIER);
    let large = large.replacing(SUBJECT_ALT_NAME, &sequence(&[name]));
    let mut odd_and_ours = odd.clone();
    odd_and_ours[6] = intermediate(a, &root);
    vec![
        ("seven of our root's name", crowd(&root, all_ours)),
        ("seven of one name, one of which leads up", crowd(a, one_leads_up)),
        ("seven of one name, each of which leads up", crowd(a, each_leads_up)),
        ("pairs of three names", crowd(a, pairs)),
        ("a line of four", crowd(a, line)),
        ("long names to prepare", crowd(a, odd)),
        ("long names to prepare, and one that leads up", crowd(a, odd_and_ours)),
        ("a leaf of 46,000 octets that names no key", vec![large.forged()]),
        ("one of our root's name", crowd(&root, vec![intermediate(&root, &root)])),
        ("two that lead up, in a small chain", crowd(a, of_size(2, 0))),
        ("three that lead up, in 4 KiB", crowd(a, of_size(3, 700))),
        ("two that lead up, of 23,000 octets", crowd(a, of_size(2, 23_000))),
        ("seven that lead up, of 7,000 octets", crowd(a, of_size(7, 7_000))),
        ("a weak key below seven that lead up", below_weak),
        ("the same certificate eight times", vec![leaf.forged(); 8]),
    ]
}

/// Forged leaves below intermediates that the root really issued, which anybody may send.
fn below_genuine_intermediates(pki: &TestPki) -> [(String, Chain, Chain); 3] {
    let request = AuthorityRequest::default().common_name("below");
    let [upper, namesake] = [(); 2].map(|()| pki.authority.issue_intermediate(&request).unwrap());
    let lower = upper.issue_intermediate(&AuthorityRequest::intermediate()).unwrap();
    let of = |issuer: &Authority| chain(&issuer.issue(&TestPki::for_client()).unwrap());
    let forge = |leaf: &[u8]| Draft::of(leaf).without(AUTHORITY_KEY_IDENTIFIER).forged();

    let deep = of(&lower);
    let mut forged_deep = deep.clone();
    forged_deep[0] = forge(&deep[0]);

    let mut second = of(&namesake);
    let mut forged_second = second.clone();
    let leaf = Draft::of(&second[0]).without(AUTHORITY_KEY_IDENTIFIER);
    second[0] = leaf.signed_by(&namesake);
    forged_second[0] = leaf.forged();
    for chain in [&mut second, &mut forged_second] {
        chain.insert(1, upper.certificate().der().to_vec().into());
    }

    let mut crowded = of(&upper);
    let like = crowded.clone();
    crowded[0] = forge(&like[0]);
    let public_key = KeyPair::generate().unwrap().subject_public_key_info();
    let large = Draft { public_key, ..Draft::of(&like[1]) }.without(&[0x55, 0x1d, 14]);
    crowded.push(large.with(&[0x2a, 3, 4], &[0; 46_000]).forged());

    [
        ("forged below genuine intermediates".into(), forged_deep, deep),
        ("forged below genuine namesakes".into(), forged_second, second),
        ("forged below a genuine intermediate and a large namesake".into(), crowded, like),
    ]
}
