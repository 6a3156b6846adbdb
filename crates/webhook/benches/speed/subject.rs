//! What is measured. Every subject works on the same call.
//!
//! The parts of verifying are measured apart from it, each as one operation of the library that does it. What
//! stands between them belongs to none of them (blanks trimmed, the id and the timestamp read, the
//! signature's token found), and the compiler may do better when they stand together: so they need not add
//! up, and the rest can be below nought.

use std::hint::black_box;

use aws_lc_rs::hmac as aws;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use ringback_webhook::{HeaderLookup as _, SigningSecret, Verifier, sign};
use sha2::Sha256;
use standardwebhooks::Webhook;
use subtle::ConstantTimeEq as _;

use crate::call::{Call, KEY, WEBHOOK_ID, unix_now};
use crate::window::Stopwatch;

/// Names a subject; [`Subject::ALL`] has them in the order of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    Verify,
    BareAwsLc,
    BareRustCrypto,
    TheirVerify,
    Sign,
    TheirSign,
    PartHmac,
    PartHeaders,
    PartBase64,
    PartCompare,
    PartUtf8,
    Clock,
}

impl Subject {
    pub(crate) const ALL: [Self; 12] = [
        Self::Verify,
        Self::BareAwsLc,
        Self::BareRustCrypto,
        Self::TheirVerify,
        Self::Sign,
        Self::TheirSign,
        Self::PartHmac,
        Self::PartHeaders,
        Self::PartBase64,
        Self::PartCompare,
        Self::PartUtf8,
        Self::Clock,
    ];

    /// What [`Self::Verify`] is made of, as far as it can be taken apart.
    pub(crate) const PARTS: [Self; 5] =
        [Self::PartHmac, Self::PartHeaders, Self::PartBase64, Self::PartCompare, Self::PartUtf8];

    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Verify => "`Verifier::verify`, one secret",
            Self::BareAwsLc => "bare HMAC-SHA256, aws-lc-rs",
            Self::BareRustCrypto => "bare HMAC-SHA256, RustCrypto",
            Self::TheirVerify => "`standardwebhooks`: `Webhook::verify`",
            Self::Sign => "`sign`, one secret",
            Self::TheirSign => "`standardwebhooks`: `Webhook::sign`",
            Self::PartHmac => "HMAC: the prepared key copied, five pieces, wiped",
            Self::PartHeaders => "three header look-ups, each asked for a second value",
            Self::PartBase64 => "base64 of one signature decoded",
            Self::PartCompare => "32 bytes compared in constant time, by words",
            Self::PartUtf8 => "UTF-8 check of the body",
            Self::Clock => "reading the clock (in theirs, not in ours)",
        }
    }

    /// A stopwatch around the subject's operation on `call`.
    ///
    /// Keys are prepared outside of it, for every subject that can keep one prepared.
    pub(crate) fn stopwatch(self, call: &Call) -> Stopwatch<'_> {
        match self {
            Self::Verify => {
                let verifier = Verifier::new([call.secret.clone()]);
                Stopwatch::new(move || {
                    verifier.verify(&call.headers, black_box(&call.body), call.now).is_ok()
                })
            }
            Self::TheirVerify => {
                let webhook = their_webhook(&call.secret);
                Stopwatch::new(move || webhook.verify(black_box(&call.body), &call.headers).is_ok())
            }
            Self::Sign => {
                Stopwatch::new(|| sign([&call.secret], WEBHOOK_ID, call.now, black_box(&call.body)).is_ok())
            }
            Self::TheirSign => {
                let webhook = their_webhook(&call.secret);
                Stopwatch::new(move || webhook.sign(WEBHOOK_ID, call.now.0, black_box(&call.body)).is_ok())
            }
            Self::BareAwsLc => {
                let key = aws::Key::new(aws::HMAC_SHA256, &KEY);
                Stopwatch::new(move || aws::sign(&key, black_box(&call.message)).as_ref().len() == 32)
            }
            Self::BareRustCrypto => {
                let keyed = rust_crypto_key();
                Stopwatch::new(move || {
                    let mac = keyed.clone().chain_update(black_box(&call.message)).finalize();
                    black_box(mac.into_bytes()).len() == 32
                })
            }
            Self::Clock => Stopwatch::new(|| unix_now() >= call.now),
            Self::PartHmac | Self::PartHeaders | Self::PartBase64 | Self::PartCompare | Self::PartUtf8 => {
                self.part(call)
            }
        }
    }

    fn part(self, call: &Call) -> Stopwatch<'_> {
        let seconds = call.now.to_string();
        let token = call.headers["webhook-signature"].as_bytes().get(3..).unwrap_or_default().to_vec();
        match self {
            Self::PartHmac => {
                let keyed = rust_crypto_key();
                Stopwatch::new(move || {
                    let mut mac = keyed.clone();
                    for piece in [WEBHOOK_ID.as_bytes(), b".", seconds.as_bytes(), b".", &call.body] {
                        mac.update(black_box(piece));
                    }
                    black_box(mac.finalize().into_bytes()).len() == 32
                })
            }
            Self::PartHeaders => Stopwatch::new(|| {
                ["webhook-id", "webhook-timestamp", "webhook-signature"].iter().all(|name| {
                    let mut values = call.headers.header_values(black_box(name));
                    values.next().is_some() && values.next().is_none()
                })
            }),
            Self::PartBase64 => Stopwatch::new(move || {
                let mut decoded = [0; 33];
                STANDARD.decode_slice(black_box(&token), &mut decoded) == Ok(32)
            }),
            Self::PartCompare => {
                let words = [0x6853_a1f2_c4e8_8190_u64; 4];
                Stopwatch::new(move || black_box(&words).ct_eq(black_box(&words)).into())
            }
            _ => Stopwatch::new(|| std::str::from_utf8(black_box(&call.body)).is_ok()),
        }
    }
}

fn rust_crypto_key() -> Hmac<Sha256> {
    Hmac::new_from_slice(&KEY).expect("HMAC takes keys of any length")
}

fn their_webhook(secret: &SigningSecret) -> Webhook {
    Webhook::new(&secret.reveal()).expect("the secret is whsec_ and base64")
}
