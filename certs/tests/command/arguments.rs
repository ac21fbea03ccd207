//! Every command with invalid arguments and without an authority.

use crate::{bad, files, good};

#[test]
fn each_invalid_request_is_refused_with_its_remedy_and_writes_nothing() {
    let place = tempfile::tempdir().unwrap();
    good(&place, &["init"]);
    let before = files(place.path());

    for (arguments, words) in [
        (
            ["issue", "a", "--usage", "server"].as_slice(),
            "error: a server leaf needs a DNS name or an IP address: add --dns NAME or --ip ADDRESS\n",
        ),
        (
            &["issue", "a", "--usage", "unstated"],
            "error: \"unstated\" is not a usage: give client, server or both\n",
        ),
        (&["issue", "ca"], "error: \"ca\" is the authority's own directory: choose another name\n"),
        (
            &["issue", "a", "--lifetime", "1d", "--not-after", "2099-01-01T00:00:00Z"],
            "error: --lifetime and --not-after say the same: give one of them\n",
        ),
        (
            &["init", "--namespace", "A b", "--trust-domain", "x/y"],
            "error: --namespace \"A b\" is not a namespace: give lower-case letters, digits and \
             dashes, such as default\nerror: --trust-domain \"x/y\" is not a trust domain: give \
             lower-case letters, digits, dots, dashes and underscores, such as mtls-demo.local\n",
        ),
        (
            &["renew", "nobody"],
            "error: nothing was issued as \"nobody\": see \"certs list --all\" for names, or \
             issue it with \"certs issue nobody\"\n",
        ),
        (
            &["revoke", "nobody"],
            "error: no unexpired certificate of this authority has the name or serial number \
             \"nobody\": see \"certs list --all\" for names and serial numbers\n",
        ),
        (
            &["revoke", "gateway", "--reason", "fun"],
            "error: \"fun\" is not a reason: give unspecified, key-compromise, affiliation-changed, \
             superseded, cessation-of-operation or privilege-withdrawn\n",
        ),
    ] {
        assert_eq!(bad(&place, 1, arguments), words);
    }
    assert_eq!(files(place.path()), before);
}

#[test]
fn an_unknown_flag_exits_with_2_and_help_with_0() {
    let place = tempfile::tempdir().unwrap();

    bad(&place, 2, &["init", "--unknown"]);

    assert!(good(&place, &["--help"]).contains("Examples:\n  certs init"));
    assert!(good(&place, &["issue", "--help"]).contains("--organizational-unit <NAME>"));
    let inspect = good(&place, &["inspect", "--help"]);
    assert!(inspect.contains("\n  certs inspect https://localhost:3000 "), "{inspect}");
    let verify = good(&place, &["verify", "--help"]);
    assert!(verify.contains("\n  certs verify certs/pki/gateway --role client\n"), "{verify}");
}

#[test]
fn without_an_authority_each_command_names_the_remedy() {
    let place = tempfile::tempdir().unwrap();

    for arguments in [["issue", "a"].as_slice(), &["list"], &["renew", "--all"], &["revoke", "a"]] {
        let expected = format!(
            "error: there is no authority in {}: make one with \"certs init\"\n",
            place.path().display()
        );
        assert_eq!(bad(&place, 1, arguments), expected);
    }
}
