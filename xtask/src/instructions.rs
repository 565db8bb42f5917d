use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct Options {}

pub(crate) fn run(_options: &Options) -> Result<(), String> {
    Err("not there yet".to_owned())
}
