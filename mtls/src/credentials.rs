//! An identity directory that is followed: read, verified as a whole, and only then published.
//!
//! What is published is one immutable [`Credentials`]; a handshake finishes with the one it began with. A bad
//! set of files leaves the last good one working. It knows nothing of sockets.

mod bad_file;
mod changes;
mod files;
mod mount;
mod snapshot;
mod watch;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use arc_swap::ArcSwap;
use time::OffsetDateTime;
use tokio::sync::watch as channel;
use tracing::{error, info, warn};

pub use self::bad_file::BadFile;
pub use self::changes::{Changes, Trigger, settle};
pub use self::files::{CredentialFiles, directory_of};
use self::files::{Digest, Files};
pub use self::snapshot::{Credentials, load_identity, load_trust};
use crate::moment::Moment;
use crate::pki::role::Role;
use crate::pki::trust::{LONGEST_HINT, Revocation};
use crate::protocol::warm_up;
use crate::task::OwnedTask;

/// An identity's files, and what they were when they were last found good.
#[derive(Debug)]
pub struct CredentialStore {
    changed: channel::Sender<()>,
    current: ArcSwap<Credentials>,
    files: CredentialFiles,
    /// Follows the files, once something depends on them.
    follower: OnceLock<OwnedTask>,
    revocation: Revocation,
    /// None where nobody is asked to prove anything.
    roles: Option<Vec<Role>>,
    state: Mutex<State>,
}

/// How the files were when they were last read to a conclusion.
#[derive(Clone, Debug)]
pub struct Reload {
    /// When that was.
    pub at: OffsetDateTime,
    /// What was wrong with them, if they were not taken.
    pub problems: Vec<String>,
}

#[derive(Debug)]
struct State {
    digest: Digest,
    reload: Reload,
}

impl CredentialStore {
    /// Reads the files for the first time, those of a directory or each at a path of its own, and
    /// verifies their identity for each of `roles`.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with any of the files: there is no last good one yet.
    pub fn load(
        files: impl Into<CredentialFiles>,
        roles: &[Role],
        revocation: Revocation,
    ) -> Result<Self, Vec<BadFile>> {
        Self::load_for(files.into(), Some(roles), revocation)
    }

    fn load_for(
        paths: CredentialFiles,
        roles: Option<&[Role]>,
        revocation: Revocation,
    ) -> Result<Self, Vec<BadFile>> {
        let at = OffsetDateTime::now_utc();
        let files = Files::read(&paths);
        let credentials = Credentials::of(&files, roles, revocation, at)?;
        warm_up();
        let reload = Reload { at, problems: Vec::new() };
        Ok(Self {
            changed: channel::Sender::new(()),
            current: ArcSwap::from_pointee(credentials),
            files: paths,
            follower: OnceLock::new(),
            revocation,
            roles: roles.map(<[Role]>::to_vec),
            state: Mutex::new(State { digest: files.digest(), reload }),
        })
    }

    /// Reads `tls.crt` and `tls.key` alone, for a server that asks nobody to prove anything, and
    /// whose own certificate may be of an authority that we don't trust ourselves.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the two files.
    pub fn load_identity_alone(files: impl Into<CredentialFiles>) -> Result<Self, Vec<BadFile>> {
        Self::load_for(files.into(), None, Revocation::Off)
    }

    /// What is in force now.
    pub fn current(&self) -> Arc<Credentials> {
        self.current.load_full()
    }

    /// The directory of the certificate.
    pub fn directory(&self) -> &Path {
        self.files.directory()
    }

    /// How the files were when they were last read to a conclusion.
    pub fn last_reload(&self) -> Reload {
        self.state().reload.clone()
    }

    /// Notifies of each publication.
    pub fn subscribe(&self) -> channel::Receiver<()> {
        self.changed.subscribe()
    }

    /// Reads the files and publishes them if they are others than before, and good.
    ///
    /// A bad set that was reported already is read again, since time alone may fix it, but is not
    /// reported again; `again` reads a good one again too.
    fn read_again(&self, again: bool) -> Result<(), (Digest, Vec<BadFile>)> {
        let now = OffsetDateTime::now_utc();
        let files = Files::read(&self.files);
        let digest = files.digest();
        let (known, was_good) = {
            let state = self.state();
            (state.digest == digest, state.reload.problems.is_empty())
        };
        if known && was_good && !again {
            return Ok(());
        }
        match self.read(&files, now) {
            Ok(credentials) => self.publish(credentials, digest, now),
            Err(_) if known && !again => {}
            Err(problems) => return Err((digest, problems)),
        }
        Ok(())
    }

    /// A good set of files that may follow the one in force.
    fn read(&self, files: &Files, now: OffsetDateTime) -> Result<Credentials, Vec<BadFile>> {
        let credentials = Credentials::of(files, self.roles.as_deref(), self.revocation, now)?;
        let back = credentials.trust.goes_back_behind(&self.current().trust);
        if back.is_empty() {
            return Ok(credentials);
        }
        Err(back.into_iter().map(|problem| snapshot::at_fault(files, problem)).collect())
    }

    fn publish(&self, credentials: Credentials, digest: Digest, at: OffsetDateTime) {
        let roots = credentials.trust.roots().len();
        let lists: Vec<&str> =
            credentials.trust.lists().iter().filter_map(|list| list.number.as_deref()).collect();
        info!(
            directory = %self.directory().display(),
            serial = credentials.certificate.serial_number,
            until = %Moment(credentials.certificate.valid_to),
            roots,
            list_numbers = lists.join(" "),
            "identity reloaded"
        );
        self.warn_of_hint(&credentials);
        // In this order: a reader of the new identity sees no old problem beside it.
        *self.state() = State { digest, reload: Reload { at, problems: Vec::new() } };
        self.current.store(Arc::new(credentials));
        #[cfg(feature = "metrics")]
        metrics::counter!("mtls_reloads_total", "result" => "ok").increment(1);
        self.changed.send_replace(());
    }

    fn report_bad(&self, digest: Digest, problems: &[BadFile]) {
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        error!(
            directory = %self.directory().display(),
            "reload failed, the last good identity stays in force: {}",
            problems.join("; ")
        );
        let at = OffsetDateTime::now_utc();
        *self.state() = State { digest, reload: Reload { at, problems } };
        #[cfg(feature = "metrics")]
        metrics::counter!("mtls_reloads_total", "result" => "failed").increment(1);
    }

    /// Warns that the server sends no certificate_authorities (RFC 8446, section 4.2.4).
    fn warn_of_hint(&self, credentials: &Credentials) {
        if let Some(bytes) = credentials.trust.hint_left_out() {
            warn!(
                directory = %self.directory().display(),
                roots = credentials.trust.roots().len(),
                bytes,
                "the names of the roots take more than {LONGEST_HINT} bytes, so a server here \
                 sends its clients none of them: clients that choose a certificate by these names \
                 need another way to choose"
            );
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
