//! The algorithms that zones are signed with, and private keys of them.

use std::{fmt, str::FromStr};

use aws_lc_rs::{
    agreement,
    rand::{self, SystemRandom},
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair},
};

/// Octets of a signature, of either algorithm.
pub(crate) const SIGNATURE: usize = 64;
/// Octets of a private key, of either algorithm.
const SECRET: usize = 32;

/// An algorithm of the IANA registry of DNSSEC algorithm numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    /// ECDSAP256SHA256, number 13 (RFC 6605).
    EcdsaP256,
    /// ED25519, number 15 (RFC 8080).
    Ed25519,
}

impl Algorithm {
    /// Its number.
    pub fn number(self) -> u8 {
        match self {
            Algorithm::EcdsaP256 => 13,
            Algorithm::Ed25519 => 15,
        }
    }

    /// The one of this number; `None` for those that are not supported.
    pub fn of(number: u8) -> Option<Self> {
        match number {
            13 => Some(Algorithm::EcdsaP256),
            15 => Some(Algorithm::Ed25519),
            _ => None,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Algorithm::EcdsaP256 => "ECDSAP256SHA256",
            Algorithm::Ed25519 => "ED25519",
        })
    }
}

impl FromStr for Algorithm {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "ecdsap256sha256" | "ecdsap256" | "p256" | "13" => Ok(Algorithm::EcdsaP256),
            "ed25519" | "15" => Ok(Algorithm::Ed25519),
            _ => Err(format!(
                "{text:?} is no algorithm that is supported: write ecdsap256sha256 or ed25519"
            )),
        }
    }
}

/// A private key.
pub(crate) enum Pair {
    EcdsaP256(Box<EcdsaKeyPair>),
    Ed25519(Box<Ed25519KeyPair>),
}

/// A private key as files have it, and its public key as DNSKEY has it.
pub(crate) struct Secret {
    pub(crate) pair: Pair,
    pub(crate) public: Vec<u8>,
}

impl Secret {
    /// A new one, and its octets.
    pub(crate) fn generate(algorithm: Algorithm) -> Result<(Self, Vec<u8>), String> {
        let mut octets = vec![0; SECRET];
        // Hardly ever is a number no key of the curve.
        for _ in 0..8 {
            rand::fill(&mut octets).map_err(|_| "no random numbers are to be had")?;
            if let Ok(secret) = Secret::read(algorithm, &octets) {
                return Ok((secret, octets));
            }
        }
        Err("no key could be made".to_owned())
    }

    /// Of the octets that `PrivateKey` has in BIND's format.
    pub(crate) fn read(algorithm: Algorithm, octets: &[u8]) -> Result<Self, String> {
        let wrong = || format!("its private key is not one of {algorithm}");
        match algorithm {
            Algorithm::EcdsaP256 => {
                let private =
                    agreement::PrivateKey::from_private_key(&agreement::ECDH_P256, octets)
                        .map_err(|_| wrong())?;
                let point = private.compute_public_key().map_err(|_| wrong())?;
                let point = point.as_ref();
                let signing = &ECDSA_P256_SHA256_FIXED_SIGNING;
                let pair = EcdsaKeyPair::from_private_key_and_public_key(signing, octets, point)
                    .map_err(|_| wrong())?;
                // Uncompressed, without the octet that says so (RFC 6605 section 4).
                let public = point.get(1..).ok_or_else(wrong)?.to_vec();
                Ok(Secret {
                    pair: Pair::EcdsaP256(Box::new(pair)),
                    public,
                })
            }
            Algorithm::Ed25519 => {
                let pair = Ed25519KeyPair::from_seed_unchecked(octets).map_err(|_| wrong())?;
                let public = pair.public_key().as_ref().to_vec();
                Ok(Secret {
                    pair: Pair::Ed25519(Box::new(pair)),
                    public,
                })
            }
        }
    }
}

impl Pair {
    /// Signs a message. `None` if the library cannot, which is not to be expected.
    pub(crate) fn sign(&self, message: &[u8]) -> Option<[u8; SIGNATURE]> {
        let signature = match self {
            // As RFC 6605 wants it: both numbers, of 32 octets each.
            Pair::EcdsaP256(pair) => pair.sign(&SystemRandom::new(), message).ok()?,
            Pair::Ed25519(pair) => pair.try_sign(message).ok()?,
        };
        signature.as_ref().try_into().ok()
    }
}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pair(..)")
    }
}
