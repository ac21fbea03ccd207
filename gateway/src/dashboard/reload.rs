//! The result of a reload, of the configuration file or of an identity.

use serde::Serialize;
use time::OffsetDateTime;

use super::moment::Moment;
use super::shown::shown;

/// The result of the last reload of some files.
#[derive(Serialize)]
pub(super) struct ReloadView {
    pub(super) at: Moment,
    pub(super) ok: bool,
    pub(super) problems: Vec<String>,
}

impl ReloadView {
    pub(super) fn new<T: AsRef<str>>(
        at: OffsetDateTime,
        problems: impl IntoIterator<Item = T>,
    ) -> Self {
        let problems: Vec<String> =
            problems.into_iter().map(|problem| shown(problem.as_ref())).collect();
        Self { at: Moment(at), ok: problems.is_empty(), problems }
    }
}
