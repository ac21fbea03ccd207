//! What an error of webpki's means in our words, and which certificate of the path it concerns:
//! webpki names none.

use time::OffsetDateTime;
use webpki::{EndEntityCert, Error};

use super::path::Path;
use super::signatures::Signed;
use crate::event::refusal::{Code, Reason};
use crate::moment::Moment;
use crate::pki::certificate::NotSigned;
use crate::pki::role::Role;

impl Path<'_> {
    /// The reason that such an error on this path is reported as.
    pub(super) fn reason(&self, error: &Error, role: Role, now: OffsetDateTime) -> Reason {
        let code = match error {
            Error::BadDerTime => return self.out_of_range(),
            Error::CaUsedAsEndEntity => Code::NotALeaf,
            Error::CertExpired { .. } => return self.out_of_date(Code::Expired, now),
            Error::CertNotValidYet { .. } => return self.out_of_date(Code::NotYetValid, now),
            Error::EmptyEkuExtension | Error::RequiredEkuNotFoundContext(_) => {
                return self.without_purpose(role);
            }
            Error::EndEntityUsedAsCa => return self.issued_by_no_authority(),
            Error::InvalidSignatureForPublicKey => return self.unsigned_by(NotSigned::Signature),
            Error::UnsupportedSignatureAlgorithmContext(_) => {
                return self.unsigned_by(NotSigned::Algorithm);
            }
            Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
                return self.unsigned_by(NotSigned::Key);
            }
            Error::MaximumNameConstraintComparisonsExceeded
            | Error::MaximumPathBuildCallsExceeded
            | Error::MaximumPathDepthExceeded
            | Error::MaximumSignatureChecksExceeded => Code::ChainTooComplex,
            Error::NameConstraintViolation => return self.constrained(),
            Error::PathLenConstraintViolated => {
                let too_long = self.path_lengths_hold().err();
                return too_long.unwrap_or_else(|| self.chain.reason(Code::PathTooLong, 0));
            }
            Error::UnknownIssuer => Code::UnknownIssuer,
            Error::UnsupportedCriticalExtension => {
                return self.chain.reason(Code::UnknownExtension, self.unreadable());
            }
            other => {
                let reason = self.chain.reason(Code::BadEncoding, self.unreadable());
                return reason.with_detail(other.to_string());
            }
        };
        self.chain.reason(code, 0)
    }

    fn out_of_date(&self, code: Code, now: OffsetDateTime) -> Reason {
        // As webpki has it, the whole of the last second counts.
        let now = now.unix_timestamp();
        let index = self.first(|index| {
            let certificate = &self.chain.parsed[index];
            match code {
                Code::Expired => now > certificate.not_after.unix_timestamp(),
                _ => now < certificate.not_before.unix_timestamp(),
            }
        });
        let facts = self.chain.facts(index);
        let detail = if code == Code::Expired {
            format!("{} ended at {}", facts.name(), Moment(facts.valid_to))
        } else {
            format!("{} begins at {}", facts.name(), Moment(facts.valid_from))
        };
        self.chain.reason(code, index).with_detail(detail)
    }

    /// A date that we can read and webpki cannot: it knows none before 1970.
    fn out_of_range(&self) -> Reason {
        let is_early = |index: usize| self.chain.parsed[index].not_before.unix_timestamp() < 0;
        let facts = self.chain.facts(self.first(is_early));
        let detail = if facts.valid_from.unix_timestamp() < 0 {
            let begins = Moment(facts.valid_from);
            format!("{} begins at {begins}, and dates before 1970 are not supported", facts.name())
        } else {
            "its dates cannot be decoded".to_owned()
        };
        Reason::new(Code::BadEncoding).with_detail(detail).with_certificate(facts)
    }

    /// An extended key usage of an intermediate limits what the leaves below it may be for, too.
    fn without_purpose(&self, role: Role) -> Reason {
        let needed = role.purpose();
        let index = self.first(|index| {
            let purposes = self.chain.facts(index).extended_key_usage;
            let has_some = self.chain.parsed[index].extensions.purposes.is_some();
            has_some && !purposes.iter().any(|purpose| purpose == needed)
        });
        let who = self.who(index);
        let detail = match self.chain.facts(index).extended_key_usage.as_slice() {
            [] if index == 0 => {
                format!("its extended key usage is empty, and {needed} is needed")
            }
            [] => format!("the extended key usage of {who} is empty, and {needed} is needed"),
            has => format!("{who} is for {}, and {needed} is needed", has.join(", ")),
        };
        self.chain.reason(Code::WrongPurpose, index).with_detail(detail)
    }

    fn issued_by_no_authority(&self) -> Reason {
        let is_none = |index: usize| {
            let constraints = self.chain.parsed[index].extensions.basic_constraints.as_ref();
            index != 0 && !constraints.is_some_and(|constraints| constraints.ca)
        };
        let index = self.first(is_none);
        let who = self.who(index);
        let detail = format!("{who} is not an authority's (basicConstraints cA is missing)");
        self.chain.reason(Code::IssuerNotAuthority, index).with_detail(detail)
    }

    /// It is the leaf that is unsigned, if it is nothing above.
    fn unsigned_by(&self, leaf: NotSigned) -> Reason {
        let (step, why) = match self.signatures.verify_down_to(1, self) {
            Signed::Not(step, why) => (step, why),
            Signed::All | Signed::Unknown(_) => (0, leaf),
        };
        self.unsigned(step, why)
    }

    /// The reason for refusing a path in which the key above a step did not sign it.
    pub(super) fn unsigned(&self, step: usize, why: NotSigned) -> Reason {
        let (index, issuer) = (self.steps[step], self.above(step));
        let (who, algorithm) = (self.who(index), self.chain.parsed[index].signed.algorithm_name());
        let (code, detail) = match why {
            NotSigned::Algorithm => {
                (Code::UnsupportedAlgorithm, format!("{who} is signed with {algorithm}"))
            }
            NotSigned::Key => {
                let key = issuer.public_key.curve.as_ref().unwrap_or(&issuer.public_key.algorithm);
                let of = issuer.name();
                let detail = format!(
                    "{who} is signed with {algorithm}, which the {key} key of {of} does not make"
                );
                (Code::UnsupportedAlgorithm, detail)
            }
            NotSigned::Signature => {
                let facts = self.chain.facts(index);
                let detail = format!("the key of {} did not sign {}", issuer.subject, facts.name());
                (Code::BadSignature, detail)
            }
        };
        self.chain.reason(code, index).with_detail(detail)
    }

    /// The certificate that webpki cannot read, as it reads one by one.
    fn unreadable(&self) -> usize {
        self.first(|index| EndEntityCert::try_from(&self.chain.ders[index]).is_err())
    }

    /// The first certificate of the path that this holds of, as webpki goes; the leaf if none.
    fn first(&self, holds: impl Fn(usize) -> bool) -> usize {
        self.steps.iter().copied().find(|index| holds(*index)).unwrap_or(0)
    }

    /// The leaf, or an intermediate by its name.
    pub(super) fn who(&self, index: usize) -> String {
        match index {
            0 => "it".to_owned(),
            _ => format!("the intermediate {}", self.chain.facts(index).name()),
        }
    }
}
