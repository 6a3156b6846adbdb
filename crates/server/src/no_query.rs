//! What is asked to happen is in the body, never in the query of the URL.
//!
//! A query that is not read would be a wish that is not granted, such as `?dry_run=true` of what is then done
//! in earnest.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::Method;
use url::form_urlencoded;

use crate::error::ApiError;
use crate::nearest::shown;

/// Goes around the API: a request that changes something has no parameters in its URL.
pub(crate) async fn no_query(request: Request, next: Next) -> Response {
    match refusal(request.method(), request.uri().query().unwrap_or_default()) {
        Some(error) => error.into_response(),
        None => next.run(request).await,
    }
}

fn refusal(method: &Method, query: &str) -> Option<ApiError> {
    let place = match *method {
        Method::POST => "; parameters of a POST go into its body, as JSON",
        Method::DELETE => "",
        // Each reads the query that it knows.
        _ => return None,
    };
    let (name, _) = form_urlencoded::parse(query.as_bytes()).next()?;
    let name = shown(&name);
    let message = format!("there is no parameter `{name}` in the URL here{place}");
    Some(ApiError::bad_request("unknown_parameter", message).param(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changes_something_is_refused_and_only_for_a_parameter() {
        let code = |method, query| refusal(&method, query).map(|error| error.code());
        for query in ["dry_run=true", "dry_run", "a=b&c=d", "=x", "%ff"] {
            assert_eq!(code(Method::POST, query), Some("unknown_parameter"), "{query}");
            assert_eq!(code(Method::DELETE, query), Some("unknown_parameter"), "{query}");
            assert_eq!(code(Method::GET, query), None, "{query}");
        }
        assert_eq!(code(Method::POST, ""), None);
        assert_eq!(code(Method::POST, "&"), None);
    }
}
