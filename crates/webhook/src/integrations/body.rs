//! Reading an `http_body` into memory, up to the receiver's limit.

use std::{error::Error, sync::Arc};

use http::HeaderMap;
use http_body::Body;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use super::{Receiver, Rejection, Webhook};

type BoxError = Box<dyn Error + Send + Sync>;

impl Receiver {
    /// Reads the body of a call and judges it: for hyper and everything else that speaks `http_body`. Feature
    /// `http_body`.
    ///
    /// A body that is announced to be too large is not read at all, and any other no further than to the
    /// limit. Dropping the future drops the body with it.
    ///
    /// # Errors
    /// Every [`Rejection`] but [`Rejection::NotConfigured`].
    pub async fn read<B>(&self, headers: &HeaderMap, body: B) -> Result<Webhook, Rejection>
    where
        B: Body,
        B::Error: Into<BoxError>,
    {
        self.check_length(body.size_hint().lower())?;
        let limited = Limited::new(body, self.max_body_bytes());
        let collected = limited.collect().await.map_err(|error| self.unread(error))?;
        self.receive(headers, collected.to_bytes())
    }

    /// Ours is not the only limit there may be, and each wraps the error of the one inside.
    fn unread(&self, error: BoxError) -> Rejection {
        if is_length_limit(error.as_ref()) {
            Rejection::BodyTooLarge { limit_bytes: self.max_body_bytes() }
        } else {
            Rejection::BodyUnreadable { cause: Arc::from(error) }
        }
    }
}

fn is_length_limit(error: &(dyn Error + 'static)) -> bool {
    std::iter::successors(Some(error), |&error| error.source()).any(<dyn Error>::is::<LengthLimitError>)
}
