//! Traffic, in the shapes that have been published for CDNs. Always the same for the same seed.

use super::rng::Rng;

/// What is asked for, in order, and how long each object is.
pub(crate) struct Trace {
    pub(crate) name: &'static str,
    /// Objects by number.
    pub(crate) requests: Vec<u32>,
    /// Bytes of each object's body.
    pub(crate) sizes: Vec<u32>,
}

const KIB: f64 = 1024.0;

/// What a trace is made of.
struct Shape {
    name: &'static str,
    seed: u64,
    requests: usize,
    /// Objects that are asked for by popularity, and the exponent of that.
    popular: usize,
    zipf: f64,
    /// The share of requests that ask for what nobody ever asks for again.
    once: f64,
    /// Bytes of the middle object, and the standard deviation of their logarithm.
    median: f64,
    sigma: f64,
    /// Requests between two scans of this many objects, one after the other.
    scan: Option<(usize, usize)>,
    /// The share of the popular objects that is replaced every 1000 requests.
    shift: f64,
}

/// The four traces, or their beginnings.
pub(crate) fn all(divisor: usize) -> Vec<Trace> {
    let base = Shape {
        name: "",
        seed: 1,
        requests: 1_000_000 / divisor,
        popular: 100_000,
        zipf: 0.9,
        once: 0.1,
        median: 12.0 * KIB,
        sigma: 1.7,
        scan: None,
        shift: 0.0,
    };
    let web = Shape {
        name: "web, Zipf 0.9",
        ..base
    };
    let steep = Shape {
        name: "small and large, Zipf 1.1",
        seed: 2,
        zipf: 1.1,
        once: 0.08,
        median: 6.0 * KIB,
        sigma: 2.0,
        ..base
    };
    let flat = Shape {
        name: "scans, Zipf 0.7",
        seed: 3,
        popular: 80_000,
        zipf: 0.7,
        once: 0.12,
        scan: Some((100_000, 15_000)),
        ..base
    };
    let shifting = Shape {
        name: "shifting, Zipf 1.0",
        seed: 4,
        popular: 50_000,
        zipf: 1.0,
        shift: 0.001,
        ..base
    };
    [web, steep, flat, shifting].map(Shape::make).into()
}

impl Shape {
    fn make(self) -> Trace {
        let mut rng = Rng::new(self.seed);
        let ranks = cumulative(self.popular, self.zipf);
        // Who has which rank. The newest object has the highest number.
        let mut holders: Vec<u32> = (0..self.popular as u32).collect();
        let mut newest = self.popular as u32;
        let mut new = || {
            newest += 1;
            newest
        };
        let mut requests = Vec::with_capacity(self.requests);
        while requests.len() < self.requests {
            if let Some((every, length)) = self.scan
                && requests.len() % every == every / 2
            {
                // Two thirds of it nobody else asks for.
                requests.extend((0..length).map(|n| match n % 3 {
                    0 => holders[rng.below(holders.len())],
                    _ => new(),
                }));
            }
            if requests.len() % 1000 == 0 {
                for _ in 0..(self.shift * self.popular as f64) as usize {
                    holders[rng.below(self.popular)] = new();
                }
            }
            requests.push(match rng.unit() < self.once {
                true => new(),
                false => {
                    let at = rng.unit();
                    let rank = ranks.partition_point(|&upto| upto < at);
                    holders[rank.min(self.popular - 1)]
                }
            });
        }
        // Popularity says nothing of the size.
        let sizes = (0..=newest).map(|_| self.size(&mut rng)).collect();
        Trace {
            name: self.name,
            requests,
            sizes,
        }
    }

    /// Lognormal, from 1 KiB to 100 MiB.
    fn size(&self, rng: &mut Rng) -> u32 {
        let size = self.median * (self.sigma * rng.normal()).exp();
        size.clamp(KIB, 100.0 * KIB * KIB) as u32
    }
}

/// The share of requests for the first so many ranks.
fn cumulative(count: usize, exponent: f64) -> Vec<f64> {
    let weights = (1..=count).map(|rank| (rank as f64).powf(-exponent));
    let total: f64 = weights.clone().sum();
    let sums = weights.scan(0.0, |sum, weight| {
        *sum += weight / total;
        Some(*sum)
    });
    sums.collect()
}

impl Trace {
    /// How many objects are asked for.
    pub(crate) fn objects(&self) -> usize {
        self.counts().iter().filter(|count| **count > 0).count()
    }

    /// The bytes of all objects that are asked for.
    pub(crate) fn footprint(&self) -> u64 {
        let counts = self.counts();
        let asked = counts.iter().zip(&self.sizes).filter(|(n, _)| **n > 0);
        asked.map(|(_, size)| u64::from(*size)).sum()
    }

    /// The bytes of all requests.
    pub(crate) fn asked_for(&self) -> u64 {
        let sizes = self
            .requests
            .iter()
            .map(|object| self.sizes[*object as usize]);
        sizes.map(u64::from).sum()
    }

    /// The share of objects that are asked for once.
    pub(crate) fn one_hit_wonders(&self) -> f64 {
        let once = self.counts().iter().filter(|count| **count == 1).count();
        once as f64 / self.objects() as f64
    }

    fn counts(&self) -> Vec<u32> {
        let mut counts = vec![0; self.sizes.len()];
        for &object in &self.requests {
            counts[object as usize] += 1;
        }
        counts
    }
}
