//! Clients on each continent, and the region that is nearest to them.

/// A network of clients. The bundled table of places knows where it is.
pub(super) struct ClientNetwork {
    pub(super) prefix: &'static str,
    pub(super) city: &'static str,
    /// The nearest region by great-circle distance.
    pub(super) nearest: &'static str,
}

/// One per continent.
pub(super) const CLIENTS: [ClientNetwork; 6] = [
    ClientNetwork {
        prefix: "128.103.0.0/24",
        city: "Boston",
        nearest: "na",
    },
    ClientNetwork {
        prefix: "143.107.0.0/24",
        city: "São Paulo",
        nearest: "na",
    },
    ClientNetwork {
        prefix: "130.161.0.0/24",
        city: "Delft",
        nearest: "eu",
    },
    ClientNetwork {
        prefix: "137.158.0.0/24",
        city: "Cape Town",
        nearest: "eu",
    },
    ClientNetwork {
        prefix: "133.11.0.0/24",
        city: "Tokyo",
        nearest: "asia",
    },
    ClientNetwork {
        prefix: "129.78.0.0/24",
        city: "Sydney",
        nearest: "asia",
    },
];

/// The one whose nearest edges are taken away.
pub(super) const EUROPEAN: &ClientNetwork = &CLIENTS[2];
/// The region that is next for it.
pub(super) const NEXT_FOR_EUROPEAN: &str = "na";

/// The places of networks.
pub(super) const PLACES: &str = include_str!("../../../geodns/data/places.csv");
