//! The question before something that cannot be undone. Where there is no terminal, nobody is there to be
//! asked, and nothing is.

use std::io::{BufRead, IsTerminal as _};

use http::Method;

use crate::client::ApiClient;
use crate::exit::CliError;
use crate::output;

/// Whether to ask.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Yes {
    /// Ask nothing. Where there is no terminal, nothing is asked anyway.
    #[arg(long, short)]
    yes: bool,
}

/// Whether somebody is there to be asked.
pub(super) fn is_person() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Whether the person says yes; anything else is a no.
pub(super) fn is_given(mut answers: impl BufRead) -> bool {
    let mut answer = String::new();
    let is_read = answers.read_line(&mut answer).is_ok();
    is_read && matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

impl Yes {
    /// Asks a person whether this is to become of what is at this path, and fails if it is not.
    pub(super) fn ask(
        self,
        api: &ApiClient,
        path: &str,
        verb: &str,
        noun: &str,
        then: &str,
    ) -> Result<(), CliError> {
        if self.yes || !is_person() {
            return Ok(());
        }
        let object = api.call(Method::GET, path, None)?;
        let text = |field: &str| output::harmless(object[field].as_str().unwrap_or_default());
        let (name, id) = (text("name"), text("id"));
        output::ask(&format!("This {verb}s the {noun} {name} ({id}): {then}. Go on? [y/N] "));
        match is_given(std::io::stdin().lock()) {
            true => Ok(()),
            false => Err(CliError::Declined { message: format!("not confirmed: nothing is {verb}d") }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_given;

    #[test]
    fn only_a_yes_is_one() {
        for (answer, expected) in
            [("y\n", true), (" YES \n", true), ("\n", false), ("n\n", false), ("yup\n", false), ("", false)]
        {
            assert_eq!(is_given(answer.as_bytes()), expected, "{answer:?}");
        }
    }
}
