//! Roots, intermediates and lists, as OpenSSL reads and verifies them.

use time::{Duration, OffsetDateTime};

use authority::{
    Authority, AuthorityRequest, IssueError, KeyAlgorithm, KeyUsage, LeafRequest, Lifetime,
    RevocationListRequest, RevocationReason,
};

use crate::Files;

#[test]
fn openssl_accepts_leaves_below_a_root_of_every_key_algorithm() {
    for algorithm in [KeyAlgorithm::EcdsaP384, KeyAlgorithm::Ed25519, KeyAlgorithm::Rsa2048] {
        let authority = Authority::generate(&AuthorityRequest::default().key(algorithm)).unwrap();
        let leaf = authority.issue(&LeafRequest::new("a")).unwrap();

        assert_eq!(Files::new(&authority, &leaf).verify("sslclient"), "leaf.pem: OK\n");
    }
}

#[test]
fn a_root_states_what_it_may_do_and_a_name_of_its_own() {
    let authority = Authority::generate(&AuthorityRequest::default()).unwrap();
    let files = Files::new(&authority, &authority.issue(&LeafRequest::new("a")).unwrap());

    let text = files.openssl(&["x509", "-in", "root.pem", "-noout", "-text"]);

    let digits: String = authority.certificate().key_identifier()[..4]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let subject = format!("Subject: CN = mtls-demo authority {digits}, O = mtls-demo");
    for line in [
        subject.as_str(),
        "X509v3 Key Usage: critical",
        "Certificate Sign, CRL Sign",
        "X509v3 Basic Constraints: critical",
        "CA:TRUE, pathlen:1",
        "X509v3 Subject Key Identifier:",
    ] {
        assert!(text.lines().any(|found| found.trim() == line), "{line} in {text}");
    }
    let life = authority.certificate().not_after() - authority.certificate().not_before();
    assert_eq!(life, Duration::days(365) + Duration::minutes(5));
}

#[test]
fn a_chain_through_an_intermediate_holds_until_its_path_length_is_exceeded() {
    let root = Authority::generate(&AuthorityRequest::default()).unwrap();
    let middle = root.issue_intermediate(&AuthorityRequest::intermediate()).unwrap();
    let low = middle.issue_intermediate(&AuthorityRequest::intermediate()).unwrap();

    let good = Files::new(&root, &middle.issue(&LeafRequest::new("a")).unwrap());
    let long = Files::new(&root, &low.issue(&LeafRequest::new("a")).unwrap());

    assert_eq!(good.verify("sslclient"), "leaf.pem: OK\n");
    assert!(long.verify("sslclient").contains("error 25"), "{}", long.verify("sslclient"));
}

#[test]
fn an_intermediate_can_be_made_invalid_in_each_way() {
    let root = Authority::generate(&AuthorityRequest::default()).unwrap();
    let request = LeafRequest::new("a").dns("a.example.com");
    let middle = AuthorityRequest::intermediate;

    for (unfit, error) in [
        (middle().key_usages(&[KeyUsage::CrlSign]), "error 79"),
        (middle().permit_dns("example.org"), "error 47"),
        (middle().exclude_dns("example.com"), "error 48"),
        (middle().extension(&[1, 2, 3], true, &[5, 0]), "error 34"),
    ] {
        let unfit = root.issue_intermediate(&unfit).unwrap();

        let files = Files::new(&root, &unfit.issue(&request).unwrap());

        assert!(files.verify("sslclient").contains(error), "{}", files.verify("sslclient"));
    }
}

#[test]
fn an_expired_authority_issues_nothing() {
    let past = OffsetDateTime::now_utc() - Duration::days(2);
    let request = AuthorityRequest::default().not_before(past).lifetime(Lifetime::days(1));
    let authority = Authority::generate(&request).unwrap();

    let refused = authority.issue(&LeafRequest::new("a")).unwrap_err();

    let IssueError::Ended(at) = refused else {
        panic!("{refused}");
    };
    assert_eq!(at, authority.certificate().not_after());
}

#[test]
fn an_impostor_has_the_name_but_not_the_key() {
    let authority = Authority::generate(&AuthorityRequest::default()).unwrap();
    let identifier = authority.certificate().key_identifier();
    let other = AuthorityRequest::default().subject_of(&authority);
    let impostor = Authority::generate(&other.clone()).unwrap();
    let perfect = Authority::generate(&other.key_identifier(identifier)).unwrap();

    let by_impostor = impostor.issue(&LeafRequest::new("a")).unwrap();
    let by_perfect = perfect.issue(&LeafRequest::new("a")).unwrap();

    assert_eq!(impostor.certificate().common_name(), authority.certificate().common_name());
    let by_impostor = Files::new(&authority, &by_impostor).verify("sslclient");
    let by_perfect = Files::new(&authority, &by_perfect).verify("sslclient");
    assert!(by_impostor.contains("error 20"), "{by_impostor}");
    assert!(by_perfect.contains("error 7"), "{by_perfect}");
}

#[test]
fn a_revoked_leaf_is_refused_by_the_list_and_another_is_not() {
    let authority = Authority::generate(&AuthorityRequest::default()).unwrap();
    let good = authority.issue(&LeafRequest::new("good")).unwrap();
    let revoked = authority.issue(&LeafRequest::new("revoked")).unwrap();
    let reason = RevocationReason::KeyCompromise;
    let list = RevocationListRequest::new(7).revoke(revoked.serial(), reason);
    let list = authority.revocation_list(&list).unwrap();

    let good = Files::new(&authority, &good);
    let revoked = Files::new(&authority, &revoked);
    good.write("list.pem", list.pem());
    revoked.write("list.pem", list.pem());

    assert_eq!(good.verify_with_list(), "leaf.pem: OK\n");
    assert!(revoked.verify_with_list().contains("error 23"));
    let text = good.openssl(&["crl", "-in", "list.pem", "-noout", "-text", "-CAfile", "root.pem"]);
    for line in ["X509v3 CRL Number:", "7", "X509v3 Authority Key Identifier:", "Key Compromise"] {
        assert!(text.lines().any(|found| found.trim() == line), "{line} in {text}");
    }
}

#[test]
fn an_authority_read_from_its_files_issues_like_the_original() {
    let first = Authority::generate(&AuthorityRequest::default()).unwrap();
    let other = Authority::generate(&AuthorityRequest::default()).unwrap();

    let read = Authority::from_pem(first.certificate().pem(), &first.key_pem()).unwrap();
    let mixed = Authority::from_pem(first.certificate().pem(), &other.key_pem()).unwrap_err();

    let leaf = read.issue(&LeafRequest::new("a")).unwrap();
    assert_eq!(Files::new(&first, &leaf).verify("sslclient"), "leaf.pem: OK\n");
    assert!(matches!(mixed, IssueError::AuthorityKey));
}
