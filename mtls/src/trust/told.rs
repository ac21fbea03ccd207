//! What an error of webpki's means in our words, and which certificate of the chain it concerns.

use time::OffsetDateTime;
use webpki::Error;

use super::presented::Presented;
use crate::certificate::Fields;
use crate::moment::Moment;
use crate::refusal::{Code, Reason};
use crate::role::Role;

/// The reason that such an error is told as.
pub(super) fn told(
    error: &Error,
    chain: &Presented<'_>,
    role: Role,
    now: OffsetDateTime,
) -> Reason {
    let code = match error {
        Error::CaUsedAsEndEntity => Code::NotALeaf,
        Error::CertExpired { .. } => return out_of_date(chain, Code::Expired, now),
        Error::CertNotValidYet { .. } => return out_of_date(chain, Code::NotYetValid, now),
        Error::CertRevoked => Code::Revoked,
        Error::EmptyEkuExtension => {
            let detail =
                format!("its extended key usage is empty, and {} is needed", role.purpose());
            return chain.reason(Code::WrongPurpose, 0).with_detail(detail);
        }
        Error::RequiredEkuNotFoundContext(_) => {
            let has = chain.facts(0).extended_key_usage.join(", ");
            let detail = format!("it is for {has}, and {} is needed", role.purpose());
            return chain.reason(Code::WrongPurpose, 0).with_detail(detail);
        }
        Error::EndEntityUsedAsCa => {
            return chain.reason(Code::IssuerNotAuthority, 1.min(chain.parsed.len() - 1));
        }
        Error::InvalidSignatureForPublicKey => Code::BadSignature,
        Error::MaximumNameConstraintComparisonsExceeded
        | Error::MaximumPathBuildCallsExceeded
        | Error::MaximumPathDepthExceeded
        | Error::MaximumSignatureChecksExceeded => Code::ChainTooComplex,
        Error::NameConstraintViolation => Code::NameConstraint,
        Error::PathLenConstraintViolated => Code::PathTooLong,
        Error::UnknownIssuer => Code::UnknownIssuer,
        Error::UnsupportedCriticalExtension => Code::UnknownExtension,
        Error::UnsupportedSignatureAlgorithmContext(_)
        | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
            let algorithm = chain.facts(0).signature_algorithm;
            let detail = format!("it is signed with {algorithm}");
            return chain.reason(Code::UnsupportedAlgorithm, 0).with_detail(detail);
        }
        other => {
            return chain.reason(Code::BadEncoding, 0).with_detail(other.to_string());
        }
    };
    chain.reason(code, 0)
}

fn out_of_date(chain: &Presented<'_>, code: Code, now: OffsetDateTime) -> Reason {
    let outside = |one: &Fields<'_>| {
        if code == Code::Expired { now > one.not_after } else { now < one.not_before }
    };
    let index = chain.parsed.iter().position(outside).unwrap_or(0);
    let facts = chain.facts(index);
    let detail = if code == Code::Expired {
        format!("{} ended at {}", facts.name(), Moment(facts.valid_to))
    } else {
        format!("{} begins at {}", facts.name(), Moment(facts.valid_from))
    };
    chain.reason(code, index).with_detail(detail)
}
