//! Reading a URL strictly: what a browser would guess at is refused, so that the URL a person sees is the one
//! that is called.

use std::cell::Cell;

use http::Uri;
use rustls::pki_types::DnsName;
use url::{ParseError, SyntaxViolation, Url};

use crate::host_name::is_host_name;
use crate::refusal::Refusal;

/// The longest URL, in bytes, as given and in its normal form.
pub const MAX_URL_BYTES: usize = 2048;

/// The URL in its normal form, and as the URI that is sent to: the same text.
pub(crate) fn read(text: &str) -> Result<(Url, Uri), Refusal> {
    check_length(text)?;
    let guessed = Cell::new(false);
    let note = |violation| guessed.set(guessed.get() || is_guess(violation));
    let url =
        Url::options().syntax_violation_callback(Some(&note)).parse(text).map_err(|error| match error {
            ParseError::EmptyHost => Refusal::NoHost,
            _ => Refusal::Invalid,
        })?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Refusal::Scheme { scheme: url.scheme().to_owned() });
    }
    if guessed.get() {
        return Err(Refusal::Invalid);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Refusal::UserInfo);
    }
    if url.fragment().is_some() {
        return Err(Refusal::Fragment);
    }
    if !url.domain().is_none_or(is_host_name) || url.scheme() == "https" && !has_tls_name(&url) {
        return Err(Refusal::Invalid);
    }
    check_length(url.as_str())?;
    // A host may hold characters (such as `{`) that a URL permits and an HTTP request does not.
    let uri = url.as_str().parse().map_err(|_| Refusal::Invalid)?;
    Ok((url, uri))
}

/// Whether a certificate can be for this host: it is stricter than the DNS about hyphens.
fn has_tls_name(url: &Url) -> bool {
    url.domain().is_none_or(|name| DnsName::try_from(name).is_ok())
}

fn check_length(text: &str) -> Result<(), Refusal> {
    match text.len() {
        length if length > MAX_URL_BYTES => Err(Refusal::TooLong { length }),
        _ => Ok(()),
    }
}

/// Whether the parser had to repair the URL in a way that may have changed where it leads.
fn is_guess(violation: SyntaxViolation) -> bool {
    use SyntaxViolation::{Backslash, C0SpaceIgnored, ExpectedDoubleSlash, TabOrNewlineIgnored};
    matches!(violation, Backslash | C0SpaceIgnored | ExpectedDoubleSlash | TabOrNewlineIgnored)
}
