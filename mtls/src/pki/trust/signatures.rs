//! Which certificates of a chain are signed by which keys, each looked at once: a stranger may send
//! certificates that all may have issued each other, and a signature costs more than the rest.

use super::path::Path;
use crate::pki::certificate::NotSigned;

/// The most signatures of others that are looked at: an honest chain has none, or the one of a
/// namesake.
const MOST_UNSIGNED: usize = 3;

/// The signatures that were looked at.
#[derive(Default)]
pub(super) struct Signatures<'a>(Vec<Signature<'a>>);

struct Signature<'a> {
    is_of_root: bool,
    /// The certificate, by its index in the chain.
    index: usize,
    key: &'a [u8],
    result: Result<(), NotSigned>,
}

impl<'a> Signatures<'a> {
    /// The step of a path that the key above it did not sign, the highest of them as webpki goes,
    /// and why; and whether that is known already.
    pub(super) fn first_unsigned(&mut self, path: &Path<'a>) -> Option<(usize, NotSigned, bool)> {
        self.first_unsigned_down_to(0, path)
    }

    /// The same, of this step and those above.
    pub(super) fn first_unsigned_down_to(
        &mut self,
        lowest: usize,
        path: &Path<'a>,
    ) -> Option<(usize, NotSigned, bool)> {
        (lowest..path.steps.len()).rev().find_map(|step| {
            let (index, key) = (path.steps[step], path.key_above(step));
            let known = self.0.iter().find(|one| one.index == index && one.key == key);
            if let Some(known) = known {
                return known.result.err().map(|why| (step, why, true));
            }
            let result = path.chain.parsed[index].signed.verify(key);
            let is_of_root = step + 1 == path.steps.len();
            self.0.push(Signature { is_of_root, index, key, result });
            result.err().map(|why| (step, why, false))
        })
    }

    /// Whether more of them are of others than serve any honest chain. Roots of one name are the
    /// operator's own, and any number of them may not have signed one certificate.
    pub(super) fn are_too_many(&self) -> bool {
        let is_counted = |(at, one): &(usize, &Signature<'_>)| {
            let is_same = |other: &Signature<'_>| {
                one.is_of_root && other.is_of_root && other.index == one.index
            };
            one.result.is_err() && !self.0[..*at].iter().any(is_same)
        };
        self.0.iter().enumerate().filter(is_counted).count() > MOST_UNSIGNED
    }
}
