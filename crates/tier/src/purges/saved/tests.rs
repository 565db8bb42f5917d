use tempfile::TempDir;

use super::*;

fn entry(id: usize) -> PurgeEntry {
    PurgeEntry {
        id: id.to_string(),
        at: 1,
        order: "{\"tag\":\"a\\nb\"}".into(),
        again_by: None,
    }
}

async fn append(saved: &mut Saved, log: &PurgeLog, id: usize) {
    saved.append(&entry(id), log).await;
    log.append(entry(id));
}

fn at(log: &str, position: u64) -> Cursor {
    Cursor {
        log: log.into(),
        position,
    }
}

fn ids(log: &PurgeLog, after: &Cursor) -> Option<Vec<String>> {
    let page = log.page(Some(after));
    let ids = page.entries.into_iter().map(|entry| entry.id).collect();
    page.whole.then_some(ids)
}

#[tokio::test]
async fn a_log_goes_on_over_lives() {
    let folder = TempDir::new().unwrap();
    for life in 0..20 {
        let id = format!("life-{life}");
        let (log, _, mut saved) = open(folder.path(), id, 100);
        append(&mut saved, &log, life).await;
        assert_eq!(log.head(), life as u64 + 1);
        let all: Vec<String> = (0..=life).map(|n| n.to_string()).collect();
        // The first of each life before, as far as they are remembered.
        for former in life.saturating_sub(MOST_FORMER)..life {
            let cursor = at(&format!("life-{former}"), former as u64 + 1);
            assert_eq!(ids(&log, &cursor).unwrap(), all[former + 1..], "{former}");
        }
    }
}

#[tokio::test]
async fn a_line_that_was_cut_off_is_not_there() {
    let folder = TempDir::new().unwrap();
    let (log, _, mut saved) = open(folder.path(), "a".into(), 100);
    for id in 0..3 {
        append(&mut saved, &log, id).await;
    }
    let path = folder.path().join(LOG);
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 3]).unwrap();
    let (log, _, mut saved) = open(folder.path(), "b".into(), 100);
    append(&mut saved, &log, 7).await;
    assert_eq!(ids(&log, &at("a", 3)).unwrap(), ["7"]);
    assert_eq!(ids(&log, &at("a", 1)).unwrap(), ["1", "7"]);
}

/// Nobody could tell what lacks: who goes on in such a log would take it for whole.
#[tokio::test]
async fn a_log_that_is_damaged_in_the_middle_is_not_gone_on_with() {
    let folder = TempDir::new().unwrap();
    let (log, _, mut saved) = open(folder.path(), "a".into(), 100);
    for id in 0..3 {
        append(&mut saved, &log, id).await;
    }
    let path = folder.path().join(LOG);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("\"id\":\"1\"", "\"id\":\0")).unwrap();
    let (log, _, _) = open(folder.path(), "b".into(), 100);
    assert_eq!((log.head(), ids(&log, &at("a", 1))), (0, None));
}

#[tokio::test]
async fn the_file_does_not_grow_without_end() {
    let folder = TempDir::new().unwrap();
    let (log, _, mut saved) = open(folder.path(), "a".into(), 5);
    for id in 0..100 {
        append(&mut saved, &log, id).await;
    }
    let text = fs::read_to_string(folder.path().join(LOG)).unwrap();
    assert!(text.lines().count() <= 1 + 5 * (SLACK + 1), "{text}");
    let (log, _, _) = open(folder.path(), "b".into(), 5);
    assert_eq!(log.head(), 100);
    assert_eq!(ids(&log, &at("a", 98)).unwrap(), ["98", "99"]);
    assert_eq!(ids(&log, &at("a", 90)), None);
}

#[tokio::test]
async fn cursors_and_floor_are_kept() {
    let folder = TempDir::new().unwrap();
    let (_, none, mut saved) = open(folder.path(), "a".into(), 5);
    assert_eq!(none, Followings::default());
    let cursors = [(NodeName::from("shield-1"), at("x", 7))];
    let some = Followings::of(cursors.iter().map(|(name, at)| (name, at)), Some(5));
    saved.keep(some.clone()).await;
    let (_, found, _) = open(folder.path(), "b".into(), 5);
    assert_eq!(found, some);
    assert_eq!(found.cursors().collect::<Vec<_>>(), cursors);
}

#[tokio::test]
async fn files_that_are_of_no_use_are_as_if_not_there() {
    for bytes in [&b"\xff\n{}\n"[..], b"", b"{\"version\":9}\n", b"{"] {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join(LOG), bytes).unwrap();
        fs::write(folder.path().join(FOLLOWED), bytes).unwrap();
        let (log, followings, _) = open(folder.path(), "a".into(), 5);
        assert_eq!((log.head(), followings), (0, Followings::default()));
    }
}
