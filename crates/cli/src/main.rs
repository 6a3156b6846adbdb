//! The binary `ringback`: flags become settings, settings become parts, parts are composed and run; and the
//! commands that talk to a running server.
//!
//! This crate is the composition root: only here are the environment, the signals and the wall clock read.
//! Stdout is for data, stderr is for talk.

mod args;
mod client;
mod commands;
mod exit;
mod output;
mod random;
mod serve;
mod settings;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Args, Command};
use crate::exit::CliError;

fn main() -> ExitCode {
    let args = Args::parse();
    match run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => exit::report(&error),
    }
}

fn run(args: Args) -> Result<(), CliError> {
    match args.command {
        Command::Serve(flags) => serve::run(&args.global, &flags),
        Command::Completions { shell } => commands::completions(shell),
        command => commands::run(&args.global, command),
    }
}
