//! The way from hickory-server to [`respond`] and back.

use std::{sync::Arc, time::SystemTime};

use arc_swap::ArcSwap;
use hickory_proto::{
    ProtoError,
    op::{Header, HeaderCounts, MessageType, ResponseCode},
    rr::Record,
    serialize::binary::{BinDecodable, BinDecoder, BinEncoder},
};
use hickory_server::{
    net::{runtime::Time, xfer::Protocol},
    server::{Request, RequestHandler, ResponseHandler, ResponseInfo},
    zone_handler::{MessageResponse, MessageResponseBuilder, Queries},
};
use tracing::{debug, warn};

use crate::{
    metrics::Metrics,
    respond::{Response, respond},
    snapshot::Snapshot,
    worker::{Asker, Transport},
};

/// Answers requests from the snapshot that is current when they come.
#[derive(Clone)]
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
        let response = self.respond(request, SystemTime::now());
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

impl Handler {
    /// The response to a message; none to what is no query.
    pub(crate) fn bytes(&self, message: Vec<u8>, asker: Asker, now: SystemTime) -> Option<Vec<u8>> {
        let client = asker.address;
        let header = Header::read(&mut BinDecoder::new(&message)).ok()?;
        if header.metadata.message_type == MessageType::Response {
            return None;
        }
        let protocol = match asker.transport {
            Transport::Udp => Protocol::Udp,
            _ => Protocol::Tcp,
        };
        let encoded = match Request::from_bytes(message, client, protocol) {
            Ok(request) => encode(&request, &self.respond(&request, now)),
            Err(_) => malformed(&header),
        };
        encoded
            .inspect_err(|error| warn!(%error, %client, "a response cannot be encoded"))
            .ok()
    }

    fn respond(&self, request: &Request, now: SystemTime) -> Response {
        let response = respond(&self.snapshot.load(), request, now);
        let first = request.queries.queries().first();
        self.metrics.count(
            first.map(|query| query.query_type()),
            response.metadata.response_code,
            response.pop.as_ref(),
        );
        response
    }
}

async fn send<R: ResponseHandler>(
    request: &Request,
    response: &Response,
    handle: &mut R,
) -> Result<ResponseInfo, hickory_server::net::NetError> {
    let none = no_queries()?;
    handle.send_response(built(request, response, &none)).await
}

fn encode(request: &Request, response: &Response) -> Result<Vec<u8>, ProtoError> {
    let none = no_queries()?;
    let mut bytes = Vec::with_capacity(512);
    built(request, response, &none).destructive_emit(&mut BinEncoder::new(&mut bytes))?;
    Ok(bytes)
}

/// FORMERR to what does not decode, as hickory-server says it over UDP.
fn malformed(header: &Header) -> Result<Vec<u8>, ProtoError> {
    let none = no_queries()?;
    let mut bytes = Vec::new();
    MessageResponseBuilder::new(&none, None)
        .error_msg(header, ResponseCode::FormErr)
        .destructive_emit(&mut BinEncoder::new(&mut bytes))?;
    Ok(bytes)
}

fn no_queries() -> Result<Queries, ProtoError> {
    Ok(Queries::read(&mut BinDecoder::new(&[]), 0)?)
}

fn built<'a>(
    request: &'a Request,
    response: &'a Response,
    none: &'a Queries,
) -> MessageResponse<
    'a,
    'a,
    impl Iterator<Item = &'a Record> + Send + 'a,
    impl Iterator<Item = &'a Record> + Send + 'a,
    impl Iterator<Item = &'a Record> + Send + 'a,
    impl Iterator<Item = &'a Record> + Send + 'a,
> {
    let queries = match response.has_question {
        true => &request.queries,
        false => none,
    };
    MessageResponseBuilder::new(queries, response.edns.as_ref()).build(
        response.metadata,
        &response.answers,
        &response.authorities,
        [],
        &response.additionals,
    )
}
