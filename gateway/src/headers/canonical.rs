//! Rewrites fields that servers interpret differently to one unambiguous form.

use http::header::{CONTENT_LENGTH, COOKIE};
use http::{HeaderMap, HeaderValue, Method};

/// Joins the `Cookie` fields of a request into one.
///
/// HTTP/2 allows one field for each cookie, but a message forwarded as HTTP/1.1 must have a single
/// one (RFC 9113, section 8.2.3). An HTTP/1.1 client that sends several violates RFC 6265, section
/// 5.4; its fields are joined too, since services would otherwise read the first, the last or all
/// of them.
pub fn join_cookies(headers: &mut HeaderMap) {
    let mut values = headers.get_all(COOKIE).iter();
    if values.next().is_none() || values.next().is_none() {
        return;
    }
    let values = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes);
    let joined = values.filter(|value| !value.is_empty()).collect::<Vec<_>>().join(&b"; "[..]);
    if let Ok(joined) = HeaderValue::from_bytes(&joined) {
        headers.insert(COOKIE, joined);
    }
}

/// Writes `Content-Length` once and without leading zeros, which some servers read as octal. Equal
/// lengths may be repeated in fields or in a list (RFC 9110, section 8.6).
pub fn merge_lengths(headers: &mut HeaderMap) {
    let mut values = headers.get_all(CONTENT_LENGTH).iter();
    let Some(first) = values.next() else {
        return;
    };
    let is_canonical = |value: &HeaderValue| {
        value.as_bytes().iter().all(u8::is_ascii_digit) && !value.as_bytes().starts_with(b"0")
    };
    if values.next().is_none() && is_canonical(first) {
        return;
    }
    // hyper rejects messages whose lengths differ.
    let length = first.to_str().ok().and_then(|list| list.split(',').next());
    if let Some(length) = length.and_then(|length| length.trim().parse::<u64>().ok()) {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
}

/// Adds `Content-Length: 0` to a request without content whose method usually has content (RFC
/// 9110, section 8.6). HTTP/2 does not need it: there the stream ends.
pub fn declare_empty(method: &Method, headers: &mut HeaderMap) {
    let expects_content = matches!(*method, Method::PATCH | Method::POST | Method::PUT);
    if expects_content && !headers.contains_key(CONTENT_LENGTH) {
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn cookies_are_one_field_with_every_pair_in_order(
            cookies in proptest::collection::vec("[a-z]{0,3}(=[!-+.-:<-~]{0,8})?", 0..6)
        ) {
            let mut headers = of("cookie", &cookies);

            join_cookies(&mut headers);

            let mut sent: Vec<_> = cookies.iter().filter(|value| !value.is_empty()).collect();
            if cookies.len() == 1 {
                sent = cookies.iter().collect();
            }
            let left: Vec<_> = headers.get_all(COOKIE).iter().collect();
            prop_assert_eq!(left.len(), usize::from(!cookies.is_empty()));
            if let [only] = left[..] {
                let pairs: Vec<_> = sent.iter().map(|value| value.as_str()).collect();
                prop_assert_eq!(only.to_str().unwrap(), pairs.join("; "));
            }
        }

        #[test]
        fn a_length_is_sent_once_in_canonical_form(
            length: u64, zeros in 0..4usize, fields in 1..4usize, members in 1..4usize
        ) {
            let one = format!("{}{length}", "0".repeat(zeros));
            let field = vec![one; members].join(", ");
            let mut headers = of("content-length", &vec![field; fields]);

            merge_lengths(&mut headers);

            let left: Vec<_> = headers.get_all(CONTENT_LENGTH).iter().cloned().collect();
            prop_assert_eq!(left, vec![HeaderValue::from(length)]);
        }
    }

    #[test]
    fn bytes_that_are_not_text_stay_in_a_cookie() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_bytes(b"a=\xff").unwrap());
        headers.append(COOKIE, HeaderValue::from_static("b"));

        join_cookies(&mut headers);

        assert_eq!(headers[COOKIE].as_bytes(), b"a=\xff; b");
    }

    #[test]
    fn only_methods_that_usually_have_content_get_a_zero_length() {
        for (method, declared) in [
            (Method::GET, false),
            (Method::DELETE, false),
            (Method::PATCH, true),
            (Method::POST, true),
            (Method::PUT, true),
        ] {
            let mut headers = HeaderMap::new();
            declare_empty(&method, &mut headers);
            assert_eq!(headers.contains_key(CONTENT_LENGTH), declared, "{method}");
        }
    }

    fn of(name: &'static str, values: &[String]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }
}
