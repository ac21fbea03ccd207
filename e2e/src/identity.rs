//! An identity directory, and the paths in it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// A directory with `tls.crt`, `tls.key` and `ca.crt`.
#[derive(Clone, Debug)]
pub struct Identity {
    directory: PathBuf,
}

impl Identity {
    /// The identity that stands in a directory.
    pub fn at(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into() }
    }

    /// Makes a directory of these files.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn write(directory: PathBuf, chain: &str, key: &str, roots: &str) -> Result<Self> {
        fs::create_dir_all(&directory)?;
        let identity = Self { directory };
        fs::write(identity.chain(), chain)?;
        fs::write(identity.key(), key)?;
        fs::write(identity.roots(), roots)?;
        Ok(identity)
    }

    /// The directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The leaf, and the intermediates above it.
    pub fn chain(&self) -> PathBuf {
        self.directory.join("tls.crt")
    }

    /// The private key.
    pub fn key(&self) -> PathBuf {
        self.directory.join("tls.key")
    }

    /// The roots.
    pub fn roots(&self) -> PathBuf {
        self.directory.join("ca.crt")
    }

    /// A file of the intermediates alone, where there are any: OpenSSL's command wants them so.
    ///
    /// # Errors
    ///
    /// The chain cannot be read, or the file not be written.
    pub fn intermediates(&self) -> Result<Option<PathBuf>> {
        let chain = fs::read_to_string(self.chain())?;
        let (_, above) = chain.split_once(END).context("a chain must have a leaf")?;
        if above.trim().is_empty() {
            return Ok(None);
        }
        let path = self.directory.join("intermediates.crt");
        fs::write(&path, above.trim_start())?;
        Ok(Some(path))
    }
}

const END: &str = "-----END CERTIFICATE-----";
