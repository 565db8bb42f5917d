//! Who is nearest?

use std::time::Instant;

use super::Tour;
use crate::demo::{clients::CLIENTS, plan::HOST};

/// Clients on six continents are answered with the edges nearest to them.
pub(super) async fn places(tour: &mut Tour<'_>) -> Result<(), String> {
    tour.teller
        .step("The DNS answers each client with the edges nearest to it");
    for client in &CLIENTS {
        let begun = Instant::now();
        tour.teller.asks(&format!(
            "{HOST} A, as a client in {} ({})",
            client.city, client.prefix
        ));
        let addresses = tour.resolve(client.prefix).await?;
        let ms = begun.elapsed().as_secs_f64() * 1_000.0;
        let names = tour.names(&addresses);
        let shown: Vec<_> = addresses
            .iter()
            .zip(&names)
            .map(|(address, name)| format!("{address} ({name})"))
            .collect();
        tour.teller
            .got(&format!("{} in {ms:.1} ms", shown.join(", ")));
        let edges = tour.plan.edges_in(client.nearest);
        let all_near = edges.iter().all(|edge| names.contains(&edge.name));
        let what = format!("these are the edges of {}", client.nearest);
        tour.teller
            .check(all_near && names.len() == edges.len(), &what);
    }
    Ok(())
}
