//! `/handshakes`, written one handshake at a time: many readers at once, or slow ones, hold no
//! copy of the ring buffer.

use std::iter::once;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use http::header::CONTENT_TYPE;
use mtls::event::{Event, Events};

/// `{"handshakes":[…]}`, newest first.
pub(super) fn stream(events: Arc<Events>) -> Response {
    let array = events.walk().enumerate().map(|(index, handshake)| element(index, &handshake));
    let begin = once(Ok(Bytes::from_static(b"{\"handshakes\":[")));
    let end = once(Ok(Bytes::from_static(b"]}")));
    let body = Body::from_stream(stream::iter(begin.chain(array).chain(end)));
    ([(CONTENT_TYPE, "application/json")], body).into_response()
}

fn element(index: usize, handshake: &Event) -> serde_json::Result<Bytes> {
    let mut json = if index == 0 { Vec::new() } else { vec![b','] };
    serde_json::to_writer(&mut json, handshake)?;
    Ok(json.into())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use axum::body::{Body, to_bytes};
    use http_body_util::BodyExt;
    use mtls::event::refusal::{Code, Reason, Refusal};
    use mtls::event::{Event, Events};
    use mtls::pki::role::Role;
    use serde_json::{Value, json};

    use super::stream;

    fn record(events: &Events, count: usize) {
        let peer = ([192, 0, 2, 1], 443).into();
        for _ in 0..count {
            let refusal = Refusal::new(Reason::new(Code::NotTls), Role::Server, None, peer);
            events.record(Event::refused(Role::Server, Duration::ZERO, None, refusal));
        }
    }

    #[tokio::test]
    async fn the_stream_is_the_whole_ring_as_one_json_document() {
        for count in [0, 1, 2, 256, 300] {
            let events = Events::new(0);
            record(&events, count);

            let body = stream(Arc::clone(&events)).into_body();

            let body = to_bytes(body, usize::MAX).await.unwrap();
            let whole: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(whole, json!({ "handshakes": events.newest() }));
        }
    }

    #[tokio::test]
    async fn a_slow_reader_receives_a_complete_document() {
        let events = Events::new(0);
        record(&events, 256);
        let mut body: Body = stream(Arc::clone(&events)).into_body();
        let mut read = Vec::new();
        for _ in 0..3 {
            let frame = body.frame().await.unwrap().unwrap();
            read.extend_from_slice(frame.data_ref().unwrap());
        }

        record(&events, 256);

        read.extend_from_slice(&to_bytes(body, usize::MAX).await.unwrap());
        let whole: Value = serde_json::from_slice(&read).unwrap();
        assert_eq!(whole["handshakes"].as_array().unwrap().len(), 2);
    }
}
