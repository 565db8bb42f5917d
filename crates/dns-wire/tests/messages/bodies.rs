//! What the fuzz targets run: whatever the octets are, nothing panics, and what is read and written
//! agrees with itself. `tests/messages` runs the same on seeded octets with any toolchain.

use perigee_dns_wire::{
    Header, Owner, ReplyOpt, Request, RrSet, Section, Silence, Writer, rcode, rtype,
};

/// Any message: what is read of it can be answered, and the response is no request.
pub(crate) fn message(octets: &[u8]) {
    let request = match Request::read(octets) {
        Err(Silence::Short) => return assert!(octets.len() < 12),
        Err(Silence::Response) => return assert!(octets[2] & 0x80 != 0),
        Ok(request) => request,
    };
    assert_eq!(request.header.id.to_be_bytes(), octets[..2]);
    if request.error.is_none() {
        assert!(request.question.is_some());
    }
    let name = request.question.as_ref().map(|question| {
        let (name, rest) = question.wire.split_at(question.wire.len() - 4);
        assert!(name.eq_ignore_ascii_case(&question.name()));
        assert_eq!(rest[..2], question.rtype.to_be_bytes());
        question.name().to_vec()
    });
    for limit in [64, 512, 65_535] {
        respond(&request, name.as_deref(), limit);
    }
}

/// The data of a Client Subnet option: what is read of it comes back as it was.
pub(crate) fn subnet(data: &[u8]) {
    let Ok(length) = u16::try_from(data.len()) else {
        return;
    };
    let mut message = vec![0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1];
    message.extend([0, 0, 1, 0, 1]);
    message.extend([0, 0, 41, 4, 208, 0, 0, 0, 0]);
    message.extend((length.saturating_add(4)).to_be_bytes());
    message.extend([0, 8]);
    message.extend(length.to_be_bytes());
    message.extend(data);
    let Ok(request) = Request::read(&message) else {
        unreachable!("it is a query");
    };
    let subnet = request.edns.and_then(|edns| edns.subnet);
    let Some(subnet) = subnet else {
        return assert_eq!(request.error, Some(rcode::FORMERR));
    };
    if length <= u16::MAX - 4 {
        assert_eq!(request.error, None);
    }
    let mut out = [0; 128];
    let opt = ReplyOpt {
        subnet: Some((subnet, 0)),
        ..ReplyOpt::default()
    };
    let writer = Writer::new(&mut out, request.header, &[], opt.len()).unwrap();
    let length = writer.finish(rcode::NOERROR, Some(&opt));
    assert!(out[..length].ends_with(data));
}

/// A response with records whose names end as the question's does, or not, within a limit.
fn respond(request: &Request<'_>, name: Option<&[u8]>, limit: usize) {
    let mut out = vec![0; limit];
    let wire = request.question.as_ref().map_or(&[][..], |q| q.wire);
    let edns = request.edns.as_ref();
    let opt = edns.map(|edns| ReplyOpt {
        udp_payload: 1_232,
        dnssec_ok: edns.dnssec_ok,
        subnet: edns.subnet.map(|subnet| (subnet, subnet.source)),
        cookie: edns.cookie.map(|_| [7; 24]),
        padding: edns.padding.then_some(128),
        extended_error: Some(0),
        ..ReplyOpt::default()
    });
    let reserved = opt.as_ref().map_or(0, ReplyOpt::len);
    let Ok(mut writer) = Writer::new(&mut out, request.header, wire, reserved) else {
        return;
    };
    let target = name.unwrap_or(b"\x02ns\x07example\x00");
    let ns = RrSet::new(rtype::NS, 1, [target.to_vec(), b"\x01a\x00".to_vec()]);
    for section in [Section::Answer, Section::Authority, Section::Additional] {
        let _ = writer.rrset(section, Owner::Question, &ns);
        let _ = writer.record(section, Owner::Name(target), rtype::A, 2, &[192, 0, 2, 1]);
    }
    let length = writer.finish(request.error.unwrap_or(rcode::NOERROR), opt.as_ref());
    assert!(length <= limit);
    let written = &out[..length];
    assert_eq!(Request::read(written).err(), Some(Silence::Response));
    assert_complete(request.header, written);
}

/// As a request, the response is read to its end: its counts, lengths and pointers are right.
fn assert_complete(header: Header, response: &[u8]) {
    let mut as_request = response.to_vec();
    as_request[2] &= 0x7F;
    let read = Request::read(&as_request).unwrap();
    assert_eq!(read.header.id, header.id);
    if header.opcode == 0 && read.question.is_some() && read.edns.is_none_or(|e| e.version == 0) {
        // Cookies and subnets of responses look otherwise than those of requests.
        let has_options = read.edns.is_some();
        assert!(read.error.is_none() || has_options, "{response:?}");
    }
}
