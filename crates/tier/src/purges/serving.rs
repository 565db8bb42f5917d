//! A node's log, for those who follow it.

use http::{HeaderValue, Response, Uri, header};
use perigee_cluster::{PurgeLog, asked};
use perigee_proxy::Body;
use tokio::time::timeout;

/// What came after the cursor that is asked about; if that is nothing, once something comes, or at
/// the end of the time that the asker waits.
pub(crate) async fn answer(log: &PurgeLog, uri: &Uri) -> Response<Body> {
    let (cursor, wait) = asked(uri.query().unwrap_or_default());
    // Before the first look, so that nothing comes between.
    let mut head = log.subscribe();
    let mut page = log.page(cursor.as_ref());
    if page.whole && page.entries.is_empty() && !wait.is_zero() {
        let news = head.wait_for(|head| *head > page.head);
        if timeout(wait, news).await.is_ok() {
            page = log.page(cursor.as_ref());
        }
    }
    // A struct of numbers and strings always serialises.
    let body = serde_json::to_vec(&page).unwrap_or_default();
    let mut response = Response::new(Body::full(body));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http_body_util::BodyExt;
    use perigee_cluster::{Page, PurgeEntry};

    use super::*;

    fn entry(id: &str) -> PurgeEntry {
        PurgeEntry {
            id: id.into(),
            at: 1,
            order: "{}".into(),
            again_by: None,
        }
    }

    async fn page(log: &PurgeLog, query: &str) -> Page {
        let uri = format!("/x?{query}").parse().unwrap();
        let body = answer(log, &uri).await.into_body();
        let bytes = body.collect().await.unwrap().to_bytes();
        serde_json::from_slice(&bytes).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_is_answered_when_something_comes_or_at_the_end() {
        let log = PurgeLog::new("a".into(), 10);
        log.append(entry("1"));
        let all = page(&log, "wait=5000").await;
        assert_eq!((all.whole, all.entries.len(), all.head), (false, 1, 1));
        let begun = tokio::time::Instant::now();
        let none = page(&log, "log=a&after=1&wait=5000").await;
        assert_eq!((none.whole, none.entries.len()), (true, 0));
        assert_eq!(begun.elapsed(), Duration::from_secs(5));
        let (news, ()) = tokio::join!(page(&log, "log=a&after=1&wait=5000"), async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            log.append(entry("2"));
        });
        assert_eq!(news.entries, [entry("2")]);
        assert_eq!(begun.elapsed(), Duration::from_secs(7));
    }
}
