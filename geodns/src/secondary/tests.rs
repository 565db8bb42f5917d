//! Serial numbers count up with what is in the zone.

use std::sync::Arc;

use super::*;
use crate::{Config, Places, RecordText, fixture};

fn loaded(config: &Config, before: Option<&ZoneCopy>) -> ZoneCopy {
    let places = Arc::new(Places::load(config, None).unwrap());
    load(config, &places, before).unwrap().1
}

fn with_text(text: &str, serial_is_time: bool) -> Config {
    let mut config = fixture::config();
    config.contents.serial_is_time = serial_is_time;
    config.contents.records.push(RecordText {
        name: "x".to_owned(),
        rtype: "TXT".to_owned(),
        ttl: 60,
        data: vec![text.to_owned()],
    });
    config
}

#[test]
fn a_zone_that_changes_within_a_second_counts_up_by_one() {
    let first = loaded(&with_text("a", true), None);
    assert_eq!(first.serial, 7);
    let same = loaded(&with_text("a", true), Some(&first));
    assert_eq!(same.serial, 7);
    let second = loaded(&with_text("b", true), Some(&first));
    assert_eq!(second.serial, 8);
    let third = loaded(&with_text("c", true), Some(&second));
    assert_eq!(third.serial, 9);
    // Time has gone on.
    let mut later = with_text("d", true);
    later.soa.serial = 70;
    assert_eq!(loaded(&later, Some(&third)).serial, 70);
}

#[test]
fn a_serial_that_people_wrote_stands() {
    let first = loaded(&with_text("a", false), None);
    let second = loaded(&with_text("b", false), Some(&first));
    assert_eq!(second.serial, 7);
}

#[test]
fn edges_that_come_and_go_make_another_zone_but_their_health_does_not() {
    let first = loaded(&with_text("a", true), None);
    let mut config = with_text("a", true);
    config.pops[0].edges.remove(0);
    assert_eq!(loaded(&config, Some(&first)).serial, 8);
}

#[test]
fn what_the_zone_file_says_counts_if_it_is_later() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("zone.db");
    std::fs::write(&file, "$TTL 1h\nx TXT a\n").unwrap();
    let mut config = fixture::config();
    config.contents.zone_file = Some(file.clone());
    assert_eq!(loaded(&config, None).serial, 7);
    config.contents.serial_is_time = true;
    let time = std::fs::metadata(&file).unwrap().modified().unwrap();
    let seconds = time
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    assert_eq!(u64::from(loaded(&config, None).serial), seconds);
    std::fs::write(&file, "$TTL 1h\n@ SOA a b 17 1h 1h 1h 1h\n").unwrap();
    assert_eq!(loaded(&config, None).serial, 17);
}
