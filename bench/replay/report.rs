//! What the replay says.

use super::{Hits, Weights, trace::Trace};

/// One trace at one size of the cache.
pub(crate) struct Cell {
    pub(crate) trace: &'static str,
    /// One part in so many of the footprint.
    pub(crate) part: u64,
    pub(crate) capacity: u64,
    /// LRU first.
    pub(crate) peers: Vec<Hits>,
    pub(crate) perigee: Hits,
    pub(crate) optimum: Hits,
}

const GIB: f64 = (1_u64 << 30) as f64;

pub(crate) fn traces(traces: &[Trace], weights: &Weights) {
    println!("| trace | requests | objects | asked for once | footprint | bytes asked for |");
    println!("|---|---|---|---|---|---|");
    for trace in traces {
        println!(
            "| {} | {} | {} | {:.0} % | {:.1} GiB | {:.1} GiB |",
            trace.name,
            trace.requests.len(),
            trace.objects(),
            100.0 * trace.one_hit_wonders(),
            trace.footprint() as f64 / GIB,
            trace.asked_for() as f64 / GIB,
        );
    }
    let Weights { each, byte } = weights;
    println!(
        "\nAn object weighs {each:.0} bytes for head, key and index, and {byte:.3} for each byte"
    );
    println!("of its body: what the allocator takes. All policies are given the same weights. Hit");
    println!("ratios in per cent, of objects / of bytes; bold is the");
    println!("best but for the optimum.\n");
}

pub(crate) fn cells(cells: &[Cell], names: &[&str]) {
    println!(
        "| trace | cache | {} | Perigee | Belady |",
        names.join(" | ")
    );
    println!("|---|---|{}---|---|", "---|".repeat(names.len()));
    for cell in cells {
        let all: Vec<Hits> = cell.peers.iter().copied().chain([cell.perigee]).collect();
        let best = Hits::best(&all);
        let ratios: Vec<_> = all.iter().map(|hits| hits.beside(&best)).collect();
        let optimum = format!(
            "{:.1} / {:.1}",
            cell.optimum.of_objects(),
            cell.optimum.of_bytes()
        );
        let share = 100.0 / cell.part as f64;
        let mib = cell.capacity as f64 / (1 << 20) as f64;
        println!(
            "| {} | {share} %, {mib:.0} MiB | {} | {optimum} |",
            cell.trace,
            ratios.join(" | ")
        );
    }
    let count = |is: fn(&Cell) -> bool| cells.iter().filter(|cell| is(cell)).count();
    let of = cells.len();
    println!(
        "\nBest or better: by objects in {} of {of} cells, by bytes in {}. Below LRU: by objects in {}, by bytes in {}.",
        count(|cell| cell.perigee.of_objects() >= Hits::best(&cell.peers).of_objects()),
        count(|cell| cell.perigee.of_bytes() >= Hits::best(&cell.peers).of_bytes()),
        count(|cell| cell.perigee.of_objects() < cell.peers[0].of_objects()),
        count(|cell| cell.perigee.of_bytes() < cell.peers[0].of_bytes()),
    );
}

impl Hits {
    /// The best in each respect.
    fn best(all: &[Hits]) -> Hits {
        all.iter().fold(Hits::default(), |best, one| Hits {
            objects: best.objects.max(one.objects),
            bytes: best.bytes.max(one.bytes),
            ..*one
        })
    }

    fn of_objects(&self) -> f64 {
        100.0 * self.objects as f64 / self.requests as f64
    }

    fn of_bytes(&self) -> f64 {
        100.0 * self.bytes as f64 / self.asked_for as f64
    }

    fn beside(&self, best: &Hits) -> String {
        let mark = |is_best: bool| if is_best { "**" } else { "" };
        let (objects, bytes) = (
            mark(self.objects == best.objects),
            mark(self.bytes == best.bytes),
        );
        format!(
            "{objects}{:.1}{objects} / {bytes}{:.1}{bytes}",
            self.of_objects(),
            self.of_bytes()
        )
    }
}
