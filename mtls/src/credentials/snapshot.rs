//! The content of one identity directory, verified as a whole.

use std::path::Path;
use std::sync::Arc;

use time::OffsetDateTime;

use super::bad_file::BadFile;
use super::files::Files;
use crate::pki::certificate::Certificate;
use crate::pki::identity::Identity;
use crate::pki::role::Role;
use crate::pki::trust::{BadTrust, Revocation, Trust};

/// An identity and its trust: the content of one directory.
#[derive(Debug)]
pub struct Credentials {
    /// What stands in our own leaf, its `chain` reaching up to our root.
    pub certificate: Arc<Certificate>,
    /// Who we are: `tls.crt` and `tls.key`.
    pub identity: Identity,
    /// The trust: `ca.crt` and `ca.crl`.
    pub trust: Trust,
}

impl Credentials {
    /// Reads a directory and verifies its identity, by its own trust, for each of `roles`.
    ///
    /// Without a role `ca.crt` and `ca.crl` are not read, and nobody is trusted.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with any of the files.
    pub fn load(
        directory: &Path,
        roles: &[Role],
        revocation: Revocation,
        now: OffsetDateTime,
    ) -> Result<Self, Vec<BadFile>> {
        let verified = (!roles.is_empty()).then_some(roles);
        Self::of(&Files::read(&directory.into()), verified, revocation, now)
    }

    pub(super) fn of(
        files: &Files,
        roles: Option<&[Role]>,
        revocation: Revocation,
        now: OffsetDateTime,
    ) -> Result<Self, Vec<BadFile>> {
        files.check_directory()?;
        let trust = match roles {
            None => Ok(Trust::in_nobody()),
            Some(_) => trust(files, revocation, now),
        };
        let (identity, trust) = match (identity(files), trust) {
            (Ok(identity), Ok(trust)) => (identity, trust),
            (identity, trust) => {
                let mut problems = identity.err().unwrap_or_default();
                problems.extend(trust.err().unwrap_or_default());
                return Err(problems);
            }
        };
        let mut certificate = Arc::clone(identity.certificate());
        let mut problems: Vec<BadFile> = Vec::new();
        for role in roles.unwrap_or_default() {
            match trust.verify(identity.chain(), *role, now) {
                Ok(chain) => certificate = Arc::new(chain.certificate),
                Err(reason) => {
                    problems.push(BadFile::Unfit {
                        path: files.chain.path.clone(),
                        role: *role,
                        reason,
                    });
                }
            }
        }
        if problems.is_empty() { Ok(Self { certificate, identity, trust }) } else { Err(problems) }
    }
}

/// Reads `tls.crt` and `tls.key` of a directory; the identity is not verified.
///
/// # Errors
///
/// Everything that is wrong with the two files.
pub fn load_identity(directory: &Path) -> Result<Identity, Vec<BadFile>> {
    let files = Files::read(&directory.into());
    files.check_directory()?;
    identity(&files)
}

/// Reads `ca.crt`, and `ca.crl` if there is one.
///
/// # Errors
///
/// Everything that is wrong with the two files.
pub fn load_trust(
    directory: &Path,
    revocation: Revocation,
    now: OffsetDateTime,
) -> Result<Trust, Vec<BadFile>> {
    trust(&Files::read(&directory.into()), revocation, now)
}

fn identity(files: &Files) -> Result<Identity, Vec<BadFile>> {
    match (files.chain.certificates(), files.key.private_key()) {
        (Ok(chain), Ok(key)) => Identity::new(chain, &key).map_err(|problem| {
            let (chain, key) = (files.chain.path.clone(), files.key.path.clone());
            vec![BadFile::Identity { chain, key, problem }]
        }),
        (chain, key) => Err([chain.err(), key.err()].into_iter().flatten().collect()),
    }
}

fn trust(
    files: &Files,
    revocation: Revocation,
    now: OffsetDateTime,
) -> Result<Trust, Vec<BadFile>> {
    let lists = match revocation {
        Revocation::Off => Ok(Vec::new()),
        Revocation::Checked | Revocation::Required => files.lists.revocation_lists(),
    };
    match (files.roots.certificates(), lists) {
        (Ok(roots), Ok(lists)) => Trust::new(roots, &lists, revocation, now)
            .map_err(|problems| problems.into_iter().map(|p| at_fault(files, p)).collect()),
        (roots, lists) => Err([roots.err(), lists.err()].into_iter().flatten().collect()),
    }
}

pub(super) fn at_fault(files: &Files, problem: BadTrust) -> BadFile {
    let file = if problem.concerns_lists() { &files.lists } else { &files.roots };
    BadFile::Trust { path: file.path.clone(), problem }
}
