//! `certs verify DIR`: fit, or not fit with the reason and the command that fixes it.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use authority::{
    Authority, AuthorityRequest, LeafRequest, RevocationListRequest, RevocationReason, Usage,
};
use tempfile::TempDir;
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{bad, good, unfit};

fn at(place: &TempDir, name: &str) -> String {
    place.path().join(name).display().to_string()
}

fn root(place: &TempDir) -> String {
    let answer = good(place, &["inspect", &at(place, "ca/ca.crt"), "--json"]);
    let json: serde_json::Value = serde_json::from_str(&answer).unwrap();
    json["certificates"][0]["chain"][0].as_str().unwrap().to_owned()
}

/// The authority that `certs init` created.
fn authority_of(place: &TempDir) -> Authority {
    let read = |name: &str| fs::read_to_string(place.path().join("ca").join(name)).unwrap();
    Authority::from_pem(&read("ca.crt"), &read("ca.key")).unwrap()
}

/// The lines with this prefix, without the prefix.
fn lines<'a>(answer: &'a str, start: &str) -> Vec<&'a str> {
    answer.lines().filter_map(|line| line.strip_prefix(start)).collect()
}

/// A change to a directory.
type Break<'a> = Box<dyn Fn() + 'a>;

/// Runs a printed fix with the real binary.
fn run_fix(place: &TempDir, remedy: &str) {
    let binary = env!("CARGO_BIN_EXE_certs");
    let command = remedy.replace("certs ", &format!("{binary} "));
    let status = std::process::Command::new("sh")
        .args(["-ec", &command])
        .current_dir(place.path())
        .stdout(std::process::Stdio::null())
        .status();
    assert!(status.unwrap().success(), "{command}");
}

fn ago(span: Duration) -> String {
    (OffsetDateTime::now_utc() - span).format(&Rfc3339).unwrap()
}

#[test]
fn identities_from_init_are_fit_for_their_roles() {
    let place = tempfile::tempdir().unwrap();
    good(&place, &["init"]);
    let root = root(&place);

    for (name, roles) in [
        ("api-service", ["server"].as_slice()),
        ("client-service", &["client"]),
        ("gateway", &["client", "server"]),
    ] {
        for revocation in ["checked", "required", "off"] {
            let path = at(&place, name);

            let answer = good(&place, &["verify", &path, "--revocation", revocation]);

            let mut expected = vec![path];
            let fit = |role| format!("  {role}    fit: O=mtls-demo,CN={name} <- {root}");
            expected.extend(roles.iter().map(fit));
            let found: Vec<&str> = answer.lines().collect();
            assert_eq!(found[..found.len() - 1], expected);
            assert!(found[found.len() - 1].starts_with("  until     "), "{answer}");
            assert!(found[found.len() - 1].ends_with("Z (29d left)"), "{answer}");
        }
    }
}

#[test]
fn each_fault_of_a_chain_is_reported_at_once_and_its_fix_works() {
    let place = tempfile::tempdir().unwrap();
    good(&place, &["init"]);
    let authority = authority_of(&place);
    good(&place, &["issue", "old", "--not-before", &ago(Duration::minutes(4)), "--lifetime", "3m"]);
    let (path, dir) = (at(&place, "old"), place.path().display());
    let chain = fs::read_to_string(format!("{path}/tls.crt")).unwrap();
    let leaf = authority::Certificate::read_all(&chain).unwrap().remove(0);
    let request =
        RevocationListRequest::new(2).revoke(leaf.serial(), RevocationReason::KeyCompromise);
    let list = authority.revocation_list(&request).unwrap();
    fs::write(format!("{path}/ca.crl"), list.pem()).unwrap();

    let answer = unfit(&place, &["verify", &path, "--role", "server"]);

    let faults = lines(&answer, "fault: ");
    assert_eq!(faults.len(), 3, "{answer}");
    let expired = "the certificate has expired: old ended at ";
    assert!(faults[0].starts_with(expired) && faults[0].ends_with("Z (expired)"), "{answer}");
    assert_eq!(
        faults[1],
        "the certificate was not issued for this purpose: it is for clientAuth, and serverAuth is \
         needed (wrong-purpose)"
    );
    let revoked = "the certificate has been revoked: at ";
    assert!(faults[2].starts_with(revoked), "{answer}");
    assert!(faults[2].ends_with("Z, keyCompromise (revoked)"), "{answer}");
    let fixes = lines(&answer, "  fix: ");
    let renew = format!("certs renew old --dir {dir}");
    let issue = format!(
        "certs issue old-server --usage server --dns old --dir {dir}  # and use {dir}/old-server \
         instead"
    );
    assert_eq!(fixes, [renew.as_str(), &issue, &renew]);
    run_fix(&place, fixes[1]);
    good(&place, &["verify", &at(&place, "old-server"), "--role", "server"]);
}

#[test]
fn a_printed_fix_repairs_a_broken_directory() {
    let place = tempfile::tempdir().unwrap();
    good(&place, &["init"]);
    let (path, dir) = (at(&place, "gateway"), place.path().display().to_string());
    let file = |name: &str| place.path().join("gateway").join(name);
    let other = tempfile::tempdir().unwrap();
    good(&other, &["init"]);
    let renew = format!("certs renew gateway --dir {dir}");
    let root = format!("cp {dir}/ca/ca.crt {dir}/gateway/ca.crt");
    let list = format!("cp {dir}/ca/ca.crl {dir}/gateway/ca.crl");
    let remove = |name: &'static str| Box::new(move || fs::remove_file(file(name)).unwrap());
    let garbage = |name: &'static str| Box::new(move || fs::write(file(name), "x").unwrap());
    let foreign = |name: &'static str| {
        let from = other.path().join("gateway").join(name);
        Box::new(move || assert!(fs::copy(&from, file(name)).is_ok()))
    };
    let not_fit = format!(
        "{path}/tls.key does not match {path}/tls.crt: the private key does not belong to the \
         certificate"
    );
    let cases: [(Break<'_>, String, &str); 8] = [
        (remove("tls.crt"), format!("no file {path}/tls.crt"), &renew),
        (remove("tls.key"), format!("no file {path}/tls.key"), &renew),
        (remove("ca.crt"), format!("no file {path}/ca.crt"), &root),
        (garbage("tls.crt"), format!("no certificate in {path}/tls.crt"), &renew),
        (garbage("ca.crt"), format!("no certificate in {path}/ca.crt"), &root),
        (garbage("ca.crl"), format!("no revocation list in {path}/ca.crl"), &list),
        (foreign("tls.key"), not_fit, &renew),
        (
            Box::new(|| fs::remove_dir_all(place.path().join("gateway")).unwrap()),
            format!("no identity directory {path}"),
            &renew,
        ),
    ];

    for (break_it, fault, remedy) in cases {
        good(&place, &["verify", &path]);
        break_it();

        let answer = unfit(&place, &["verify", &path]);

        assert_eq!(lines(&answer, "fault: "), [fault.as_str()], "{answer}");
        assert_eq!(lines(&answer, "  fix: "), [remedy], "{answer}");
        run_fix(&place, remedy);
    }
    good(&place, &["verify", &path]);
}

#[test]
fn faults_of_several_files_and_of_the_chain_are_reported_together() {
    let (place, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    good(&place, &["init"]);
    good(&other, &["init"]);
    let copy = |name: &str| {
        let to = place.path().join("gateway").join(name);
        fs::copy(other.path().join("gateway").join(name), to).unwrap();
    };
    copy("tls.key");
    copy("ca.crt");
    fs::write(place.path().join("gateway/ca.crl"), "x").unwrap();
    let path = at(&place, "gateway");

    let answer = unfit(&place, &["verify", &path, "--role", "client"]);

    let names = root(&place);
    assert_eq!(
        lines(&answer, "fault: "),
        [
            format!(
                "{path}/tls.key does not match {path}/tls.crt: the private key does not belong to \
                 the certificate"
            ),
            format!("no revocation list in {path}/ca.crl"),
            format!(
                "the certificate was issued by an authority that is not trusted here: it names \
                 {names} (unknown-issuer)"
            ),
        ]
    );
    assert_eq!(answer.lines().nth(1), Some("  client    NOT fit"));
}

#[test]
fn a_server_without_a_name_gets_a_warning() {
    let named = LeafRequest::new("a").dns("a").usage(Usage::Both);
    let addressed = LeafRequest::new("a").ip([192, 0, 2, 1]).usage(Usage::Server);
    let nameless = LeafRequest::new("a").spiffe("spiffe://b/a").usage(Usage::Both).nameless();
    let client = LeafRequest::new("a").usage(Usage::Client);
    for good_one in [named, addressed, client] {
        let (place, _) = directory_of("a", &good_one);
        let answer = good(&place, &["verify", &at(&place, "a")]);
        assert_eq!(lines(&answer, "warning: "), Vec::<&str>::new());
    }
    let (place, _) = directory_of("a", &nameless);

    let answer = good(&place, &["verify", &at(&place, "a")]);
    let as_client = good(&place, &["verify", &at(&place, "a"), "--role", "client"]);

    let said = "it has no DNS name and no address (subjectAltName), so every client refuses this \
                server (wrong-name)";
    assert_eq!(lines(&answer, "warning: "), [said]);
    assert_eq!(lines(&as_client, "warning: "), Vec::<&str>::new());
}

#[test]
fn a_leaf_without_extended_key_usage_is_fit_for_no_role() {
    let (place, root) = directory_of("a", &LeafRequest::new("a").usage(Usage::Unstated));

    let answer = unfit(&place, &["verify", &at(&place, "a")]);

    assert_eq!(answer.lines().nth(1), Some("  fit for no role"));
    assert_eq!(
        lines(&answer, "fault: "),
        ["the certificate was not issued for this purpose: it has no extended key usage, and \
          clientAuth or serverAuth is needed (wrong-purpose)"]
    );
    let expected = format!("get new files from its authority, 'O=mtls-demo,CN={root}'");
    assert_eq!(lines(&answer, "  fix: "), [expected.as_str()]);
}

/// A directory in which `name` is an identity of that request, and the common name of its
/// authority, which is elsewhere.
fn directory_of(name: &str, request: &LeafRequest) -> (tempfile::TempDir, String) {
    let place = tempfile::tempdir().unwrap();
    let root = Authority::generate(&AuthorityRequest::default()).unwrap();
    let leaf = root.issue(request).unwrap();
    let list = root.revocation_list(&RevocationListRequest::new(1)).unwrap();
    let path = place.path().join(name);
    fs::create_dir(&path).unwrap();
    for (name, content) in [
        ("tls.crt", leaf.chain_pem()),
        ("tls.key", leaf.key_pem()),
        ("ca.crt", root.root().pem().to_owned()),
        ("ca.crl", list.pem().to_owned()),
    ] {
        fs::write(path.join(name), content).unwrap();
        fs::set_permissions(path.join(name), fs::Permissions::from_mode(0o600)).unwrap();
    }
    (place, root.root().common_name().to_owned())
}

#[test]
fn a_fit_identity_with_weaknesses_gets_warnings_and_exits_with_0() {
    let place = tempfile::tempdir().unwrap();
    good(&place, &["init"]);
    good(&place, &["issue", "late", "--not-before", &ago(Duration::days(21))]);
    let (path, dir) = (at(&place, "late"), place.path().display());
    fs::set_permissions(format!("{path}/tls.key"), fs::Permissions::from_mode(0o644)).unwrap();
    fs::remove_file(format!("{path}/ca.crl")).unwrap();

    let answer = good(&place, &["verify", &path]);

    let warnings = lines(&answer, "warning: ");
    let key = format!("{path}/tls.key can be read by everybody (mode 0644)");
    assert_eq!(warnings[..2], [key, format!("there is no revocation list of {}", root(&place))]);
    let near = "less than a third of its life is left: it ends at ";
    assert!(warnings[2].starts_with(near) && warnings[2].ends_with("Z (8d left)"), "{answer}");
    assert_eq!(
        lines(&answer, "  fix: "),
        [
            format!("chmod 600 {path}/tls.key"),
            format!("cp {dir}/ca/ca.crl {path}/ca.crl"),
            format!("certs renew late --dir {dir}"),
        ]
    );
    let fault =
        format!("{path}/ca.crl: no revocation list of {}, and one is required", root(&place));
    let answer = unfit(&place, &["verify", &path, "--revocation", "required"]);
    assert_eq!(lines(&answer, "fault: "), [fault.as_str()]);
    let answer = good(&place, &["verify", &path, "--revocation", "off"]);
    assert!(!answer.contains("revocation list"), "{answer}");
}

#[test]
fn a_stale_list_is_a_warning_and_a_fault_where_lists_are_required() {
    let place = tempfile::tempdir().unwrap();
    good(&place, &["init"]);
    let authority = authority_of(&place);
    let made = OffsetDateTime::from_unix_timestamp(1_600_000_000).unwrap();
    let request =
        RevocationListRequest::new(1).this_update(made).next_update(made + Duration::days(30));
    let stale = authority.revocation_list(&request).unwrap();
    let path = at(&place, "gateway");
    fs::write(format!("{path}/ca.crl"), stale.pem()).unwrap();
    let (dir, issuer) = (place.path().display(), root(&place));

    let warned = good(&place, &["verify", &path]);
    let refused = unfit(&place, &["verify", &path, "--revocation", "required"]);

    let words = format!("the revocation list of {issuer} is stale since 2020-10-13T12:26:40Z");
    let remedy = format!("cp {dir}/ca/ca.crl {path}/ca.crl");
    assert_eq!(lines(&warned, "warning: "), [words.as_str()]);
    assert_eq!(lines(&warned, "  fix: "), [remedy.as_str()]);
    let fault = format!("{path}/ca.crl: {words}, and a fresh one is required");
    assert_eq!(lines(&refused, "fault: "), [fault.as_str()]);
    run_fix(&place, &remedy);
    good(&place, &["verify", &path, "--revocation", "required"]);
}

#[test]
fn a_list_of_an_unknown_issuer_gets_a_warning_as_unverified() {
    let place = tempfile::tempdir().unwrap();
    good(&place, &["init"]);
    let stranger = AuthorityRequest::default().common_name("stranger");
    let stranger = Authority::generate(&stranger).unwrap();
    let list = stranger.revocation_list(&RevocationListRequest::new(1)).unwrap();
    let path = at(&place, "gateway");
    let lists = fs::read_to_string(format!("{path}/ca.crl")).unwrap();
    fs::write(format!("{path}/ca.crl"), lists + list.pem()).unwrap();

    let verified = good(&place, &["verify", &path]);
    let inspected = good(&place, &["inspect", &path]);

    let words = "the revocation list of O=mtls-demo,CN=stranger is unverified: it is neither a \
                 root nor in tls.crt";
    assert_eq!(lines(&verified, "warning: "), [words]);
    let words = "the list of O=mtls-demo,CN=stranger is unverified";
    assert!(inspected.contains(words), "{inspected}");
    assert_eq!(inspected.matches("is unverified").count(), 1, "{inspected}");
}

#[test]
fn the_fix_for_a_missing_directory_is_to_create_it() {
    let place = tempfile::tempdir().unwrap();
    let (path, dir) = (at(&place, "pki/alice"), place.path().display());

    let answer = unfit(&place, &["verify", &path]);

    let remedy = format!("certs init --dir {dir}/pki && certs issue alice --dir {dir}/pki");
    assert_eq!(lines(&answer, "  fix: "), [remedy.as_str()]);
    run_fix(&place, &remedy);
    good(&place, &["verify", &path]);
}

#[test]
fn a_directory_elsewhere_gets_its_files_from_the_authority() {
    let (place, away) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    good(&place, &["init"]);
    for entry in fs::read_dir(place.path().join("gateway")).unwrap() {
        let from = entry.unwrap().path();
        fs::copy(&from, away.path().join(from.file_name().unwrap())).unwrap();
    }
    good(&place, &["revoke", "gateway"]);
    fs::copy(place.path().join("ca/ca.crl"), away.path().join("ca.crl")).unwrap();
    let (dir, path) = (place.path().display(), away.path().display().to_string());

    let answer = unfit(&place, &["verify", &path]);

    let remedy = format!(
        "certs renew gateway --dir {dir} && cp {dir}/gateway/tls.* {dir}/gateway/ca.* {path}/"
    );
    assert_eq!(lines(&answer, "  fix: "), [remedy.as_str()]);
    run_fix(&place, &remedy);
    good(&place, &["verify", &path]);
}

#[test]
fn invalid_option_values_are_refused_together() {
    let place = tempfile::tempdir().unwrap();

    let words = bad(&place, 1, &["verify", "x", "--role", "peer", "--revocation", "on"]);

    assert_eq!(
        words,
        "error: \"peer\" is not a role: give client or server\nerror: \"on\" is not a revocation mode: \
         write required, checked or off\n"
    );
}
