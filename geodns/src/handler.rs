//! The way from hickory-server to [`respond`] and back.

use std::{sync::Arc, time::SystemTime};

use arc_swap::ArcSwap;
use hickory_proto::{
    op::{Header, HeaderCounts},
    serialize::binary::BinDecoder,
};
use hickory_server::{
    net::runtime::Time,
    server::{Request, RequestHandler, ResponseHandler, ResponseInfo},
    zone_handler::{MessageResponseBuilder, Queries},
};
use tracing::debug;

use crate::{
    metrics::Metrics,
    respond::{Response, respond},
    snapshot::Snapshot,
};

/// Answers requests from the snapshot that is current when they come.
pub(crate) struct Handler {
    pub(crate) snapshot: Arc<ArcSwap<Snapshot>>,
    pub(crate) metrics: Metrics,
}

#[async_trait::async_trait]
impl RequestHandler for Handler {
    async fn handle_request<R: ResponseHandler, T: Time>(
        &self,
        request: &Request,
        mut handle: R,
    ) -> ResponseInfo {
        let response = respond(&self.snapshot.load(), request, SystemTime::now());
        let first = request.queries.queries().first();
        self.metrics.count(
            first.map(|query| query.query_type()),
            response.metadata.response_code,
            response.pop.as_ref(),
        );
        match send(request, &response, &mut handle).await {
            Ok(info) => info,
            Err(error) => {
                // The client is gone, or a queue is full; it will ask again.
                debug!(%error, client = %request.src(), "response not sent");
                ResponseInfo::from(Header {
                    metadata: response.metadata,
                    counts: HeaderCounts::default(),
                })
            }
        }
    }
}

async fn send<R: ResponseHandler>(
    request: &Request,
    response: &Response,
    handle: &mut R,
) -> Result<ResponseInfo, hickory_server::net::NetError> {
    let no_question;
    let queries = if response.has_question {
        &request.queries
    } else {
        no_question =
            Queries::read(&mut BinDecoder::new(&[]), 0).map_err(hickory_proto::ProtoError::from)?;
        &no_question
    };
    let message = MessageResponseBuilder::new(queries, response.edns.as_ref()).build(
        response.metadata,
        &response.answers,
        &response.authorities,
        [],
        &response.additionals,
    );
    handle.send_response(message).await
}
