//! The one fetch for all who want a key: send, receive, and fill the store while it arrives.

use std::{
    future::poll_fn,
    sync::Arc,
    time::{Instant, SystemTime},
};

use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body_util::BodyExt;
use perigee_http_cache::{
    NotStored, Order, Receipt, ResponseHead, StoredHead, Times, receive, withheld,
};
use perigee_storage::{Body, Fill, Reader, Stored};
use perigee_upstream::Body as Relayed;
use tokio::sync::oneshot;

use crate::{
    Inbound, NextHop,
    claims::varies_by_client,
    exchange::Exchange,
    fetch::Wanted,
    flight::{Arrival, Lead, Progress},
    next_hop::Hop,
    onward::{make_unconditional, request_head},
    send::Arrived,
};

/// What the one who began a fetch gets, and nobody else.
pub(crate) enum ForLeader {
    /// A response that is not to be shared.
    Response(Arrived),
    /// Fields that are not stored, of a response that is.
    Withheld(HeaderMap),
}

impl Exchange {
    /// Fetches, tells all who wait, and stores. A response that is not to be shared goes to
    /// the one request that began the fetch.
    pub(crate) async fn lead(
        self: Arc<Self>,
        lead: Lead,
        inbound: Arc<Inbound>,
        next: Arc<dyn NextHop>,
        hops: Vec<Hop>,
        mut wanted: Wanted,
        to_leader: oneshot::Sender<ForLeader>,
    ) {
        loop {
            let requested = SystemTime::now();
            let sent = self.send(&inbound, &*next, &hops, &wanted).await;
            let arrived = match sent {
                Ok(arrived) => arrived,
                Err(failure) => return lead.tell(Progress::Failed(failure)),
            };
            let times = Times {
                requested,
                received: SystemTime::now(),
            };
            match self.judge(&inbound, &wanted, &arrived, times) {
                Receipt::Store(head) => {
                    return self
                        .store_it(lead, &inbound, *head, None, arrived, to_leader)
                        .await;
                }
                Receipt::Combine { head, order } => {
                    let stored = wanted.stored.map(|stored| (stored.body, order));
                    return self
                        .store_it(lead, &inbound, *head, stored, arrived, to_leader)
                        .await;
                }
                Receipt::Freshened(head) => {
                    // The body of a 304 is empty: nothing more is wanted of this response.
                    let Arrived {
                        response,
                        cache_status,
                        ..
                    } = arrived;
                    let status = response.status().as_u16();
                    drop(response);
                    let answered = (status, cache_status.into());
                    return self.freshen(lead, &inbound, *head, wanted, answered).await;
                }
                // What is stored was of no use: once more, without it.
                Receipt::FetchAgain if wanted.is_particular() => wanted = Wanted::default(),
                Receipt::ServeStale => {
                    let status = arrived.response.status().as_u16();
                    return lead.tell(Progress::ServeStale(status));
                }
                receipt @ (Receipt::Relay(_) | Receipt::FetchAgain) => {
                    // Whether the leader is still there is its own affair.
                    let _ = to_leader.send(ForLeader::Response(arrived));
                    return lead.tell(match receipt {
                        Receipt::Relay(NotStored::Request) => Progress::Personal,
                        _ => Progress::NotShared,
                    });
                }
            }
        }
    }

    async fn send(
        &self,
        inbound: &Inbound,
        next: &dyn NextHop,
        hops: &[Hop],
        wanted: &Wanted,
    ) -> Result<Arrived, perigee_http_cache::Failure> {
        let mut head = request_head(&inbound.head, &self.config.node, self.loop_id(inbound));
        head.method = http::Method::GET;
        make_unconditional(&mut head.headers);
        head.headers.extend(wanted.fields.clone());
        let empty = perigee_upstream::body::empty();
        self.send_over(hops, next, inbound, &head, empty).await
    }

    fn judge(
        &self,
        inbound: &Inbound,
        wanted: &Wanted,
        arrived: &Arrived,
        times: Times,
    ) -> Receipt {
        let response = ResponseHead {
            status: arrived.response.status(),
            headers: arrived.response.headers(),
        };
        let receipt = receive(
            &inbound.as_fetched(),
            wanted.head().map(|head| &**head),
            &wanted.fields,
            response,
            inbound.policy(),
            times,
        );
        match receipt {
            Receipt::Store(_) if varies_by_client(response.headers) => {
                Receipt::Relay(NotStored::VaryStar)
            }
            Receipt::Freshened(_) if varies_by_client(response.headers) => Receipt::FetchAgain,
            receipt => receipt,
        }
    }

    async fn freshen(
        &self,
        lead: Lead,
        inbound: &Inbound,
        head: StoredHead,
        wanted: Wanted,
        (status, cache_status): (u16, Arc<[HeaderValue]>),
    ) {
        let Some(old) = wanted.stored else {
            return lead.tell(Progress::NotShared);
        };
        let head = Arc::new(head);
        let store = &self.store;
        store
            .freshen(&inbound.key, &old, Arc::clone(&head))
            .get()
            .await;
        let body = old.body;
        lead.tell(Progress::Arrived(Arrival {
            stored: Stored { head, body },
            kept: !lead.is_purged(),
            status,
            cache_status,
        }));
    }

    async fn store_it(
        &self,
        lead: Lead,
        inbound: &Inbound,
        head: StoredHead,
        stored: Option<(Body, Order)>,
        arrived: Arrived,
        to_leader: oneshot::Sender<ForLeader>,
    ) {
        let length = head.body_length();
        let fill = self.store.fill(&inbound.key, Arc::new(head), length);
        let fits = fill.is_kept();
        // What was asked for before a purge is for those who have waited since, and nobody else.
        if lead.is_purged() {
            fill.forgo();
        }
        // What is combined goes to those who wait even if it is not kept: without the stored bytes
        // it is no answer.
        if !fits && stored.is_none() {
            // Too large for the store. It streams through to the one who asked; unless that one
            // wants a part of it, which the next tier can give it without sending the rest.
            let is_part = arrived.response.status() == StatusCode::PARTIAL_CONTENT;
            if is_part || !inbound.head.headers.contains_key(header::RANGE) {
                let _ = to_leader.send(ForLeader::Response(arrived));
            }
            return lead.tell(Progress::NotShared);
        }
        let fields = withheld(arrived.response.headers(), inbound.policy());
        let leader = if fields.is_empty() {
            Some(to_leader)
        } else {
            let _ = to_leader.send(ForLeader::Withheld(fields));
            None
        };
        // A fill that is not kept goes no further than its readers. Until the leader reads, this
        // one stands in for it, so that the first bytes are still there.
        let first = fill.body().read();
        lead.tell(Progress::Arrived(Arrival {
            stored: fill.stored(),
            kept: fill.is_kept(),
            status: arrived.response.status().as_u16(),
            cache_status: arrived.cache_status.into(),
        }));
        let reading = async {
            if let Some(mut leader) = leader {
                leader.closed().await;
            }
            drop(first);
        };
        let filling = async {
            let mut fill = fill;
            let pumped = pump_all(stored, arrived.response.into_body(), &mut fill).await;
            if pumped.is_err() {
                // Nobody joins any more when those who read along see the break, and ask again.
                drop(lead);
                drop(fill);
                return pumped;
            }
            fill.commit().map_err(|error| error.to_string())
        };
        let (pumped, ()) = tokio::join!(filling, reading);
        if let Err(error) = pumped
            && let Some(held_back) = self.failures.pass(Instant::now())
        {
            let key = &inbound.key;
            tracing::info!(%key, error, held_back, "a response is not stored");
        }
    }
}

/// Moves what comes into the store, behind or before what is there already.
async fn pump_all(
    stored: Option<(Body, Order)>,
    arriving: Relayed,
    fill: &mut Fill,
) -> Result<(), String> {
    match stored {
        None => pump(arriving, fill).await,
        Some((body, Order::StoredFirst)) => {
            pour(body.read(), fill).await?;
            pump(arriving, fill).await
        }
        Some((body, Order::NewFirst)) => {
            pump(arriving, fill).await?;
            pour(body.read(), fill).await
        }
    }
}

/// Moves a stored body into the store once more.
async fn pour(mut body: Reader, fill: &mut Fill) -> Result<(), String> {
    while let Some(chunk) = poll_fn(|cx| body.poll_chunk(cx)).await {
        let chunk = chunk.map_err(|error| error.to_string())?;
        fill.write(chunk).await.map_err(|error| error.to_string())?;
        // All of it is there at once: others want their turn, too.
        tokio::task::coop::consume_budget().await;
    }
    Ok(())
}

/// Moves a body into the store. Unless it comes to a clean end, nothing is to be left there.
async fn pump(mut body: Relayed, fill: &mut Fill) -> Result<(), String> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| error.to_string())?;
        // Trailers are not kept.
        if let Ok(data) = frame.into_data() {
            fill.write(data).await.map_err(|error| error.to_string())?;
        }
    }
    Ok(())
}
