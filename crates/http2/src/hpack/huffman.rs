//! The code for strings (RFC 7541 section 5.2 and appendix B). It is canonical: codes of one length
//! count up in the order of their symbols, so that their lengths are all there is to know.

const SYMBOLS: usize = 257;
const LONGEST: usize = 30;

/// Bits of the code of each octet, and of the end (appendix B).
#[rustfmt::skip]
const LENGTHS: [u8; SYMBOLS] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
    28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5,
    5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6,
    6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22,
    23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22,
    21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20,
    22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19,
    21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22,
    22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];

/// The symbol that ends nothing here: it must not be sent.
const END: u16 = 256;

/// Codes of up to so many bits are found by one look.
const AT_ONCE: usize = 8;

struct Code {
    /// By the first bits: a symbol and the length of its code, which is 0 for longer ones.
    short: [(u16, u8); 1 << AT_ONCE],
    /// By length: the first code, how many there are, and where their symbols stand in `sorted`.
    first: [u32; LONGEST + 1],
    count: [u32; LONGEST + 1],
    at: [u32; LONGEST + 1],
    /// All symbols, by length of their code.
    sorted: [u16; SYMBOLS],
}

static CODE: Code = build();

const fn build() -> Code {
    let mut code = Code {
        short: [(0, 0); 1 << AT_ONCE],
        first: [0; LONGEST + 1],
        count: [0; LONGEST + 1],
        at: [0; LONGEST + 1],
        sorted: [0; SYMBOLS],
    };
    let (mut next, mut placed, mut length) = (0_u32, 0, 1);
    while length <= LONGEST {
        next <<= 1;
        code.first[length] = next;
        code.at[length] = placed as u32;
        let mut symbol = 0;
        while symbol < SYMBOLS {
            if LENGTHS[symbol] as usize == length {
                code.sorted[placed] = symbol as u16;
                if length <= AT_ONCE {
                    fill(&mut code.short, next, symbol as u16, length);
                }
                placed += 1;
                next += 1;
            }
            symbol += 1;
        }
        code.count[length] = next - code.first[length];
        length += 1;
    }
    code
}

/// All first bits that begin with this code stand for its symbol.
const fn fill(short: &mut [(u16, u8); 1 << AT_ONCE], code: u32, symbol: u16, length: usize) {
    let free = AT_ONCE - length;
    let mut at = (code as usize) << free;
    let end = at + (1 << free);
    while at < end {
        short[at] = (symbol, length as u8);
        at += 1;
    }
}

/// The symbol at the front of `bits`, and the length of its code.
#[inline]
fn symbol(bits: u64) -> (u16, u32) {
    let (symbol, length) = CODE.short[(bits >> (64 - AT_ONCE)) as usize];
    if length > 0 {
        return (symbol, u32::from(length));
    }
    for length in AT_ONCE + 1..=LONGEST {
        let code = (bits >> (64 - length)) as u32;
        let place = code.wrapping_sub(CODE.first[length]);
        if place < CODE.count[length] {
            let at = (CODE.at[length] + place) as usize;
            return (CODE.sorted[at], length as u32);
        }
    }
    // All ones are the end, and whatever is below has a symbol.
    (END, LONGEST as u32)
}

/// Reads a string. None: it is padded wrongly, or has the end in it (section 5.2).
pub(super) fn decode(bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let (mut bits, mut count) = (0_u64, 0_u32);
    let mut input = bytes.iter();
    loop {
        while count <= 56 {
            let Some(&byte) = input.next() else { break };
            bits |= u64::from(byte) << (56 - count);
            count += 8;
        }
        // Behind the last bit come ones, as padding is.
        let padded = bits | u64::MAX.checked_shr(count).unwrap_or(0);
        let (symbol, length) = symbol(padded);
        if length > count {
            return (count < 8 && padded == u64::MAX).then_some(());
        }
        out.push(u8::try_from(symbol).ok()?);
        bits <<= length;
        count -= length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(text: &[u8]) -> Vec<u8> {
        let mut next = 0_u32;
        let mut codes = [0_u32; SYMBOLS];
        for length in 1..=LONGEST {
            next <<= 1;
            for symbol in (0..SYMBOLS).filter(|s| usize::from(LENGTHS[*s]) == length) {
                codes[symbol] = next;
                next += 1;
            }
        }
        let bit = |code: u32, at: u8| code >> at & 1 == 1;
        let mut bits: Vec<bool> = text
            .iter()
            .flat_map(|&b| {
                let (code, length) = (codes[usize::from(b)], LENGTHS[usize::from(b)]);
                (0..length).rev().map(move |at| bit(code, at))
            })
            .collect();
        while !bits.len().is_multiple_of(8) {
            bits.push(true);
        }
        let byte = |bits: &[bool]| bits.iter().fold(0, |byte, &bit| byte << 1 | u8::from(bit));
        bits.chunks(8).map(byte).collect()
    }

    fn decoded(bytes: &[u8]) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        decode(bytes, &mut out).map(|()| out)
    }

    /// RFC 7541 appendix C.4.1 and C.6.1.
    #[test]
    fn the_examples_of_the_rfc() {
        let bytes = [
            0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff,
        ];
        assert_eq!(decoded(&bytes).unwrap(), b"www.example.com");
        assert_eq!(encode(b"www.example.com"), bytes);
        assert_eq!(decoded(&[0x64, 0x02]).unwrap(), b"302");
    }

    #[test]
    fn every_octet_comes_back() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(decoded(&encode(&all)).unwrap(), all);
        for octet in 0..=255 {
            for length in 1..9 {
                let text = vec![octet; length];
                assert_eq!(decoded(&encode(&text)).unwrap(), text);
            }
        }
    }

    #[test]
    fn padding_is_ones_and_short_and_the_end_is_never_sent() {
        // `0` is 00000: three bits of padding are left.
        assert_eq!(decoded(&[0b0000_0111]).unwrap(), b"0");
        for bytes in [
            &[0b0000_0000][..],
            &[0b0000_0110],
            &[0b0000_0111, 0xff],
            &[0xff],
            &[0xff; 4],
            &[0xff; 9],
        ] {
            assert_eq!(decoded(bytes), None, "{bytes:?}");
        }
        assert_eq!(decoded(&[]).unwrap(), b"");
    }
}
