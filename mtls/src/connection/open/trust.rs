//! How a connection ends as the trust in its peer does.

use std::io::{Error, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Waker;
use std::time::{Duration, Instant};

use time::OffsetDateTime;

use super::{CUT, Connection, DRAINING, OPEN};
use crate::credentials::CredentialStore;
use crate::event::EventKind;
use crate::event::refusal::{Code, Reason};
use crate::pki::trust::VerifiedChain;

/// How long requests in flight have once their connection drains.
const DRAIN: Duration = Duration::from_secs(1);

impl Connection {
    /// Ends it at once: every read and write fails from now on.
    pub fn close(&self) {
        self.end();
    }

    /// Lets requests in flight finish within a second, and no new one begin; then cuts.
    pub(super) fn drain(&self, reason: Reason) {
        if self.state.compare_exchange(OPEN, DRAINING, Ordering::AcqRel, Ordering::Acquire).is_err()
        {
            return;
        }
        let _ = self.drained_since.set(Instant::now());
        let _ = self.drained.set(());
        self.record(EventKind::Drained, reason, Duration::ZERO);
        if self.activity().in_flight() == 0 {
            self.end();
        }
    }

    /// Ends it at once: every read and write fails from now on.
    pub(super) fn cut(&self, kind: EventKind, reason: Reason) {
        if self.end() {
            self.record(kind, reason, Duration::ZERO);
        }
    }

    /// The store whose trust verified the peer; none where the peer was not asked for a certificate.
    pub(in crate::connection) fn store(&self) -> Option<&Arc<CredentialStore>> {
        self.store.as_ref()
    }

    /// Whether the peer was verified by this store's trust, and is verified again as that changes.
    pub fn is_verified_by(&self, store: &Arc<CredentialStore>) -> bool {
        self.store.as_ref().is_some_and(|its| Arc::ptr_eq(its, store))
    }

    /// Whether the verdict on its peer held until `now` only.
    pub(in crate::connection) fn needs_verification(&self, now: OffsetDateTime) -> bool {
        now.unix_timestamp() > self.trusted_until.load(Ordering::Acquire) && !self.is_draining()
    }

    /// Acts on another verification of the peer's chain.
    ///
    /// What has ended by itself, or lost its root, may finish what is in flight; whatever else is
    /// wrong with it, it is cut.
    pub(in crate::connection) fn follow(&self, verdict: &Result<VerifiedChain, Reason>) {
        match verdict {
            Ok(chain) => {
                self.trusted_until.store(chain.not_after.unix_timestamp(), Ordering::Release);
            }
            Err(reason) if matches!(reason.code, Code::Expired | Code::UnknownIssuer) => {
                self.drain(reason.clone());
            }
            Err(reason) => self.cut(EventKind::Cut, reason.clone()),
        }
    }

    /// Waits until it is to end gracefully, since the trust in its peer has ended by itself.
    pub(crate) async fn drained(&self) {
        self.drained.wait().await;
    }

    pub(in crate::connection) fn cut_if_drained(&self) {
        if self.drained_since.get().is_some_and(|since| since.elapsed() >= DRAIN) {
            self.end();
        }
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.state.load(Ordering::Acquire) >= DRAINING
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.state.load(Ordering::Acquire) == CUT
    }

    /// Called before each read with the task to wake if the connection is cut meanwhile.
    pub(crate) fn check_readable(&self, waker: &Waker) -> Result<(), Error> {
        self.read_waker.register(waker);
        self.check()
    }

    /// The same for writes.
    pub(crate) fn check_writable(&self, waker: &Waker) -> Result<(), Error> {
        self.write_waker.register(waker);
        self.check()
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        if self.is_cut() {
            let why = "the connection was ended here";
            return Err(Error::new(ErrorKind::ConnectionAborted, why));
        }
        Ok(())
    }

    /// Whether this call ended it.
    pub(super) fn end(&self) -> bool {
        let before = self.state.swap(CUT, Ordering::AcqRel);
        self.read_waker.wake();
        self.write_waker.wake();
        before != CUT
    }
}
