//! The embedded backend held against the store's specification, and what is true of it alone.

#[cfg(test)]
mod conformance;

#[cfg(test)]
mod sqlite {
    mod backend;
    mod constraints;
    mod folder;
    mod queue;
    mod secrecy;

    pub(crate) use backend::{DatabaseFolder, options};
}

conformance::conformance!(crate::sqlite::DatabaseFolder::new());
