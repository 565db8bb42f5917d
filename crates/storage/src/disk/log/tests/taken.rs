//! Who may have a folder, and which.

use std::{fs, sync::Arc};

use super::{super::*, kit::*};

fn open(config: LogConfig) -> Result<(Log, Recovered), OpenError> {
    Log::open(config, Arc::new(RealFiles))
}

#[test]
fn a_folder_has_one_log() {
    let folder = tempfile::tempdir().unwrap();
    let (first, recovered) = open(config(&folder)).unwrap();
    assert_eq!(recovered, Recovered::default());
    let second = open(config(&folder)).unwrap_err();
    assert!(matches!(second, OpenError::Locked(_)));
    assert!(second.to_string().contains("another process"), "{second}");
    drop(first);
    open(config(&folder)).unwrap();
}

#[test]
fn an_unknown_format_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(config(&folder)).unwrap());
    let header = config(&folder).folder.join("store.toml");
    let text = fs::read_to_string(&header).unwrap();
    fs::write(&header, text.replace("format = 1", "format = 2")).unwrap();
    let error = open(config(&folder)).unwrap_err().to_string();
    for part in ["store.toml", "version 2", "version 1", "remove the folder"] {
        assert!(error.contains(part), "{error}");
    }
    // Nothing was changed.
    assert!(fs::read_to_string(&header).unwrap().contains("format = 2"));
}

#[test]
fn without_its_header_file_a_store_begins_anew() {
    let folder = tempfile::tempdir().unwrap();
    let log = started(config(&folder));
    let key = append(&log, 1, new_key(b"state", 1, &bytes(1, 10))).unwrap();
    drop(log);
    fs::write(config(&folder).folder.join("store.toml"), "\0\0\0").unwrap();
    let log = started(config(&folder));
    let (found, recovery) = recovered(&log);
    assert_eq!((found.len(), recovery.damaged), (0, 0));
    assert!(log.read_key(key.place, 0).is_err());
    let key = append(&log, 1, new_key(b"new", 1, &bytes(1, 10))).unwrap();
    assert_eq!(log.read_key(key.place, 0).unwrap().payload, &b"new"[..]);
}

#[test]
fn what_is_not_ours_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = config(&folder).folder;
    fs::create_dir_all(path.join("segment-000000000000000a")).unwrap();
    for name in ["segment-1", "segment-zzzzzzzzzzzzzzzz", "notes.txt"] {
        fs::write(path.join(name), "mine").unwrap();
    }
    let log = started(config(&folder));
    let (found, recovery) = recovered(&log);
    assert_eq!((found.len(), recovery.segments), (0, 0));
    append(&log, 1, new_key(b"state", 1, &bytes(1, 10))).unwrap();
    drop(log);
    for name in ["segment-1", "segment-zzzzzzzzzzzzzzzz", "notes.txt"] {
        assert_eq!(fs::read_to_string(path.join(name)).unwrap(), "mine");
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = config(&folder).folder;
    // A file stands where the folder should be.
    fs::write(&path, "").unwrap();
    let log = started(config(&folder));
    assert!(log.state().unusable.is_some());
    assert_eq!(
        log.write(1, vec![bytes(1, 1)], Box::new(|_| {})),
        Err(Shed::Unusable)
    );
    fs::remove_file(&path).unwrap();
    while log.state().unusable.is_some() {
        std::thread::yield_now();
    }
    let body = bytes(1, 1000);
    assert_eq!(read_all(&write(&log, 1, &body).unwrap()), Ok(body));
}

#[test]
fn a_full_queue_sheds_bodies_before_keys() {
    let folder = tempfile::tempdir().unwrap();
    let config = LogConfig {
        queue: 1 << 20,
        ..config(&folder)
    };
    // Not started yet: nothing is taken out.
    let (log, _) = open(config).unwrap();
    let body = |length| blocks(bytes(1, length));
    log.write(1, body(900_000), Box::new(|_| {})).unwrap();
    let full = log.write(1, body(100_000), Box::new(|_| {}));
    assert_eq!(full, Err(Shed::Full));
    let (tell, told) = std::sync::mpsc::channel();
    let new = Some(new_key(b"state", 1, &bytes(1, 10)));
    let change = |tell| Box::new(Plain { new, tell });
    log.append_key(1, 100_000, change(tell)).unwrap();
    assert!(log.state().queued > 1_000_000);
    let too_long = log.write(1, body(MAX_STRETCH + 1), Box::new(|_| {}));
    assert_eq!(too_long, Err(Shed::TooLong));
    assert_eq!(log.state().shed, 2);
    log.start(Box::new(())).unwrap();
    assert!(told.recv().unwrap().is_some());
}
