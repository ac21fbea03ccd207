//! Key pairs: the supported algorithms, key generation, and the PEM form.

use std::{fmt, str::FromStr};

use aws_lc_rs::signature::Ed25519KeyPair;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_RSA_SHA256, RsaKeySize};

use crate::IssueError;

/// The algorithm and size of a key pair.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum KeyAlgorithm {
    /// ECDSA on NIST P-256: small, fast, and supported by every peer.
    #[default]
    EcdsaP256,
    /// ECDSA on NIST P-384.
    EcdsaP384,
    /// Ed25519; browsers do not support it.
    Ed25519,
    /// RSA with 2048 bits.
    Rsa2048,
    /// RSA with 4096 bits; generating one takes seconds.
    Rsa4096,
}

/// The error for a text that is not a key algorithm.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "\"{0}\" is not a key algorithm: give ecdsa-p256, ecdsa-p384, ed25519, rsa-2048 or rsa-4096"
)]
pub struct KeyAlgorithmError(String);

impl KeyAlgorithm {
    pub(crate) fn generate(self) -> Result<KeyPair, IssueError> {
        let pair = match self {
            Self::EcdsaP256 => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256),
            Self::EcdsaP384 => KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384),
            Self::Ed25519 => return generate_ed25519(),
            Self::Rsa2048 => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048),
            Self::Rsa4096 => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_4096),
        };
        pair.map_err(|source| IssueError::Sign { what: format!("{self} key"), source })
    }
}

impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::EcdsaP256 => "ecdsa-p256",
            Self::EcdsaP384 => "ecdsa-p384",
            Self::Ed25519 => "ed25519",
            Self::Rsa2048 => "rsa-2048",
            Self::Rsa4096 => "rsa-4096",
        })
    }
}

impl FromStr for KeyAlgorithm {
    type Err = KeyAlgorithmError;

    fn from_str(text: &str) -> Result<Self, KeyAlgorithmError> {
        match text {
            "ecdsa-p256" => Ok(Self::EcdsaP256),
            "ecdsa-p384" => Ok(Self::EcdsaP384),
            "ed25519" => Ok(Self::Ed25519),
            "rsa-2048" => Ok(Self::Rsa2048),
            "rsa-4096" => Ok(Self::Rsa4096),
            _ => Err(KeyAlgorithmError(text.to_owned())),
        }
    }
}

// rcgen writes PKCS #8 version 2 for Ed25519, which OpenSSL before 3.2 cannot read.
fn generate_ed25519() -> Result<KeyPair, IssueError> {
    let pair = Ed25519KeyPair::generate().map_err(|_| IssueError::Random)?;
    let der = pair.to_pkcs8v1().map_err(|_| IssueError::Random)?;
    KeyPair::try_from(der.as_ref())
        .map_err(|source| IssueError::Sign { what: "ed25519 key".to_owned(), source })
}
