//! The location of an identity, the authority that can renew it, and the commands for that.

use std::path::{Path, PathBuf};

use authority::{Directory, Record};
use mtls::credentials::load_trust;
use mtls::pki::certificate::Certificate;
use mtls::pki::role::Role;
use mtls::pki::trust::Revocation;
use time::OffsetDateTime;

use super::shell::quoted;

/// The default of `--dir`, which commands can omit.
const USUAL: &str = "certs/pki";
/// The identities that `certs init` creates and repairs.
const INITIAL: [&str; 3] = ["api-service", "client-service", "gateway"];

/// An identity directory and its authority, if one is found.
pub(super) struct Location {
    /// The parent directory.
    above: PathBuf,
    authority: Option<Authority>,
    /// The name of the identity at an authority there.
    name: String,
    pub(super) path: PathBuf,
}

/// An authority's directory.
struct Authority {
    /// Whether the identity's directory belongs to this authority.
    owns: bool,
    path: PathBuf,
    record: Record,
}

impl Location {
    /// Uses the authority beside the directory, or else that of `--dir` if there is one.
    pub(super) fn of(path: &Path, directory: &Directory) -> Self {
        let whole = path.canonicalize().or_else(|_| std::path::absolute(path));
        let whole = whole.unwrap_or_else(|_| path.to_owned());
        let name = whole.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let above = shortest(path, whole.parent().unwrap_or(&whole));
        let authority = |path: &Path, owns| {
            let record = Directory::new(path).record().ok()?;
            Some(Authority { owns, path: path.to_owned(), record })
        };
        let authority = authority(&above, true).or_else(|| authority(directory.path(), false));
        Self { above, authority, name, path: path.to_owned() }
    }

    /// The command for a new key and a new certificate with the same names and usage.
    pub(super) fn renewal(&self, certificate: Option<&Certificate>) -> String {
        let Some(authority) = &self.authority else {
            return self.remedy_elsewhere(certificate);
        };
        let name = self.name_at(authority, certificate);
        if authority.record.newest(&name).is_some() {
            let renew = authority.command(&format!("renew {}", quoted(&name)));
            return self.brought(authority, &name, renew);
        }
        if authority.owns && INITIAL.contains(&name.as_str()) {
            return authority.command("init");
        }
        let issue = authority.command(&format!("issue {}", self.request(&name, None, certificate)));
        // The directory of an identity that the record does not contain blocks a new one.
        match authority.owns && self.path.exists() {
            true => format!("rm -r {} && {issue}", quoted(&self.path.to_string_lossy())),
            false => self.brought(authority, &name, issue),
        }
    }

    /// The command for another identity beside this one, with the same names and that role.
    pub(super) fn for_role(&self, role: Option<Role>, certificate: &Certificate) -> String {
        let Some(authority) = &self.authority else {
            return self.remedy_elsewhere(Some(certificate));
        };
        let name = self.name_at(authority, Some(certificate));
        let role_name = role.map_or("new", Role::as_str);
        let name = format!("{name}-{role_name}");
        let request = self.request(&name, role, Some(certificate));
        let location = quoted(&authority.path.join(&name).to_string_lossy());
        let issue = authority.command(&format!("issue {request}"));
        format!("{issue}  # and use {location} instead")
    }

    /// The same as `renewal`, by an authority that is replaced if it has expired too.
    pub(super) fn renewal_by_a_fresh_root(
        &self,
        certificate: Option<&Certificate>,
        now: OffsetDateTime,
    ) -> String {
        match &self.authority {
            Some(authority) if !authority.is_good(Revocation::Off, now) => {
                format!("{} && {}", authority.command("init"), self.renewal(certificate))
            }
            _ => self.renewal(certificate),
        }
    }

    /// The command that restores the authority's root, or replaces an invalid authority.
    pub(super) fn fresh_root(&self, now: OffsetDateTime) -> String {
        match &self.authority {
            Some(authority) if authority.is_good(Revocation::Off, now) => {
                self.copied(authority, "ca.crt")
            }
            Some(authority) => format!(
                "{} && {}",
                authority.command("init --force"),
                authority.command("renew --all")
            ),
            None => format!("put your authority's root into {}", self.file("ca.crt")),
        }
    }

    /// The command for an up-to-date list of the authority.
    pub(super) fn fresh_list(&self, now: OffsetDateTime) -> String {
        match &self.authority {
            Some(authority) if authority.is_good(Revocation::Required, now) => {
                self.copied(authority, "ca.crl")
            }
            Some(authority) if authority.owns => authority.command("init"),
            Some(authority) => {
                format!("{} && {}", authority.command("init"), self.copied(authority, "ca.crl"))
            }
            None => format!(
                "fetch a fresh list from your authority and put it into {}",
                self.file("ca.crl")
            ),
        }
    }

    /// A file of this directory, quoted for a shell.
    pub(super) fn file(&self, name: &str) -> String {
        quoted(&self.path.join(name).to_string_lossy())
    }

    fn copied(&self, authority: &Authority, name: &str) -> String {
        let source = authority.path.join("ca").join(name);
        format!("cp {} {}", quoted(&source.to_string_lossy()), self.file(name))
    }

    /// A directory outside the authority's gets its files from the authority's directory.
    fn brought(&self, authority: &Authority, name: &str, command: String) -> String {
        if authority.owns {
            return command;
        }
        let source = quoted(&authority.path.join(name).to_string_lossy());
        let own = quoted(&self.path.to_string_lossy());
        format!("{command} && cp {source}/tls.* {source}/ca.* {own}/")
    }

    /// The command where no authority is found: another authority's certificate must be renewed
    /// there; a missing one can be issued by a new authority.
    fn remedy_elsewhere(&self, certificate: Option<&Certificate>) -> String {
        if let Some(certificate) = certificate {
            let issuer = quoted(&certificate.issuer.to_string());
            return format!("get new files from its authority, {issuer}");
        }
        let init = command(&self.above, "init");
        if INITIAL.contains(&self.name.as_str()) {
            return init;
        }
        format!("{init} && {}", command(&self.above, &format!("issue {}", quoted(&self.name))))
    }

    fn name_at(&self, authority: &Authority, certificate: Option<&Certificate>) -> String {
        let named = certificate.and_then(|certificate| certificate.subject.common_name());
        match named {
            Some(name) if !authority.owns => name.to_owned(),
            _ => self.name.clone(),
        }
    }

    /// The arguments of `certs issue` that give a new certificate the names of the old one.
    fn request(&self, name: &str, role: Option<Role>, certificate: Option<&Certificate>) -> String {
        let Some(certificate) = certificate else {
            return quoted(name);
        };
        let names = &certificate.subject_alt_names;
        let claims =
            |role: Role| certificate.extended_key_usage.iter().any(|usage| usage == role.purpose());
        let usage = match (role, claims(Role::Client), claims(Role::Server)) {
            (Some(role), ..) => role.as_str(),
            (None, true, true) => "both",
            (None, false, true) => "server",
            (None, false, false) if !names.dns.is_empty() || !names.ip.is_empty() => "both",
            (None, _, false) => "client",
        };
        let own_name = [self.name.clone()];
        let needs_name = usage != "client" && names.dns.is_empty() && names.ip.is_empty();
        let dns = if needs_name { own_name.as_slice() } else { &names.dns };
        let mut words = vec![quoted(name), "--usage".to_owned(), usage.to_owned()];
        let mut add = |option: &str, value: &str| words.extend([option.to_owned(), quoted(value)]);
        dns.iter().for_each(|name| add("--dns", name));
        names.ip.iter().for_each(|address| add("--ip", &address.to_string()));
        names.email.iter().for_each(|mail| add("--email", mail));
        if let Some(id) = &certificate.spiffe_id {
            add("--spiffe", id.as_str());
        }
        words.join(" ")
    }
}

impl Authority {
    fn command(&self, command: &str) -> String {
        self::command(&self.path, command)
    }

    fn is_good(&self, revocation: Revocation, now: OffsetDateTime) -> bool {
        load_trust(&self.path.join("ca"), revocation, now)
            .is_ok_and(|trust| trust.roots().iter().any(|root| root.counts_at(now)))
    }
}

/// A `certs` command for the authority in that directory.
fn command(directory: &Path, command: &str) -> String {
    if directory == Path::new(USUAL) {
        return format!("certs {command}");
    }
    format!("certs {command} --dir {}", quoted(&directory.to_string_lossy()))
}

/// The parent directory as it was given, or its whole path if the given path does not contain it.
fn shortest(given: &Path, above: &Path) -> PathBuf {
    let given = given.parent().filter(|parent| !parent.as_os_str().is_empty());
    let same = given.filter(|given| given.canonicalize().is_ok_and(|whole| whole == above));
    same.unwrap_or(above).to_owned()
}
