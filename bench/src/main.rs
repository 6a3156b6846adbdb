//! The load scenarios, in one command and one run.
//!
//! The actors: the *driver* (this process) makes signed calls and is the receiver they are to reach; the two
//! *subjects* are child processes of it, the real release binary and the [`bare`] server, which writes the
//! same rows with nothing around them; the [`append_loop`] writes them once more without HTTP, to show that
//! the bare server is a floor worth the name. The subjects are measured in turn, in short windows, so that
//! whatever else the machine does hits both.
//!
//! Two commands beside the scenarios need no subject: [`history`] fills a database with as many events as
//! wanted, and [`costs`] says what the store's operations cost in such a one.
//!
//! Not guaranteed: that a number means anything beside those of another run or machine. Only ratios of one
//! run do.

mod append_loop;
mod args;
mod bare;
mod binary;
mod bulk;
mod clock;
mod connection;
mod costs;
mod database;
mod failure;
mod history;
mod key;
mod ledger;
mod load;
mod median;
mod nodes;
mod pair;
mod postgres;
mod process;
mod receiver;
mod report;
mod run;
mod scenario;
mod seed;
mod spread;
mod subject;
mod syncs;
mod usage;
mod window;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use crate::args::{Args, Command};
use crate::failure::Failure;

fn main() -> ExitCode {
    let args = Args::parse();
    let verdict = match &args.command {
        Some(Command::Bare(options)) => bare::run(options),
        Some(Command::Seed(options)) => wait_for(history::run(options)),
        Some(Command::Costs(options)) => wait_for(costs::run(options)),
        None => measure(&args),
    };
    match verdict {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.tell();
            ExitCode::FAILURE
        }
    }
}

/// One thread drives: a second one would compete with the subject for the cores without making more calls.
fn wait_for<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::io("start"))?;
    runtime.block_on(work)
}

fn measure(args: &Args) -> Result<(), Failure> {
    let binary = binary::find_or_build(args)?;
    let report = wait_for(run::run(args, &binary))?;
    let mut out = io::stdout().lock();
    let written = if args.json { report.write_json(&mut out) } else { report.write_table(&mut out) };
    written.and_then(|()| out.flush()).map_err(Failure::io("print the report"))
}
