//! Points on the globe.

use serde::{Deserialize, Serialize};

/// Mean radius of the Earth (IUGG), in kilometres.
const EARTH_RADIUS_KM: f64 = 6371.0088;

/// A point on the globe.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Degrees north, -90 to 90.
    pub latitude: f64,
    /// Degrees east, -180 to 180.
    pub longitude: f64,
}

impl Point {
    /// A point, if both are numbers within their range.
    pub fn new(latitude: f64, longitude: f64) -> Option<Self> {
        let valid = (-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude);
        valid.then_some(Point {
            latitude,
            longitude,
        })
    }

    /// Great-circle distance in kilometres, by the haversine formula, which stays exact for
    /// points close to each other.
    pub fn distance_km(self, other: Point) -> f64 {
        let (a, b) = (self.latitude.to_radians(), other.latitude.to_radians());
        let half_latitude = ((b - a) / 2.0).sin();
        let half_longitude = ((other.longitude - self.longitude).to_radians() / 2.0).sin();
        let h = half_latitude.powi(2) + a.cos() * b.cos() * half_longitude.powi(2);
        // Rounding can lift h above 1 for antipodes.
        2.0 * EARTH_RADIUS_KM * h.min(1.0).sqrt().asin()
    }

    /// Where it is from the middle of the Earth.
    pub(crate) fn direction(self) -> Direction {
        let (latitude, longitude) = (self.latitude.to_radians(), self.longitude.to_radians());
        let (north, level) = latitude.sin_cos();
        let (east, front) = longitude.sin_cos();
        Direction([level * front, level * east, north])
    }
}

/// A point as a vector of length 1: costs nothing to compare.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Direction([f64; 3]);

impl Direction {
    /// Grows with the distance: the square of the straight line between them, from 0 to 4.
    pub(crate) fn apart(self, other: Direction) -> f64 {
        let pairs = self.0.iter().zip(other.0);
        pairs.map(|(a, b)| (a - b) * (a - b)).sum()
    }
}

/// The great-circle distance in kilometres of what is so far apart; see [`Direction::apart`].
pub(crate) fn apart_km(apart: f64) -> f64 {
    if apart == f64::INFINITY {
        return apart;
    }
    let half = (apart.clamp(0.0, 4.0).sqrt() / 2.0).min(1.0);
    2.0 * EARTH_RADIUS_KM * half.asin()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(latitude: f64, longitude: f64) -> Point {
        Point::new(latitude, longitude).unwrap()
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 5.0
    }

    #[test]
    fn known_distances() {
        let frankfurt = point(50.1109, 8.6821);
        let new_york = point(40.7128, -74.006);
        assert!(close(frankfurt.distance_km(new_york), 6205.0));
        assert!(close(new_york.distance_km(frankfurt), 6205.0));
        assert_eq!(frankfurt.distance_km(frankfurt), 0.0);
    }

    #[test]
    fn what_is_farther_is_farther_apart() {
        let from = point(50.1, 8.7);
        let mut far: Vec<Point> = (0..180)
            .flat_map(|a| {
                (0..90).map(move |b| point(f64::from(b) * 2.0 - 89.0, f64::from(a) * 2.0 - 179.0))
            })
            .collect();
        let apart = |p: &Point| from.direction().apart(p.direction());
        far.sort_by(|a, b| apart(a).total_cmp(&apart(b)));
        for pair in far.windows(2) {
            let [near, far] = pair else { continue };
            assert!(from.distance_km(*near) <= from.distance_km(*far) + 1e-6);
        }
    }

    #[test]
    fn both_ways_to_measure_agree() {
        let points = [
            (50.1, 8.7),
            (40.7, -74.0),
            (1.3, 103.8),
            (-90.0, 0.0),
            (-40.7, 106.0),
        ];
        for a in points.map(|(a, b)| point(a, b)) {
            for b in points.map(|(a, b)| point(a, b)) {
                let km = apart_km(a.direction().apart(b.direction()));
                assert!((km - a.distance_km(b)).abs() < 0.5, "{a:?} {b:?}: {km}");
            }
        }
        assert_eq!(apart_km(f64::INFINITY), f64::INFINITY);
        assert_eq!(apart_km(-1.0), 0.0);
    }

    #[test]
    fn the_date_line_is_no_border() {
        let fiji = point(-18.0, 179.0);
        let samoa = point(-14.0, -172.0);
        assert!(fiji.distance_km(samoa) < 1_100.0);
    }

    #[test]
    fn antipodes_and_poles() {
        assert!(close(
            point(0.0, 0.0).distance_km(point(0.0, 180.0)),
            20_015.0
        ));
        assert!(close(
            point(90.0, 0.0).distance_km(point(-90.0, 77.0)),
            20_015.0
        ));
    }

    #[test]
    fn what_is_no_point() {
        assert_eq!(Point::new(90.1, 0.0), None);
        assert_eq!(Point::new(0.0, -180.5), None);
        assert_eq!(Point::new(f64::NAN, 0.0), None);
        assert_eq!(Point::new(0.0, f64::INFINITY), None);
    }
}
