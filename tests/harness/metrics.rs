//! What nodes count.

use super::{cdn::Cdn, client::get};

/// The sum of all series of a metric.
pub(crate) async fn metric(cdn: &Cdn, node: &str, name: &str) -> f64 {
    let metrics = get(cdn.admin(node), "localhost", "/metrics").send().await;
    let lines = metrics.text().lines().filter(|line| line.starts_with(name));
    let values = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
    values.sum()
}
