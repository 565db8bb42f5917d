//! Records as people write them (RFC 1035 section 5.1).

mod lexer;
mod master;
mod rdata;
mod svcb;
mod types;
mod words;

use perigee_dns_wire::{Name, rtype};

use super::{
    RecordText, ZoneError,
    record::{Record, Source},
};
use lexer::{Problem, Token, tokens};
pub(super) use master::parse;
use rdata::Fields;
pub(super) use types::type_name;

/// The records of an entry of the list, which stands at this place of it.
pub(super) fn records(
    apex: &Name,
    place: usize,
    text: &RecordText,
) -> Result<Vec<Record>, ZoneError> {
    let refuse = |from: Source| move |problem: Problem| ZoneError::new(from, problem.what);
    let name = words::name(&Token::of(&text.name), apex).map_err(refuse(Source::Name(place)))?;
    let rtype = types::number(&Token::of(&text.rtype)).map_err(refuse(Source::Type(place)))?;
    let record = |(which, data): (usize, &String)| {
        let from = Source::Data(place, which);
        let rdata = match rtype {
            rtype::TXT if !data.trim_start().starts_with('"') => Ok(words::plain_text(data)),
            _ => listed(rtype, data, apex),
        };
        Ok(Record {
            name: name.clone(),
            rtype,
            ttl: text.ttl,
            rdata: rdata.map_err(refuse(from.clone()))?,
            from,
        })
    };
    text.data.iter().enumerate().map(record).collect()
}

fn listed(rtype: u16, data: &str, apex: &Name) -> Result<Vec<u8>, Problem> {
    let tokens = tokens(data)?;
    Fields::new(&tokens, apex).rdata(rtype)
}
