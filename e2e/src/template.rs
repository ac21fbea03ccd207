//! Files of `e2e/foreign` that foreign programs are set by, with the places that a test fills in.

use std::fmt::Display;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::binaries::workspace;

/// Reads a file of `e2e/foreign`, and puts values in place of `@NAME@`.
///
/// # Errors
///
/// There is no such file, or the names in it are others.
pub fn fill(name: &str, values: &[(&str, &dyn Display)]) -> Result<String> {
    let path = workspace().join("e2e/foreign").join(name);
    let mut text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    for (name, value) in values {
        let place = format!("@{name}@");
        ensure!(text.contains(&place), "{} has no {place}", path.display());
        text = text.replace(&place, &value.to_string());
    }
    Ok(text)
}

/// Writes a filled file into a directory.
///
/// # Errors
///
/// As for [`fill`], or it cannot be written.
pub fn write(name: &str, values: &[(&str, &dyn Display)], directory: &Path) -> Result<()> {
    Ok(fs::write(directory.join(name), fill(name, values)?)?)
}
