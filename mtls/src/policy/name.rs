//! How names are written and compared: DNS names and mail addresses (RFC 5280, section 7; RFC
//! 9525, section 6.3), and the form of URIs, distinguished names and fingerprints.

/// A DNS name or a wildcard name, without its trailing dot; nothing where it is none.
pub(super) fn dns(text: &str) -> Option<&str> {
    let name = without_dot(text);
    let labels = name.strip_prefix("*.").unwrap_or(name);
    (name.len() <= 253 && labels.split('.').all(is_label)).then_some(name)
}

/// Whether two DNS names are one. Only ASCII letters have a case here: to fold more would make
/// the Kelvin sign a `k`.
pub(super) fn same_dns(one: &str, other: &str) -> bool {
    without_dot(one).eq_ignore_ascii_case(without_dot(other))
}

/// The local part and the host of a mail address; nothing where it is none.
pub(super) fn email(text: &str) -> Option<(&str, &str)> {
    let (local, host) = text.split_once('@')?;
    let plain = !local.is_empty() && local.bytes().all(|byte| byte.is_ascii_graphic());
    (plain && host.split('.').all(is_label)).then_some((local, host))
}

/// Whether two mail addresses are one: the host in any case, the local part to the letter.
pub(super) fn same_email(one: &str, other: &str) -> bool {
    match (one.rsplit_once('@'), other.rsplit_once('@')) {
        (Some((local, host)), Some((other_local, other_host))) => {
            local == other_local && host.eq_ignore_ascii_case(other_host)
        }
        _ => false,
    }
}

/// Whether it begins with a scheme (RFC 3986, section 3.1), and is visible ASCII.
pub(super) fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else {
        return false;
    };
    let in_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(in_scheme)
        && !rest.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Whether it may be a distinguished name as it is displayed here. A space after a comma or around
/// an equals sign is how other programs write names, and would never match: our display escapes a
/// space at the beginning and at the end of a value.
pub(super) fn is_distinguished(text: &str) -> bool {
    let mut escaped = false;
    let mut after_comma = false;
    for character in text.chars() {
        if after_comma && character == ' ' {
            return false;
        }
        after_comma = character == ',' && !escaped;
        escaped = character == '\\' && !escaped;
    }
    text.contains('=') && !text.contains(" = ")
}

/// A SHA-256 fingerprint as certificates here have it: upper case, with colons.
pub(super) fn fingerprint(text: &str) -> Option<String> {
    let pairs: Vec<&[u8]> = if text.contains(':') {
        text.as_bytes().split(|byte| *byte == b':').collect()
    } else {
        text.as_bytes().chunks(2).collect()
    };
    let is_pair = |pair: &&[u8]| pair.len() == 2 && pair.iter().all(u8::is_ascii_hexdigit);
    let whole = pairs.len() == 32 && pairs.iter().all(is_pair);
    whole.then(|| String::from_utf8_lossy(&pairs.join(&b':')).to_ascii_uppercase())
}

fn without_dot(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

/// Underscores are no letters of host names, but those of many services have them.
fn is_label(label: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    (1..=63).contains(&label.len())
        && label.bytes().all(allowed)
        && !label.starts_with('-')
        && !label.ends_with('-')
}
