//! Which method and path is what. Pure.

use http::Method;

/// What can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Health,
    Ready,
    Metrics,
    Status,
    Purge,
    Drain,
    Explain,
    ExplainDns,
    Cache,
    CacheEntry,
    CacheStats,
}

/// Why a request is none of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoRoute {
    /// Nothing has this path.
    NotFound,
    /// Something has, under these methods.
    WrongMethod(&'static str),
}

pub(super) fn route(method: &Method, path: &str) -> Result<Route, NoRoute> {
    let (route, allowed) = match path {
        "/health" => (Route::Health, "GET, HEAD"),
        "/ready" => (Route::Ready, "GET, HEAD"),
        "/metrics" => (Route::Metrics, "GET, HEAD"),
        "/status" => (Route::Status, "GET, HEAD"),
        "/purge" => (Route::Purge, "POST"),
        "/drain" => (Route::Drain, "POST"),
        "/explain" => (Route::Explain, "POST"),
        "/explain/dns" => (Route::ExplainDns, "POST"),
        "/cache" => (Route::Cache, "GET, HEAD"),
        "/cache/entry" => (Route::CacheEntry, "GET, HEAD"),
        "/cache/stats" => (Route::CacheStats, "GET, HEAD"),
        _ => return Err(NoRoute::NotFound),
    };
    if allowed.split(", ").any(|m| m == method.as_str()) {
        Ok(route)
    } else {
        Err(NoRoute::WrongMethod(allowed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_path_has_its_methods() {
        assert_eq!(route(&Method::GET, "/health"), Ok(Route::Health));
        assert_eq!(route(&Method::HEAD, "/ready"), Ok(Route::Ready));
        assert_eq!(route(&Method::POST, "/purge"), Ok(Route::Purge));
        assert_eq!(route(&Method::POST, "/drain"), Ok(Route::Drain));
        assert_eq!(route(&Method::POST, "/explain"), Ok(Route::Explain));
        assert_eq!(route(&Method::POST, "/explain/dns"), Ok(Route::ExplainDns));
        assert_eq!(route(&Method::GET, "/cache"), Ok(Route::Cache));
        assert_eq!(route(&Method::GET, "/cache/entry"), Ok(Route::CacheEntry));
        assert_eq!(route(&Method::GET, "/cache/stats"), Ok(Route::CacheStats));
        assert_eq!(
            route(&Method::GET, "/purge"),
            Err(NoRoute::WrongMethod("POST"))
        );
        assert_eq!(
            route(&Method::POST, "/status"),
            Err(NoRoute::WrongMethod("GET, HEAD"))
        );
        for path in [
            "",
            "/",
            "/Health",
            "/health/",
            "//health",
            "/metrics/x",
            "/cache/",
        ] {
            assert_eq!(route(&Method::GET, path), Err(NoRoute::NotFound), "{path}");
        }
    }
}
