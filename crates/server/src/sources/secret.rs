//! Reading a secret that a person pasted, with an answer for each usual mistake. No answer holds a piece of
//! it.

use ringback_domain::SourceKind;
use ringback_webhook::{SecretError, SigningSecret};

use crate::error::ApiError;
use crate::fields::Fields;

const FIELD: &str = "signing_secret";

/// Longer than any sender's: Standard Webhooks has at most 64 bytes.
const MAX_SECRET_CHARS: usize = 512;

/// The secret in the body of a request, read as this kind of sender means it.
pub(super) fn read(fields: &Fields, kind: SourceKind) -> Result<Option<SigningSecret>, ApiError> {
    let Some(text) = fields.text(FIELD, MAX_SECRET_CHARS)? else { return Ok(None) };
    parse(text, kind)
        .map(Some)
        .map_err(|mistake| ApiError::bad_request("invalid_signing_secret", mistake).param(FIELD))
}

fn parse(text: &str, kind: SourceKind) -> Result<SigningSecret, String> {
    check_pasted(text)?;
    let secret = match kind {
        SourceKind::OpenAi => SigningSecret::parse_openai(text),
        SourceKind::StandardWebhooks | SourceKind::Publish => SigningSecret::parse(text),
    };
    secret.map_err(|error| match error {
        SecretError::MissingPrefix => {
            "the signing secret does not begin with `whsec_`; for a sender that uses the text itself as the key, make a \
             source of the kind `openai`"
                .to_owned()
        }
        error => error.to_string(),
    })
}

/// Without its prefix a text is taken as it is, so that what is merely not a secret must be found here.
fn check_pasted(text: &str) -> Result<(), String> {
    let wrong = |what: &str| Err(what.to_owned());
    if text.trim().len() != text.len() {
        return wrong("the signing secret has white space around it; leave it out");
    }
    if text.starts_with(['"', '\'', '`', '“']) || text.ends_with(['"', '\'', '`', '”']) {
        return wrong("the signing secret has quotation marks around it; leave them out");
    }
    if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return wrong("the signing secret holds white space or control characters; paste it as one word");
    }
    if text.starts_with("v1,") || text.starts_with("v1a,") {
        return wrong("this is a signature (`v1,…`), not a signing secret; that begins with `whsec_`");
    }
    if text.starts_with("sk-") {
        return wrong("this looks like an API key (`sk-…`), not a signing secret; that begins with `whsec_`");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    #[test]
    fn kinds_differ_in_texts_without_the_prefix() {
        assert!(parse(KEY, SourceKind::OpenAi).is_ok());
        assert!(parse(KEY, SourceKind::StandardWebhooks).is_ok());
        assert!(parse("plain-text-secret", SourceKind::OpenAi).is_ok());
        let mistake = parse("plain-text-secret", SourceKind::StandardWebhooks).unwrap_err();
        assert!(mistake.contains("kind `openai`"), "{mistake}");
    }

    #[test]
    fn what_was_pasted_wrong_is_named_and_never_repeated() {
        for (text, says) in [
            (format!("\"{KEY}\""), "quotation marks"),
            (format!("'{KEY}"), "quotation marks"),
            (format!(" {KEY}"), "white space around"),
            (format!("{KEY}\n"), "white space around"),
            (KEY.replace("AAEC", "AA EC"), "one word"),
            ("v1,AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=".to_owned(), "signature"),
            ("sk-proj-AAECAwQFBgc".to_owned(), "API key"),
            ("whsk_AAECAwQF".to_owned(), "asymmetric"),
            (KEY.to_uppercase(), "lower case"),
            (KEY.replace('=', ""), "padding"),
            (KEY.replace("AAEC", "A*EC"), "outside base64"),
        ] {
            for kind in [SourceKind::OpenAi, SourceKind::StandardWebhooks] {
                let mistake = parse(&text, kind).unwrap_err();
                assert!(mistake.contains(says), "{mistake}");
                assert!(!mistake.contains("AwQF"), "{mistake}");
            }
        }
    }
}
