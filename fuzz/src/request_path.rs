//! Paths: a path that some server reads as `/admin` never selects the route of `/`. The readings
//! here are independent of those that the policy compares.

use mtls::policy::{PathTable, RequestPath};

pub fn body(data: &[u8]) {
    let Ok(path) = std::str::from_utf8(data) else { return };
    let Ok(read) = RequestPath::parse(path) else { return };
    assert_eq!(read.as_str(), path);
    let prefixes = ["/", "/admin"].map(|prefix| (prefix.parse().expect("a prefix"), prefix));
    let table: PathTable<&str> = prefixes.into_iter().collect();
    if table.find(&read) == Ok(Some(&"/")) {
        assert!(!is_read_as_admin(path), "{path} is taken for /");
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let paths = [
        "/a/b;c=d/e",
        "/admin/x",
        "/%61dmin",
        "/;/admin/x",
        "/x/..;/admin",
        "/x//admin",
        "/ADMIN",
        "/admin.",
        "/a%2fb",
        "/%2561dmin",
        "/index.php/admin",
        "/a\\admin",
    ];
    paths.map(|path| path.as_bytes().to_vec()).to_vec()
}

pub(crate) fn is_read_as_admin(path: &str) -> bool {
    readings(path).iter().any(|path| is_admin(path))
}

/// The ways in which servers read a path: decoded or not, with parameters cut or not, dots resolved
/// or after.
fn readings(path: &str) -> Vec<String> {
    let decoded = decode(path);
    let mut all = Vec::new();
    for path in [path, &decoded] {
        let without = path.split('/').map(|part| part.split(';').next().unwrap_or_default());
        let without = without.collect::<Vec<_>>().join("/");
        for path in [path, &without, &decode(&without)] {
            all.push(path.to_owned());
            all.push(resolve(&path.replace('\\', "/")));
        }
    }
    all
}

fn decode(path: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), path.as_bytes());
    while let [first, after @ ..] = rest {
        let digits = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match digits.and_then(|two| u8::from_str_radix(two, 16).ok()).filter(|_| *first == b'%') {
            Some(byte) => (bytes.push(byte), rest = &after[2..]).0,
            None => (bytes.push(*first), rest = after).0,
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn resolve(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/').filter(|part| !matches!(*part, "" | ".")) {
        match part {
            ".." => drop(parts.pop()),
            other => parts.push(other),
        }
    }
    format!("/{}", parts.join("/"))
}

fn is_admin(path: &str) -> bool {
    path == "/admin" || path.starts_with("/admin/")
}
