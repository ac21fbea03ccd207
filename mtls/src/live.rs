//! An identity directory as it is now: read, judged as a whole, and only then published.
//!
//! What is published is one immutable [`Credentials`]; whoever holds it finishes with it. It knows
//! nothing of sockets.

mod file;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use time::OffsetDateTime;

pub use self::file::BadFile;
use crate::identity::Identity;
use crate::role::Role;
use crate::trust::{Revocation, Trust};

/// An identity, and whom it trusts: the content of one directory.
#[derive(Debug)]
pub struct Credentials {
    /// Who we are: `tls.crt` and `tls.key`.
    pub identity: Identity,
    /// Whom we believe: `ca.crt` and `ca.crl`.
    pub trust: Trust,
}

impl Credentials {
    /// Reads a directory and judges its identity, by its own trust, for each of `roles`.
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
        file::present(directory)?;
        let identity = load_identity(directory);
        let trust = load_trust(directory, revocation, now);
        let (identity, trust) = match (identity, trust) {
            (Ok(identity), Ok(trust)) => (identity, trust),
            (identity, trust) => {
                let mut problems = identity.err().unwrap_or_default();
                problems.extend(trust.err().unwrap_or_default());
                return Err(problems);
            }
        };
        let unfit = roles.iter().filter_map(|role| {
            let reason = trust.judge(identity.chain(), *role, now).err()?;
            Some(BadFile::Unfit { path: directory.join(file::CHAIN), role: *role, reason })
        });
        let mut problems: Vec<BadFile> = unfit.collect();
        problems.dedup_by_key(|problem| problem.to_string());
        if problems.is_empty() { Ok(Self { identity, trust }) } else { Err(problems) }
    }
}

/// Reads `tls.crt` and `tls.key` of a directory; the identity is not judged.
///
/// # Errors
///
/// Everything that is wrong with the two files.
pub fn load_identity(directory: &Path) -> Result<Identity, Vec<BadFile>> {
    file::present(directory)?;
    let (chain_path, key_path) = (directory.join(file::CHAIN), directory.join(file::KEY));
    let chain = file::certificates(&chain_path);
    let key = file::private_key(&key_path);
    match (chain, key) {
        (Ok(chain), Ok(key)) => Identity::new(chain, &key).map_err(|problem| {
            vec![BadFile::Identity { chain: chain_path, key: key_path, problem }]
        }),
        (chain, key) => Err([chain.err(), key.err()].into_iter().flatten().collect()),
    }
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
    let (roots_path, lists_path) = (directory.join(file::ROOTS), directory.join(file::LISTS));
    let roots = file::certificates(&roots_path);
    let lists = match revocation {
        Revocation::Off => Ok(Vec::new()),
        Revocation::Checked | Revocation::Required => file::revocation_lists(&lists_path),
    };
    match (roots, lists) {
        (Ok(roots), Ok(lists)) => {
            let at_fault = |problem: crate::trust::BadTrust| {
                let lists = problem.concerns_lists();
                let path = if lists { lists_path.clone() } else { roots_path.clone() };
                BadFile::Trust { path, problem }
            };
            Trust::new(roots, &lists, revocation, now)
                .map_err(|problems| problems.into_iter().map(at_fault).collect())
        }
        (roots, lists) => Err([roots.err(), lists.err()].into_iter().flatten().collect()),
    }
}

/// An identity directory, and what it was when it was last found good.
#[derive(Debug)]
pub struct Live {
    current: ArcSwap<Credentials>,
    directory: PathBuf,
    loaded_at: OffsetDateTime,
}

impl Live {
    /// Reads the directory for the first time.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with any of the files: there is no last good one yet.
    pub fn load(
        directory: PathBuf,
        roles: &[Role],
        revocation: Revocation,
    ) -> Result<Self, Vec<BadFile>> {
        let loaded_at = OffsetDateTime::now_utc();
        let credentials = Credentials::load(&directory, roles, revocation, loaded_at)?;
        Ok(Self { current: ArcSwap::from_pointee(credentials), directory, loaded_at })
    }

    /// What is in force now.
    pub fn current(&self) -> Arc<Credentials> {
        self.current.load_full()
    }

    /// The directory that is read.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// When what is in force was read.
    pub fn loaded_at(&self) -> OffsetDateTime {
        self.loaded_at
    }
}
