//! Ctrl-C: what runs is ended, what was measured is kept.

use std::{
    process::exit,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use tokio::{
    runtime,
    signal::unix::{Signal, SignalKind, signal},
};

static HAPPENED: AtomicBool = AtomicBool::new(false);

/// From now on SIGINT, SIGTERM and SIGHUP are noted; the second one ends at once.
pub(super) fn watch() -> Result<(), String> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let signals = {
        let _entered = runtime.enter();
        let kinds = [
            SignalKind::interrupt(),
            SignalKind::terminate(),
            SignalKind::hangup(),
        ];
        let signals: std::io::Result<Vec<Signal>> = kinds.into_iter().map(signal).collect();
        signals.map_err(|error| error.to_string())?
    };
    thread::spawn(move || runtime.block_on(note(signals)));
    Ok(())
}

async fn note(mut signals: Vec<Signal>) {
    loop {
        let [interrupt, terminate, hangup] = signals.as_mut_slice() else {
            return;
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
        if HAPPENED.swap(true, Ordering::Relaxed) {
            exit(130);
        }
        super::say("interrupted: ending what runs; rows that are done are kept");
    }
}

pub(super) fn happened() -> bool {
    HAPPENED.load(Ordering::Relaxed)
}

/// Fails once it has happened.
pub(super) fn check() -> Result<(), String> {
    match happened() {
        true => Err("interrupted".to_owned()),
        false => Ok(()),
    }
}
