//! Bodies that go to disk while they come.

use std::{future::poll_fn, ops::Range, time::Duration};

use bytes::Bytes;

use super::kit::*;
use crate::{Disk, DiskConfig, Fill, ReadError, Reader, Store, disk::log::tests::ram::Faults};

const MIB: usize = 1 << 20;
const PIECE: usize = 50_000;

/// A disk behind little memory.
fn machine() -> Machine {
    let mut machine = Machine::new(256 << 20);
    machine.config = DiskConfig {
        fill_bytes: 4 << 20,
        window_patience: Duration::ZERO,
        ..machine.config
    };
    machine
}

fn begin(disk: &Disk, body: &Bytes, is_stated: bool) -> Fill {
    let asked = disk.purges().now();
    let length = is_stated.then_some(body.len() as u64);
    disk.fill(&key("/"), head("en", "a", body.len()), length, asked)
}

async fn write(fill: &mut Fill, body: &Bytes, range: Range<usize>, fill_bytes: u64, disk: &Disk) {
    for at in range.clone().step_by(PIECE) {
        let end = (at + PIECE).min(range.end);
        fill.write(body.slice(at..end)).await.unwrap();
        let claimed = disk.stats().filling_bytes;
        assert!(claimed <= fill_bytes + (2 * MIB) as u64, "{claimed} bytes");
    }
}

/// Up to `count` bytes; fewer at the end.
async fn take(reader: &mut Reader, count: usize) -> Result<Vec<u8>, ReadError> {
    let mut all = Vec::new();
    while all.len() < count {
        match poll_fn(|cx| reader.poll_chunk(cx)).await {
            Some(chunk) => all.extend_from_slice(&chunk?),
            None => break,
        }
    }
    Ok(all)
}

/// The front of it that is stored.
fn front(disk: &Disk) -> u64 {
    let variants = lookup(disk, "/");
    let held = variants.first().and_then(|stored| stored.head.held());
    held.map_or(0, |held| held.runs()[0].end)
}

#[test]
fn a_large_body_takes_little_memory_while_it_comes_and_its_readers_have_it_all() {
    let body = bytes(1, 40 * MIB + 12_345);
    for is_stated in [true, false] {
        for uncached in [false, true] {
            let machine = machine();
            let disk = machine.start();
            machine.ram.set(Faults {
                uncached,
                ..Faults::default()
            });
            let mut fill = begin(&disk, &body, is_stated);
            assert!(fill.is_kept());
            let (mut slow, mut late) = (fill.body().read(), None);
            let half = body.len() / 2;
            wait(async {
                let mut fast = fill.body().read();
                for at in (0..half).step_by(MIB) {
                    let end = half.min(at + MIB);
                    write(&mut fill, &body, at..end, 4 << 20, &disk).await;
                    let read = take(&mut fast, end - at).await.unwrap();
                    assert!(read == body[at..end], "at {at}");
                }
                let mut from = fill.body().read_range(MIB as u64 + 7..u64::MAX);
                let read = take(&mut from, 5 * MIB).await.unwrap();
                assert!(read == body[MIB + 7..][..read.len()]);
                late = Some(from);
                // Nobody waits for more: it waits for the disk.
                write(&mut fill, &body, half..body.len(), 4 << 20, &disk).await;
            });
            assert!(fill.is_kept());
            fill.commit().unwrap();
            disk.flush();
            assert_eq!(disk.stats().filling_bytes, 0);
            let read = wait(take(&mut slow, usize::MAX)).unwrap();
            assert!(read == body, "{is_stated} {uncached}");
            let rest = wait(take(&mut late.unwrap(), usize::MAX)).unwrap();
            assert!(rest == body[body.len() - rest.len()..]);
            assert!(read_all(&disk) == body);
            drop(disk);
            machine.ram.revive();
            assert!(read_all(&machine.start()) == body);
        }
    }
}

fn read_all(disk: &Disk) -> Bytes {
    read(&lookup(disk, "/")[0]).unwrap()
}

#[test]
fn a_killed_fill_leaves_what_had_come_as_a_part() {
    let body = bytes(2, 80 * MIB);
    let machine = machine();
    let disk = machine.start();
    let mut fill = begin(&disk, &body, true);
    wait(write(&mut fill, &body, 0..70 * MIB, 4 << 20, &disk));
    disk.flush();
    let there = front(&disk);
    assert!(there >= (64 * MIB) as u64, "{there}");
    machine.ram.kill();
    drop((fill, disk));
    machine.ram.revive();
    let disk = machine.start();
    assert_eq!(front(&disk), there);
    let mut reader = lookup(&disk, "/")[0].body.read();
    let read = wait(take(&mut reader, there as usize)).unwrap();
    assert!(read == body[..there as usize]);
}

#[test]
fn where_the_disk_takes_nothing_it_goes_on_in_memory_and_then_for_its_readers() {
    let body = bytes(3, 40 * MIB);
    let machine = machine();
    let disk = machine.start();
    let mut fill = begin(&disk, &body, true);
    let mut behind = fill.body().read();
    let mut reader = fill.body().read();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        write(&mut fill, &body, 0..10 * MIB, 4 << 20, &disk).await;
        disk.flush();
        machine.ram.set(Faults {
            read_only: true,
            ..Faults::default()
        });
        write(&mut fill, &body, 10 * MIB..12 * MIB, 4 << 20, &disk).await;
        assert!(fill.is_kept(), "there is room for it in memory");
        // It waits for more, so that the fill cannot wait for the disk.
        let all = tokio::spawn(async move { take(&mut reader, usize::MAX).await });
        write(&mut fill, &body, 12 * MIB..40 * MIB, 4 << 20, &disk).await;
        assert!(!fill.is_kept());
        fill.commit().unwrap();
        assert!(all.await.unwrap().unwrap() == body);
        // What the disk has is there for who lags, and the rest has passed.
        assert!(take(&mut behind, 10 * MIB).await.unwrap()[..] == body[..10 * MIB]);
        assert_eq!(take(&mut behind, usize::MAX).await, Err(ReadError::Passed));
    });
    assert_eq!(disk.stats().filling_bytes, 0);
}
