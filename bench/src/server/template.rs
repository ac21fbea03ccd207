//! Configuration files with values in place of `@NAME@`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// Writes `template` to `path` with each `@NAME@` replaced.
///
/// # Errors
///
/// A name has no value, or the file cannot be written.
pub fn write(path: PathBuf, template: &str, values: &[(&str, &str)]) -> Result<PathBuf> {
    std::fs::write(&path, fill(template, values)?)
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// `template` with each `@NAME@` replaced.
///
/// # Errors
///
/// A name has no value.
pub fn fill(template: &str, values: &[(&str, &str)]) -> Result<String> {
    let filled = values
        .iter()
        .fold(template.to_owned(), |text, (name, value)| text.replace(&format!("@{name}@"), value));
    let missing = filled.split('@').skip(1).find(|name| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
    });
    ensure!(missing.is_none(), "the template needs a value for {missing:?}");
    Ok(filled)
}

/// The file of a program in its directory.
pub fn output(directory: &Path) -> PathBuf {
    directory.join("output.log")
}

#[cfg(test)]
mod tests {
    use super::fill;

    #[test]
    fn every_name_needs_a_value() {
        assert_eq!(fill("port @PORT@;", &[("PORT", "1")]).unwrap(), "port 1;");
        assert!(fill("\"@type\" @PORT@;", &[]).is_err());
    }
}
