//! What is written is read, at once and after a restart.

use bytes::Bytes;

use super::{super::*, kit::*};

#[test]
fn a_stretch_is_read_from_any_of_its_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let log = started(config(&folder));
    let body = bytes(1, 200_000);
    let stretch = write(&log, 7, &body).unwrap();
    assert_eq!(stretch.length(), 200_000);
    for at in [0, 1, 65_535, 65_536, 65_537, 131_072, 199_999] {
        let end = body.len().min((at / BLOCK + 1) * BLOCK);
        assert_eq!(stretch.read(at as u64), Ok(body.slice(at..end)));
        assert_eq!(stretch.read_now(at as u64), Ok(Some(body.slice(at..end))));
    }
    assert_eq!(stretch.read(200_000), Ok(Bytes::new()));
    // Found by its place alone, its checksums must be read first.
    let again = log.stretch(stretch.place(), 200_000).unwrap();
    assert_eq!(again.read(70_000), Ok(body.slice(70_000..131_072)));
    let other_length = log.stretch(stretch.place(), 199_999).unwrap();
    assert_eq!(other_length.read(0), Err(Damaged::Checksum));
}

#[test]
fn a_key_and_its_small_body_come_with_one_read() {
    let folder = tempfile::tempdir().unwrap();
    let log = started(config(&folder));
    let body = bytes(2, 70_000);
    let written = append(&log, 9, new_key(b"state", 5, &body)).unwrap();
    for hint in [0, written.length, u32::MAX] {
        let record = log.read_key(written.place, hint).unwrap();
        assert_eq!((record.key_hash, record.revision), (9, 5));
        assert_eq!(record.payload, &b"state"[..]);
        assert_eq!(record.length, written.length);
        match record.blocks {
            Some(blocks) => assert_eq!(blocks.concat(), body),
            None => assert_eq!(hint, 0),
        }
    }
    // The same bytes by themselves.
    let stretch = log.stretch(written.place, 70_000).unwrap();
    assert_eq!(read_all(&stretch), Ok(body));
}

#[test]
fn a_restart_finds_the_newest_first() {
    let folder = tempfile::tempdir().unwrap();
    let log = started(config(&folder));
    let stretch = write(&log, 1, &bytes(3, 100_000)).unwrap().place();
    for (key, state) in [(1, "first"), (2, "other"), (1, "second")] {
        append(&log, key, new_key(state.as_bytes(), key, &Bytes::new())).unwrap();
    }
    drop(log);

    let log = started(config(&folder));
    append(&log, 3, new_key(b"since then", 1, &Bytes::new())).unwrap();
    let (found, recovery) = recovered(&log);
    let states = found.iter().map(|found| {
        let record = log.read_key(found.place, found.length).unwrap();
        assert_eq!(
            (record.key_hash, record.revision),
            (found.key_hash, found.revision)
        );
        (
            found.key_hash,
            String::from_utf8(record.payload.to_vec()).unwrap(),
        )
    });
    let expected = [(1, "second"), (2, "other"), (1, "first")];
    assert!(states.eq(expected.map(|(key, state)| (key, state.to_owned()))));
    assert_eq!(
        (recovery.keys, recovery.scanned, recovery.damaged),
        (3, 0, 0)
    );
    let stretch = log.stretch(stretch, 100_000).unwrap();
    assert_eq!(read_all(&stretch), Ok(bytes(3, 100_000)));
}

#[test]
fn changes_of_a_key_are_made_one_after_the_other() {
    use std::sync::{Arc, Mutex, mpsc};

    /// Appends a letter to what the key's record says.
    struct Append {
        log: Arc<Log>,
        index: Arc<Mutex<Option<Written>>>,
        letter: u8,
    }

    impl KeyChange for Append {
        fn make(&mut self, _: Place) -> Option<NewKey> {
            let old = *self.index.lock().unwrap();
            let old = old.map(|at| self.log.read_key(at.place, at.length).unwrap());
            let mut payload = old.map_or_else(Vec::new, |old| old.payload.to_vec());
            payload.push(self.letter);
            Some(new_key(&payload, 1, &Bytes::new()))
        }

        fn written(self: Box<Self>, at: Option<Written>) {
            *self.index.lock().unwrap() = at;
        }
    }

    let folder = tempfile::tempdir().unwrap();
    let log = Arc::new(started(config(&folder)));
    let index = Arc::default();
    for letter in b'a'..=b'z' {
        let change = Append {
            log: Arc::clone(&log),
            index: Arc::clone(&index),
            letter,
        };
        log.append_key(1, 10, Box::new(change)).unwrap();
    }
    let (tell, told) = mpsc::channel();
    log.tell(Box::new(move || tell.send(()).unwrap()));
    told.recv().unwrap();
    let at = index.lock().unwrap().unwrap();
    let record = log.read_key(at.place, at.length).unwrap();
    assert_eq!(record.payload, &b"abcdefghijklmnopqrstuvwxyz"[..]);
}
