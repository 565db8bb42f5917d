//! The store: parts that fit into their whole.

use perigee_edge::{DiskConfig, MemoryConfig};

use super::Report;
use crate::sections::{Disk, File};

pub(super) fn check(file: &File, report: &mut Report<'_>) {
    let memory = file.storage.build().capacity;
    if let Some(fill) = &file.storage.fill_memory
        && fill.0 > memory
    {
        report.error(
            &fill.span,
            "fill_memory is a part of memory, and here it is larger",
            "a quarter of memory is the default",
        );
    }
    if let Some(prefault) = &file.storage.prefault
        && prefault.0 > memory
    {
        report.error(
            &prefault.span,
            "prefault is a part of memory, and here it is larger",
            "write as much as heads and bodies of up to 4 KiB will take of memory",
        );
    }
    let least = MemoryConfig::LEAST_PREFAULT;
    if let Some(prefault) = &file.storage.prefault
        && (1..least).contains(&prefault.0)
    {
        report.error(
            &prefault.span,
            "prefault is less than 64KiB, and nothing would be taken",
            "leave it out, or write as much as heads and bodies of up to 4 KiB will take of memory",
        );
    }
    if let Some(disk) = &file.storage.disk {
        segments(disk, report);
    }
}

/// Room is made by a segment at a time, so there must be several.
fn segments(disk: &Disk, report: &mut Report<'_>) {
    let least = DiskConfig::LEAST_SEGMENTS;
    let Some(segment) = &disk.segment else {
        return;
    };
    if segment.0.saturating_mul(least) > disk.size.0 {
        report.error(
            &segment.span,
            format!("size has no room for {least} segments like this one"),
            "take `segment` out: it follows `size` then",
        );
    }
}
