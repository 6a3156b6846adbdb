//! Pages of a list, as OpenAI's API cuts them.

/// The largest page.
pub const MAX_PAGE_SIZE: usize = 100;
/// The page size when none is asked for.
pub const DEFAULT_PAGE_SIZE: usize = 20;

/// In which order a list runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Oldest first.
    Asc,
    /// Newest first.
    #[default]
    Desc,
}

/// Which part of a list is wanted. Items are compared by id, and the item `after` need not exist any more.
#[derive(Debug, Clone, Copy)]
pub struct PageRequest<Id> {
    /// Only items beyond this one, in the direction of `order`.
    pub after: Option<Id>,
    /// At most so many, 1 to [`MAX_PAGE_SIZE`].
    pub limit: usize,
    /// The direction.
    pub order: Order,
}

impl<Id> Default for PageRequest<Id> {
    fn default() -> Self {
        Self { after: None, limit: DEFAULT_PAGE_SIZE, order: Order::default() }
    }
}

/// A part of a list.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// The items, in the order asked for.
    pub items: Vec<T>,
    /// Whether there are more beyond the last one.
    pub has_more: bool,
}

impl<T> Page<T> {
    /// From up to `limit + 1` items: the surplus one only tells that there is more.
    #[must_use]
    pub fn cut(mut items: Vec<T>, limit: usize) -> Self {
        let has_more = items.len() > limit;
        items.truncate(limit);
        Self { items, has_more }
    }
}
