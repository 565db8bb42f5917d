//! What more of everything costs.

use super::{
    super::{
        results::{Measured, Results},
        scale::{SCALES, Scale},
    },
    SERVERS, verdict,
};

/// How much of the time for a request may come with more of something.
const MOST_GROWTH: f64 = 0.1;
/// How many times the throughput two cores are to have of one's.
const LEAST_SPEEDUP: f64 = 1.8;

/// Time for a request, and from one to two cores the throughput.
pub(super) fn scales(results: &Results) -> String {
    let mut rows = String::new();
    for scale in &SCALES {
        let few = results.rows.get(&scale.key(scale.few));
        let (Some(few), Some(many)) = (few, results.rows.get(&scale.key(scale.many))) else {
            continue;
        };
        rows.extend(
            SERVERS
                .iter()
                .filter_map(|name| row(scale, name, few, many)),
        );
    }
    match rows.is_empty() {
        true => rows,
        false => format!(
            "\nMicroseconds of a core for each request (what came between the least and the most of pairs of \
             turns in brackets):\n\n\
             | more | server | from | to | growth | limit | |\n|---|---|---|---|---|---|---|\n{rows}"
        ),
    }
}

fn row(scale: &Scale, name: &str, few: &Measured, many: &Measured) -> Option<String> {
    let is_cores = scale.name == "cores";
    // From work for each CPU second: what it grows by, or how many times as much two cores do.
    let effect = |few: f64, many: f64| match is_cores {
        true => 2.0 * many / few,
        false => few / many - 1.0,
    };
    let write = |value: f64| match is_cores {
        true => format!("{value:.2}"),
        false => format!("{:+.0}", 100.0 * value),
    };
    let unit = if is_cores {
        "times the throughput"
    } else {
        "%"
    };
    let (before, after) = (few.median(name)?, many.median(name)?);
    let grown = effect(before, after);
    let pairs = few.rounds.get(name)?.iter().zip(many.rounds.get(name)?);
    let pairs: Vec<f64> = pairs.map(|(few, many)| effect(*few, *many)).collect();
    let least = pairs.iter().copied().fold(f64::MAX, f64::min);
    let most = pairs.iter().copied().fold(f64::MIN, f64::max);
    let (limit, is_reached) = match is_cores {
        true => (format!("at least {LEAST_SPEEDUP}"), grown >= LEAST_SPEEDUP),
        false => (
            format!("below {:.0} %", 100.0 * MOST_GROWTH),
            grown < MOST_GROWTH,
        ),
    };
    let (limit, verdict) = match name {
        "Perigee" => (limit, verdict(is_reached)),
        _ => (String::new(), ""),
    };
    Some(format!(
        "| {} to {} {} | {name} | {:.2} | {:.2} | {} {unit} ({} to {}) | {limit} | {verdict} |\n",
        scale.few,
        scale.many,
        scale.title,
        1e3 / before,
        1e3 / after,
        write(grown),
        write(least),
        write(most),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(values: &[f64]) -> Measured {
        let mut measured = Measured::default();
        for value in values {
            measured.push("Perigee", *value);
        }
        measured
    }

    fn scale(name: &str) -> &'static Scale {
        SCALES.iter().find(|scale| scale.name == name).unwrap()
    }

    #[test]
    fn growth_is_of_the_time_for_a_request() {
        let (few, many) = (
            measured(&[100.0, 110.0, 105.0]),
            measured(&[100.0, 100.0, 100.0]),
        );
        let row = row(scale("idle"), "Perigee", &few, &many).unwrap();
        let end = "| 9.52 | 10.00 | +5 % (+0 to +10) | below 10 % | reached |\n";
        assert!(row.ends_with(end), "{row}");
    }

    #[test]
    fn two_cores_do_twice_as_much_if_a_request_costs_the_same() {
        let row = |many: f64| {
            row(
                scale("cores"),
                "Perigee",
                &measured(&[100.0]),
                &measured(&[many]),
            )
        };
        assert!(row(100.0).unwrap().contains("2.00 times the throughput"));
        assert!(
            row(80.0)
                .unwrap()
                .ends_with("| at least 1.8 | **not reached** |\n")
        );
        assert!(
            super::row(
                scale("cores"),
                "nginx",
                &measured(&[1.0]),
                &measured(&[1.0])
            )
            .is_none()
        );
    }
}
