//! W3C Trace Context: the thread that runs from the browser's request through both services' log
//! lines.

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::TraceId;
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::{SpanContext, TraceContextExt, TraceFlags, TraceState};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};

/// Our own span in a trace: the caller's trace if it sent a valid `traceparent`, else a new one.
#[derive(Clone, Debug)]
pub struct Trace(SpanContext);

impl Trace {
    /// A new span in the trace that the headers name.
    pub fn of(headers: &HeaderMap) -> Self {
        let context = TraceContextPropagator::new().extract(&Incoming(headers));
        let parent = context.span().span_context().clone();
        let ids = RandomIdGenerator::default();
        let (trace, flags, state) = if parent.is_valid() {
            (parent.trace_id(), parent.trace_flags(), parent.trace_state().clone())
        } else {
            (ids.new_trace_id(), TraceFlags::SAMPLED, TraceState::default())
        };
        Self(SpanContext::new(trace, ids.new_span_id(), flags, false, state))
    }

    /// The trace's ID.
    pub fn id(&self) -> TraceId {
        self.0.trace_id()
    }

    /// Sets the trace in the headers of a request (W3C Trace Context).
    pub fn inject(&self, headers: &mut HeaderMap) {
        if let Ok(value) = HeaderValue::try_from(self.traceparent()) {
            headers.insert(&TRACEPARENT, value);
        }
        // A `tracestate` without entries says nothing.
        let state = self.0.trace_state().header();
        if !state.is_empty()
            && let Ok(value) = HeaderValue::try_from(state)
        {
            headers.insert(&TRACESTATE, value);
        }
    }

    /// The field of version 00, in lower case (W3C Trace Context, section 3.2.2).
    fn traceparent(&self) -> String {
        let (trace, span) = (self.0.trace_id().to_bytes(), self.0.span_id().to_bytes());
        let flags = [(self.0.trace_flags() & TraceFlags::SAMPLED).to_u8()];
        let mut text = String::with_capacity("00-".len() + 32 + 1 + 16 + 1 + 2);
        text.push_str("00");
        for part in [&trace[..], &span, &flags] {
            text.push('-');
            push_hexadecimal(&mut text, part);
        }
        text
    }
}

/// Formatting a number takes as long as the rest of handing on.
fn push_hexadecimal(text: &mut String, octets: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for octet in octets {
        text.push(char::from(DIGITS[usize::from(octet >> 4)]));
        text.push(char::from(DIGITS[usize::from(octet & 15)]));
    }
}

struct Incoming<'a>(&'a HeaderMap);

impl Extractor for Incoming<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
static TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::Trace;

    #[test]
    fn the_trace_of_a_client_continues_with_a_new_span() {
        let mut headers = HeaderMap::new();
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        let parent = format!("00-{id}-00f067aa0ba902b7-01");
        headers.insert("traceparent", parent.parse().unwrap());

        let trace = Trace::of(&headers);
        trace.inject(&mut headers);

        assert_eq!(trace.id().to_string(), id);
        let injected = headers["traceparent"].to_str().unwrap();
        assert!(injected.starts_with(&format!("00-{id}-")), "{injected}");
        assert_ne!(injected, parent);
    }

    #[test]
    fn the_injected_traceparent_names_this_span_in_this_trace() {
        let trace = Trace::of(&HeaderMap::new());
        let mut headers = HeaderMap::new();

        trace.inject(&mut headers);

        let expected = format!("00-{}-{}-01", trace.id(), trace.0.span_id());
        assert_eq!(headers["traceparent"], expected);
        assert!(!headers.contains_key("tracestate"));
    }

    #[test]
    fn a_broken_traceparent_begins_a_new_trace() {
        let mut headers = HeaderMap::new();
        headers.insert("traceparent", "00-zz-\"-01".parse().unwrap());

        let first = Trace::of(&headers);
        let second = Trace::of(&headers);

        assert_ne!(first.id(), second.id());
    }
}
