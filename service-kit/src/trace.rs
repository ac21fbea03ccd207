//! W3C Trace Context: the thread that runs from the browser's request through both services' log
//! lines.

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::{SpanContext, TraceContextExt, TraceFlags, TraceState};
use opentelemetry::{Context, TraceId};
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

    /// Hands the trace on to whoever receives a request with these headers.
    pub fn hand_on(&self, headers: &mut HeaderMap) {
        let context = Context::new().with_remote_span_context(self.0.clone());
        TraceContextPropagator::new().inject_context(&context, &mut Outgoing(headers));
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

struct Outgoing<'a>(&'a mut HeaderMap);

impl Injector for Outgoing<'_> {
    fn set(&mut self, key: &str, value: String) {
        // A `tracestate` without entries says nothing.
        if value.is_empty() {
            return;
        }
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(key), HeaderValue::try_from(value)) {
            self.0.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::Trace;

    #[test]
    fn the_callers_trace_goes_on_with_a_span_of_our_own() {
        let mut headers = HeaderMap::new();
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        let parent = format!("00-{id}-00f067aa0ba902b7-01");
        headers.insert("traceparent", parent.parse().unwrap());

        let trace = Trace::of(&headers);
        trace.hand_on(&mut headers);

        assert_eq!(trace.id().to_string(), id);
        let handed_on = headers["traceparent"].to_str().unwrap();
        assert!(handed_on.starts_with(&format!("00-{id}-")), "{handed_on}");
        assert_ne!(handed_on, parent);
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
