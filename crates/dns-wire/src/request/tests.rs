use super::*;

/// A query for the A records of wWw.cdn.Example, with these counts and what comes behind it.
fn query(counts: [u8; 4], behind: &[u8]) -> Vec<u8> {
    let [questions, answers, authorities, additionals] = counts;
    let mut query = vec![0xAB, 0xCD, 1, 0, 0, questions, 0, answers];
    query.extend([0, authorities, 0, additionals]);
    for _ in 0..questions {
        query.extend(b"\x03wWw\x03cdn\x07Example\x00\x00\x01\x00\x01");
    }
    query.extend(behind);
    query
}

/// An OPT record of this version and with these flags and options.
fn opt(version: u8, flags: u16, options: &[u8]) -> Vec<u8> {
    let mut opt = vec![0, 0, 41, 4, 208, 0, version];
    opt.extend(flags.to_be_bytes());
    opt.extend(u16::try_from(options.len()).unwrap().to_be_bytes());
    opt.extend(options);
    opt
}

fn error(message: &[u8]) -> Option<u16> {
    Request::read(message).unwrap().error
}

fn edns(message: &[u8]) -> Edns<'_> {
    Request::read(message).unwrap().edns.unwrap()
}

#[test]
fn a_plain_query() {
    let message = query([1, 0, 0, 0], &[]);
    let request = Request::read(&message).unwrap();
    assert_eq!(request.error, None);
    assert!(request.edns.is_none() && request.header.recursion_desired);
    let question = request.question.unwrap();
    assert_eq!(&*question.name(), b"\x03www\x03cdn\x07example\x00");
    assert_eq!(question.wire, &message[12..]);
}

#[test]
fn what_is_not_answered() {
    for length in 0..12 {
        let silence = Request::read(&query([1, 0, 0, 0], &[])[..length]).err();
        assert_eq!(silence, Some(Silence::Short));
    }
    let mut response = query([1, 0, 0, 0], &[]);
    response[2] |= QR;
    assert_eq!(Request::read(&response).err(), Some(Silence::Response));
}

#[test]
fn other_opcodes_keep_question_and_opt() {
    for opcode in 1..16 {
        let mut message = query([1, 0, 0, 1], &opt(0, 0, &[]));
        message[2] = opcode << 3;
        let request = Request::read(&message).unwrap();
        assert_eq!(request.error, Some(rcode::NOTIMP));
        assert_eq!(request.header.opcode, opcode);
        assert!(request.question.is_some() && request.edns.is_some());
        // What such a message holds is not known: it need not be readable.
        assert_eq!(error(&message[..20]), Some(rcode::NOTIMP));
    }
}

#[test]
fn a_message_is_as_long_as_it_says() {
    let message = query([1, 0, 0, 1], &opt(0, 0, &[0, 3, 0, 0]));
    for length in 12..message.len() {
        assert_eq!(error(&message[..length]), Some(rcode::FORMERR), "{length}");
    }
    assert_eq!(error(&message), None);
    assert_eq!(error(&[&message[..], &[0]].concat()), Some(rcode::FORMERR));
}

#[test]
fn there_is_one_question() {
    assert_eq!(error(&query([0, 0, 0, 0], &[])), Some(rcode::FORMERR));
    assert_eq!(error(&query([2, 0, 0, 0], &[])), Some(rcode::FORMERR));
    // RFC 7873 section 5.4: none, to be told a cookie.
    let cookie = opt(0, 0, &[0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(error(&query([0, 0, 0, 1], &cookie)), Some(rcode::NOERROR));
    assert_eq!(error(&query([2, 0, 0, 1], &cookie)), Some(rcode::FORMERR));
}

#[test]
fn a_compressed_question_is_not_read() {
    for pointer in [&[0xC0, 0x0C][..], &[0xC0, 0x06], b"\x01a\xC0\x04"] {
        let mut message = query([0, 0, 0, 0], &[pointer, &[0, 1, 0, 1]].concat());
        message[5] = 1;
        assert_eq!(error(&message), Some(rcode::FORMERR));
    }
}

#[test]
fn names_as_long_as_may_be() {
    let label = [&[63][..], &[b'a'; 63]].concat();
    for (last, fits) in [(61, true), (62, false)] {
        let mut message = query([0, 0, 0, 0], &label.repeat(3));
        message.extend([&[last][..], &vec![b'b'; last.into()], &[0, 0, 1, 0, 1]].concat());
        message[5] = 1;
        assert_eq!(error(&message).is_none(), fits);
    }
    let mut root = query([0, 0, 0, 0], &[0, 0, 2, 0, 1]);
    root[5] = 1;
    assert_eq!(error(&root), None);
}

#[test]
fn edns_as_rfc_6891_wants_it() {
    // Flags that are not assigned are passed over, and so are unknown options.
    let message = query([1, 0, 0, 1], &opt(0, 0xFFFF, &[0xFD, 0xE9, 0, 2, 1, 2]));
    assert_eq!(error(&message), None);
    let read = edns(&message);
    assert!(read.dnssec_ok && read.compact_ok && read.udp_payload == 1_232);
    let message = query([1, 0, 0, 1], &opt(0, 0x3FFF, &[]));
    assert!(!edns(&message).dnssec_ok && !edns(&message).compact_ok);
    // Another version: what its options mean is not known, so that they cannot be wrong.
    let message = query([1, 0, 0, 1], &opt(1, 0, &[0, 8, 0, 9]));
    assert_eq!(error(&message), Some(rcode::BADVERS));
    // Two of them, one of another name, and one in another section.
    let two = [opt(0, 0, &[]), opt(0, 0, &[])].concat();
    assert_eq!(error(&query([1, 0, 0, 2], &two)), Some(rcode::FORMERR));
    let named = [&[1, b'a'][..], &opt(0, 0, &[])].concat();
    assert_eq!(error(&query([1, 0, 0, 1], &named)), Some(rcode::FORMERR));
    let elsewhere = query([1, 1, 0, 0], &opt(0, 0, &[]));
    assert_eq!(error(&elsewhere), Some(rcode::FORMERR));
    // An option that is longer than the record.
    let beyond = query([1, 0, 0, 1], &opt(0, 0, &[0xFD, 0xE9, 0, 9, 1]));
    assert_eq!(error(&beyond), Some(rcode::FORMERR));
    assert!(Request::read(&beyond).unwrap().edns.is_some());
}

#[test]
fn other_records_are_passed_over() {
    // SOA in the authority section, as IXFR has it, and a record behind OPT, as TSIG is.
    let soa = b"\xC0\x0C\x00\x06\x00\x01\x00\x00\x00\x00\x00\x02ab";
    let tsig = b"\x03key\x00\x00\xFA\x00\xFF\x00\x00\x00\x00\x00\x01x";
    let behind = [&soa[..], &opt(0, 0x8000, &[]), &tsig[..]].concat();
    let message = query([1, 0, 1, 2], &behind);
    assert_eq!(error(&message), None);
    assert!(edns(&message).dnssec_ok);
}

#[test]
fn cookies_have_8_octets_or_16_to_40() {
    for length in 0..=48u8 {
        let data = vec![7; length.into()];
        let option = [&[0, 10, 0, length][..], &data].concat();
        let message = query([1, 0, 0, 1], &opt(0, 0, &option));
        let right = length == 8 || (16..=40).contains(&length);
        assert_eq!(error(&message).is_none(), right, "{length}");
    }
    // Of two, the first one counts.
    let option = |octet| [&[0, 10, 0, 8][..], &[octet; 8]].concat();
    let message = query([1, 0, 0, 1], &opt(0, 0, &[option(1), option(2)].concat()));
    assert_eq!(edns(&message).cookie.unwrap().client, [1; 8]);
}

#[test]
fn two_subnets_are_malformed() {
    let option = [0, 8, 0, 7, 0, 1, 24, 0, 192, 0, 2];
    let message = query([1, 0, 0, 1], &opt(0, 0, &option));
    assert_eq!(error(&message), None);
    let message = query([1, 0, 0, 1], &opt(0, 0, &option.repeat(2)));
    assert_eq!(error(&message), Some(rcode::FORMERR));
}
