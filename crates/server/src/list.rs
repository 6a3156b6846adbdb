//! Lists: which part is asked for, and how a part is answered, as in OpenAI's API reference.

use std::collections::HashSet;
use std::fmt::Display;
use std::str::FromStr;

use axum::response::Response;
use ringback_domain::{ParseIdError, TypedId, UnknownWord};
use ringback_store::page::MAX_PAGE_SIZE;
use ringback_store::{Order, Page, PageRequest};
use serde::Serialize;
use url::form_urlencoded;

use crate::error::ApiError;
use crate::fields::{repeated_parameter, unknown_parameter};
use crate::{json, values};

/// The query of a list: its page, and the filters that the list knows.
#[derive(Debug)]
pub(crate) struct ListQuery<I> {
    pub(crate) page: PageRequest<I>,
    filters: Vec<(&'static str, String)>,
}

impl<I: FromStr<Err = ParseIdError>> ListQuery<I> {
    /// Reads a query. What the list does not know is an error rather than ignored: a mistyped filter would
    /// answer with everything. So is what is given twice: it can be meant in two ways.
    pub(crate) fn parse(query: Option<&str>, filters: &[&'static str]) -> Result<Self, ApiError> {
        let mut this = Self {
            page: PageRequest { after: None, ..PageRequest::default() },
            filters: Vec::with_capacity(filters.len()),
        };
        let mut given = HashSet::new();
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            if !given.insert(name.clone()) {
                return Err(repeated_parameter(&name));
            }
            match name.as_ref() {
                "after" => this.page.after = Some(parse_after(&value)?),
                "limit" => this.page.limit = parse_limit(&value)?,
                "order" => this.page.order = parse_order(&value)?,
                name => match filters.iter().find(|filter| **filter == name) {
                    Some(filter) => this.filters.push((filter, parse_filter(filter, value.into_owned())?)),
                    None => {
                        return Err(unknown_parameter(
                            name,
                            &[&["after", "limit", "order"], filters].concat(),
                        ));
                    }
                },
            }
        }
        Ok(this)
    }

    /// The value of a filter.
    pub(crate) fn take_filter(&mut self, name: &str) -> Option<String> {
        let index = self.filters.iter().position(|(filter, _)| *filter == name)?;
        Some(self.filters.swap_remove(index).1)
    }

    /// The value of a filter that is an id.
    pub(crate) fn take_id<F>(&mut self, name: &'static str) -> Result<Option<F>, ApiError>
    where
        F: TypedId + FromStr<Err = ParseIdError>,
    {
        self.take_filter(name).map(|text| values::id(name, &text)).transpose()
    }

    /// The value of a filter that is one of an enumeration's words.
    pub(crate) fn take_word<F>(&mut self, name: &'static str) -> Result<Option<F>, ApiError>
    where
        F: FromStr<Err = UnknownWord>,
    {
        self.take_filter(name).map(|text| values::word(name, &text)).transpose()
    }
}

fn parse_after<I: FromStr<Err = ParseIdError>>(value: &str) -> Result<I, ApiError> {
    value
        .parse()
        .map_err(|error| ApiError::invalid_value("after", format!("`after` must be an item's id: {error}")))
}

fn parse_limit(value: &str) -> Result<usize, ApiError> {
    value.parse().ok().filter(|limit| (1..=MAX_PAGE_SIZE).contains(limit)).ok_or_else(|| {
        let message = format!("`limit` must be a whole number from 1 to {MAX_PAGE_SIZE}");
        ApiError::invalid_value("limit", message)
    })
}

fn parse_order(value: &str) -> Result<Order, ApiError> {
    match value {
        "asc" => Ok(Order::Asc),
        "desc" => Ok(Order::Desc),
        _ => Err(ApiError::invalid_value("order", "`order` must be `asc` or `desc`")),
    }
}

fn parse_filter(name: &'static str, value: String) -> Result<String, ApiError> {
    if value.is_empty() {
        return Err(ApiError::invalid_value(name, format!("`{name}` must not be empty; leave it out")));
    }
    if value.contains('\0') {
        // Nothing that is stored has one, and not every database can look for it.
        return Err(ApiError::invalid_value(name, format!("`{name}` must not contain NUL characters")));
    }
    Ok(value)
}

#[derive(Serialize)]
struct List<V> {
    object: &'static str,
    data: Vec<V>,
    first_id: Option<String>,
    last_id: Option<String>,
    has_more: bool,
}

/// A part of a list, each item as `view` shows it.
pub(crate) fn answer<'a, T, I: Display, V: Serialize>(
    page: &'a Page<T>,
    id: impl Fn(&T) -> I,
    view: impl Fn(&'a T) -> V,
) -> Response {
    json::answer(&List {
        object: "list",
        data: page.items.iter().map(view).collect(),
        first_id: page.items.first().map(|item| id(item).to_string()),
        last_id: page.items.last().map(|item| id(item).to_string()),
        has_more: page.has_more,
    })
}

#[cfg(test)]
mod tests {
    use ringback_domain::EventId;

    use super::*;

    fn parse(query: &str) -> Result<ListQuery<EventId>, ApiError> {
        ListQuery::parse(Some(query), &["type", "object_id"])
    }

    #[test]
    fn defaults_are_openai_s() {
        let query = ListQuery::<EventId>::parse(None, &[]).unwrap();
        assert_eq!((query.page.limit, query.page.order, query.page.after), (20, Order::Desc, None));
    }

    #[test]
    fn everything_given_is_read() {
        let mut query =
            parse("limit=100&order=asc&after=whev_01jy00000000000000000000ab&type=c%2Ed").unwrap();
        assert_eq!((query.page.limit, query.page.order), (100, Order::Asc));
        assert_eq!(query.page.after.unwrap().to_string(), "whev_01jy00000000000000000000ab");
        assert_eq!(query.take_filter("type").as_deref(), Some("c.d"));
        assert_eq!(query.take_filter("object_id"), None);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (query, code) in [
            ("limit=0", "invalid_value"),
            ("limit=101", "invalid_value"),
            ("limit=x", "invalid_value"),
            ("limit=", "invalid_value"),
            ("order=up", "invalid_value"),
            ("after=whe_01jy00000000000000000000ab", "invalid_value"),
            ("type=", "invalid_value"),
            ("object=x", "unknown_parameter"),
            ("type=a.b&type=a.b", "repeated_parameter"),
            ("limit=1&type=a.b&limit=2", "repeated_parameter"),
        ] {
            assert_eq!(parse(query).unwrap_err().code(), code, "{query}");
        }
    }
}
