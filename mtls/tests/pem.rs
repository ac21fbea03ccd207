//! Every byte of an identity directory's files is read, or the file is refused with the line and
//! the cause. `pem_changes.rs` does the same for changes at every position of a file.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod support;

use std::fs;
use std::path::Path;

use authority::Leaf;
use mtls::credentials::{BadFile, Credentials};
use mtls::pki::pem::{BadPem, Item, SIZE_LIMIT, blocks};
use mtls::pki::role::Role;
use mtls::pki::trust::Revocation;
use tempfile::TempDir;
use time::OffsetDateTime;

use self::support::{TestPki, openssl};

/// An identity directory with four valid files: two roots and their lists,
/// and a leaf below an intermediate.
struct Good {
    directory: TempDir,
    leaf: Leaf,
}

impl Good {
    fn new() -> Self {
        let [one, other] = [(), ()].map(|()| TestPki::new());
        let request = authority::AuthorityRequest::intermediate();
        let below = one.authority.issue_intermediate(&request).unwrap();
        let leaf = below.issue(&TestPki::for_server()).unwrap();
        let list = |pki: &TestPki| support::empty_list(pki, 1).pem().to_owned();
        let good = Self { directory: tempfile::tempdir().unwrap(), leaf };
        good.write("tls.crt", good.leaf.chain_pem());
        good.write("tls.key", good.leaf.key_pem());
        good.write("ca.crt", [one.roots(), other.roots()].concat());
        good.write("ca.crl", [list(&one), list(&other)].concat());
        assert_eq!(good.load(), Ok(5));
        good
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join(name)
    }

    /// How many certificates of the chain, roots and lists were read.
    fn load(&self) -> Result<usize, Vec<String>> {
        load(self.directory.path())
    }
}

fn load(directory: &Path) -> Result<usize, Vec<String>> {
    let now = OffsetDateTime::now_utc();
    Credentials::load(directory, &[Role::Server], Revocation::Checked, now)
        .map(|it| it.identity.chain().len() + it.trust.roots().len() + it.trust.lists().len() - 1)
        .map_err(|problems| problems.iter().map(BadFile::to_string).collect())
}

type Change = fn(&str) -> Vec<u8>;

#[test]
fn harmless_variations_are_read_completely() {
    let harmless: [(&str, Change); 9] = [
        ("CRLF", |text| text.replace('\n', "\r\n").into_bytes()),
        ("a byte order mark", |text| format!("\u{feff}{text}").into_bytes()),
        ("one with CRLF", |text| format!("\u{feff}{text}").replace('\n', "\r\n").into_bytes()),
        ("no last newline", |text| text.trim_end().into()),
        ("blank lines", |text| text.replace("-----BEGIN", "\n \n\t\n-----BEGIN").into_bytes()),
        ("spaces at the end", |text| text.replace('\n', "  \n").into_bytes()),
        ("comments", |text| {
            let comment = "# Müller's root\n===============================================\n\
                 ---\nsubject=CN=the root of the lab in which this was tried,O=mtls-demo\n\
                 Bag Attributes\n    localKeyID: 4C 2C 01\nKey Attributes: <No Attributes>\n\
                 af1c44a1e05ae7d51c8ab9ff1a3dfb6c8a5d67e1c41ef3f5d5b8a9b0a7e8f901\n";
            text.replace("-----BEGIN", &format!("{comment}-----BEGIN")).into_bytes()
        }),
        ("text after", |text| format!("{text}begin of what follows: nothing\n").into_bytes()),
        ("one long line", |text| {
            let lines: Vec<&str> = text.lines().collect();
            let joined = lines.join("").replace("-----BEGIN", "\n-----BEGIN");
            let labels = ["X509 CRL", "CERTIFICATE", "PRIVATE KEY"];
            labels
                .iter()
                .fold(joined, |text, label| {
                    let (begin, end) = (format!("BEGIN {label}-----"), format!("-----END {label}"));
                    text.replace(&begin, &format!("{begin}\n")).replace(&end, &format!("\n{end}"))
                })
                .into_bytes()
        }),
    ];
    let good = Good::new();

    for name in ["tls.crt", "tls.key", "ca.crt", "ca.crl"] {
        let text = good.text(name);
        for (form, change) in &harmless {
            good.write(name, change(&text));
            assert_eq!(good.load(), Ok(5), "{form} in {name}");
        }
        good.write(name, text);
    }
}

#[test]
fn the_text_that_openssl_writes_around_a_block_is_a_comment() {
    let good = Good::new();
    let with_text = |command: &str, name: &str, label: &str| -> String {
        let text = good.text(name);
        let end = format!("-----END {label}-----\n");
        let blocks = text.split_inclusive(end.as_str());
        blocks.map(|block| openssl(&[command, "-text"], block.as_bytes())).collect()
    };

    good.write("tls.crt", with_text("x509", "tls.crt", "CERTIFICATE"));
    good.write("ca.crt", with_text("x509", "ca.crt", "CERTIFICATE"));
    good.write("ca.crl", with_text("crl", "ca.crl", "X509 CRL"));

    assert!(good.text("ca.crl").contains("Certificate Revocation List (CRL):"));
    assert_eq!(good.load(), Ok(5));
}

#[test]
fn the_parameters_that_openssl_writes_before_a_key_are_read() {
    let made = openssl(&["ecparam", "-genkey", "-name", "prime256v1"], b"");
    let other = openssl(&["ecparam", "-genkey", "-name", "secp384r1"], b"");
    let key = "-----BEGIN EC PRIVATE KEY-----";
    let (parameters, key) = made.split_at(made.find(key).unwrap());
    let (of_another, _) = other.split_at(other.find("-----BEGIN EC PRIVATE KEY-----").unwrap());
    let read = |text: String| kinds(text.as_bytes()).map_err(|bad| bad.to_string());
    let alone = "line 1: EC PARAMETERS without the key that they belong to right after them";

    assert!(parameters.contains("BEGIN EC PARAMETERS"));
    assert_eq!(read(made.clone()), Ok(vec!["private key"]));
    assert_eq!(read(parameters.to_owned()), Err(alone.to_owned()));
    let refused = |text: String| read(text).unwrap_err();
    assert!(refused(format!("{of_another}{key}")).contains("EC PARAMETERS without the key"));
    assert!(refused(format!("{key}{parameters}")).contains("EC PARAMETERS without the key"));
    assert!(refused(format!("{parameters}{made}")).contains("EC PARAMETERS without the key"));
}

/// A change to the text of a file, and the message that refuses it. The first block begins on
/// line 1.
const DAMAGE: [(&str, Change, &str); 31] = [
    ("no newline between blocks", |t| first_end(t, |end| end.trim_end().to_owned()), DAMAGED),
    ("a BOM between blocks", |t| second_begin(t, |begin| format!("\u{feff}{begin}")), DAMAGED),
    ("a BOM twice", |t| format!("\u{feff}\u{feff}{t}").into(), DAMAGED),
    ("an indented block", |t| t.replace('\n', "\n  ").into(), "line 2: "),
    ("an indented BEGIN", |t| second_begin(t, |begin| format!(" {begin}")), DAMAGED),
    ("text before BEGIN", |t| second_begin(t, |begin| format!("root: {begin}")), DAMAGED),
    ("text after END", |t| first_end(t, |end| format!("{} #\n", end.trim_end())), DAMAGED),
    ("a comment in front of each line", |t| t.replace("\n-", "\n#-").into(), DAMAGED),
    ("lower case", |t| second_begin(t, str::to_lowercase), DAMAGED),
    ("a boundary in words", |t| t.replace("-----", "").into(), DAMAGED),
    ("dashes of a text processor", |t| t.replace("-----", "\u{2014}").into(), DAMAGED),
    ("four hyphens", |t| t.replace("-----", "----").into(), DAMAGED),
    ("six hyphens", |t| t.replace("-----", "------").into(), DAMAGED),
    (
        "an unknown label",
        |t| {
            ["CERTIFICATE", "X509 CRL", "PRIVATE KEY"]
                .iter()
                .fold(t.to_owned(), |text, label| text.replace(label, "X509 CERTIFICATE"))
                .into()
        },
        "a block \"X509",
    ),
    (
        "a label in lower case",
        |t| second_begin(t, |b| b.to_lowercase().replace("begin", "BEGIN")),
        "a block \"",
    ),
    (
        "lines without boundaries",
        |t| {
            t.lines()
                .filter(|line| !line.contains("---"))
                .flat_map(|l| [l, "\n"])
                .collect::<String>()
                .into()
        },
        "base64 outside of a block",
    ),
    (
        "no BEGIN",
        |t| t.split_inclusive('\n').skip(1).collect::<String>().into(),
        "base64 outside of a block",
    ),
    ("END alone", |t| format!("{t}-----END CERTIFICATE-----\n").into(), "END without a BEGIN"),
    ("no END at the end", |t| t.trim_end().rsplit_once('\n').unwrap().0.into(), "has no END line"),
    ("no END between blocks", |t| first_end(t, |_| String::new()), "has no END line"),
    (
        "another END",
        |t| first_end(t, |_| "-----END CMS-----\n".into()),
        "another label than the BEGIN",
    ),
    (
        "an empty block",
        |t| format!("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n{t}").into(),
        "is empty",
    ),
    ("headers", |t| t.replacen("-\nM", "-\nComment: x\n\nM", 1).into(), "has headers"),
    ("carriage returns alone", |t| t.replace('\n', "\r").into(), "a carriage return without"),
    ("one carriage return", |t| t.replacen('\n', "\r", 1).into(), "a carriage return without"),
    ("a NUL", |t| format!("{t}\0").into(), "binary data"),
    ("DER after the PEM", |t| [t.as_bytes(), &[0x30, 0x82, 1, 0, 2, 3]].concat(), "binary data"),
    ("UTF-16", |t| t.encode_utf16().flat_map(u16::to_le_bytes).collect(), "this is UTF-16"),
    (
        "UTF-16 with a BOM",
        |t| format!("\u{feff}{t}").encode_utf16().flat_map(u16::to_be_bytes).collect(),
        "this is UTF-16",
    ),
    ("a blank in the base64", |t| t.replacen("-\nM", "-\nM ", 1).into(), NOT_BASE64),
    ("padding in the middle", |t| t.replacen("-\nMI", "-\nMI==\n", 1).into(), NOT_BASE64),
];

const DAMAGED: &str = "a damaged BEGIN or END line";
const NOT_BASE64: &str = "a block consists of whole lines of base64, and this is none";

#[test]
fn a_damaged_file_is_refused_with_its_line_and_the_cause() {
    let good = Good::new();

    for name in ["tls.crt", "tls.key", "ca.crt", "ca.crl"] {
        let text = good.text(name);
        for (damage, change, cause) in &DAMAGE {
            // A key is the only block of its file.
            if name == "tls.key" && damage.ends_with("between blocks") {
                continue;
            }
            good.write(name, change(&text));

            let problems = good.load().unwrap_err();

            let begins = format!("garbage in {} (line ", good.path(name).display());
            let message = &problems[0];
            assert!(message.starts_with(&begins), "{damage} in {name}: {problems:#?}");
            assert!(name == "tls.key" || message.contains(cause), "{damage} in {name}: {message}");
        }
        good.write(name, text);
        assert_eq!(good.load(), Ok(5));
    }
}

#[test]
fn a_block_in_the_wrong_file_is_refused_by_name() {
    let good = Good::new();
    let (key, list) = (good.text("tls.key"), good.text("ca.crl"));
    let root = good.text("ca.crt");
    let trusted = openssl(&["x509", "-trustout", "-addtrust", "clientAuth"], root.as_bytes());
    let request = openssl(&["pkey", "-pubout"], key.as_bytes());
    let encrypted = openssl(&["pkey", "-aes256", "-passout", "pass:x"], key.as_bytes());
    let traditional = ["pkey", "-traditional", "-aes256", "-passout", "pass:x"];
    let traditional = openssl(&traditional, key.as_bytes());
    assert!(traditional.contains("Proc-Type: 4,ENCRYPTED"));

    for (name, added, words) in [
        ("tls.crt", &key, "a private key does not belong here"),
        ("tls.crt", &list, "a revocation list does not belong here"),
        ("tls.crt", &trusted, "a TRUSTED CERTIFICATE, whose trust attributes would be ignored"),
        ("tls.key", &root, "a certificate does not belong here"),
        ("tls.key", &key, "a second private key, and only one may stand here"),
        ("tls.key", &request, "a block \"PUBLIC KEY\" is not supported here"),
        ("ca.crt", &key, "a private key does not belong here"),
        ("ca.crt", &trusted, "a TRUSTED CERTIFICATE, whose trust attributes would be ignored"),
        ("ca.crl", &root, "a certificate does not belong here"),
    ] {
        let text = good.text(name);
        let line = text.lines().count() + 1;
        good.write(name, format!("{text}{added}"));
        let message = good.load().unwrap_err().remove(0);
        let said = format!("garbage in {} (line {line}: {words}", good.path(name).display());
        assert!(message.starts_with(&said), "{message}");
        good.write(name, text);
    }
    for encrypted in [encrypted, traditional] {
        good.write("tls.key", encrypted);
        let path = good.path("tls.key").display().to_string();
        let said = format!(
            "the private key in {path} (line 1) is encrypted: decrypt it with \"openssl pkey -in \
             {path} -out {path}\""
        );
        assert_eq!(good.load(), Err(vec![said]));
    }
}

#[test]
fn bytes_after_the_der_of_a_block_are_refused() {
    let good = Good::new();
    for (name, label) in [("tls.crt", "CERTIFICATE"), ("ca.crl", "X509 CRL")] {
        let text = good.text(name);
        let mut der = first_der(&text);
        der.extend([5, 0]);
        good.write(name, format!("{text}{}", block(label, &der)));

        let message = good.load().unwrap_err().remove(0);

        assert!(message.contains("2 bytes follow the DER value in this block"), "{message}");
        good.write(name, text);
    }
}

#[test]
fn a_file_that_is_der_is_refused_as_such() {
    let good = Good::new();
    for name in ["tls.crt", "ca.crt", "ca.crl"] {
        let text = good.text(name);
        good.write(name, first_der(&text));

        let message = good.load().unwrap_err().remove(0);

        assert!(message.contains("(line 1: this is DER and not PEM: convert it"), "{message}");
        good.write(name, text);
    }
}

#[test]
fn a_file_over_the_size_limit_is_not_read() {
    let good = Good::new();
    let mut list = good.text("ca.crl").into_bytes();
    list.resize(usize::try_from(SIZE_LIMIT).unwrap() - 1, b'#');
    list.push(b'\n');
    good.write("ca.crl", &list);
    assert_eq!(good.load(), Ok(5));

    list.push(b'\n');
    good.write("ca.crl", &list);

    let path = good.path("ca.crl");
    let said = format!("{} has more than 16 MiB: no more is read", path.display());
    assert_eq!(good.load(), Err(vec![said]));
}

fn kinds(file: &[u8]) -> Result<Vec<&'static str>, BadPem> {
    blocks(file).map(|block| Ok(block?.item.kind())).collect()
}

fn first_der(text: &str) -> Vec<u8> {
    match blocks(text.as_bytes()).next().unwrap().unwrap().item {
        Item::Certificate(certificate) => certificate.to_vec(),
        Item::RevocationList(list) => list.to_vec(),
        Item::PrivateKey(key) => key.secret_der().to_vec(),
    }
}

fn block(label: &str, der: &[u8]) -> String {
    let base64 = openssl(&["base64"], der);
    format!("-----BEGIN {label}-----\n{base64}-----END {label}-----\n")
}

fn first_end(text: &str, change: impl Fn(&str) -> String) -> Vec<u8> {
    one_line(text, "-----END", 0, change)
}

fn second_begin(text: &str, change: impl Fn(&str) -> String) -> Vec<u8> {
    one_line(text, "-----BEGIN", 1, change)
}

/// Replaces the line with this prefix, which must be unique in a file of one block; returns the
/// changed text.
fn one_line(text: &str, prefix: &str, index: usize, change: impl Fn(&str) -> String) -> Vec<u8> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let found: Vec<usize> = (0..lines.len()).filter(|at| lines[*at].starts_with(prefix)).collect();
    let at = found[index.min(found.len() - 1)];
    let changed = |(index, line): (usize, &&str)| {
        if index == at { change(line) } else { (*line).to_owned() }
    };
    lines.iter().enumerate().map(changed).collect::<String>().into_bytes()
}
