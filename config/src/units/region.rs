//! Regions and autonomous systems.

use perigee_geodns::{CONTINENTS, Code};

use super::scalar::{Scalar, scalar};
use crate::suggest::list;

/// A continent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Continent(pub(crate) perigee_geodns::Continent);

/// A country, by ISO 3166-1 alpha-2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Country(pub(crate) perigee_geodns::Country);

/// A part of a country, by ISO 3166-2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Subdivision(
    pub(crate) perigee_geodns::Country,
    pub(crate) perigee_geodns::Subdivision,
);

/// The number of an autonomous system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asn(pub(crate) u32);

/// All codes of ISO 3166-1, and XK, which databases have for Kosovo.
const COUNTRIES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM \
    BN BO BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO \
    DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK \
    HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI \
    LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF \
    NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE \
    SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG \
    UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW";

fn country(text: &str) -> Option<perigee_geodns::Country> {
    let known = COUNTRIES.split_ascii_whitespace().any(|code| code == text);
    Code::new(text).filter(|_| known)
}

impl Scalar for Continent {
    const EXPECTED: &'static str = r#"a continent, such as "EU""#;

    fn from_text(text: &str) -> Result<Self, String> {
        Code::new(text)
            .filter(|_| CONTINENTS.contains(&text))
            .map(Continent)
            .ok_or_else(|| {
                format!(
                    "{text:?} is not a continent: write {}",
                    list(CONTINENTS, "or")
                )
            })
    }
}

impl Scalar for Country {
    const EXPECTED: &'static str = r#"a country by ISO 3166-1, such as "DE""#;

    fn from_text(text: &str) -> Result<Self, String> {
        country(text).map(Country).ok_or_else(|| {
            let hint = match text {
                "UK" => r#""GB""#,
                "EL" => r#""GR""#,
                "EU" => "`continents` for continents, or",
                _ => "",
            };
            let space = if hint.is_empty() { "" } else { " " };
            match country(&text.to_ascii_uppercase()) {
                Some(code) => format!("{text:?} is not a country: write \"{code}\""),
                None if hint.starts_with('"') => {
                    format!("{text:?} is not a country: write {hint}")
                }
                None => format!(
                    "{text:?} is not a country: write {hint}{space}{}",
                    Self::EXPECTED
                ),
            }
        })
    }
}

impl Scalar for Subdivision {
    const EXPECTED: &'static str = r#"a part of a country by ISO 3166-2, such as "US-CA""#;

    fn from_text(text: &str) -> Result<Self, String> {
        text.split_once('-')
            .and_then(|(of, part)| Some(Subdivision(country(of)?, Code::new(part)?)))
            .ok_or_else(|| {
                format!(
                    "{text:?} is not a part of a country: write {}",
                    Self::EXPECTED
                )
            })
    }
}

impl Scalar for Asn {
    const EXPECTED: &'static str = r#"the number of an autonomous system, such as 64500"#;

    fn from_text(text: &str) -> Result<Self, String> {
        let digits = text.strip_prefix("AS").unwrap_or(text);
        match digits.parse() {
            Ok(number) if number > 0 => Ok(Asn(number)),
            _ => Err(format!("{text:?} is not one: write {}", Self::EXPECTED)),
        }
    }

    fn from_whole(number: i128) -> Result<Self, String> {
        match u32::try_from(number) {
            Ok(number) if number > 0 => Ok(Asn(number)),
            _ => Err(format!("{number} is not one: write {}", Self::EXPECTED)),
        }
    }
}

scalar!(Continent, { "type": "string", "enum": CONTINENTS });
scalar!(Country, { "type": "string", "pattern": "^[A-Z]{2}$" });
scalar!(Subdivision, { "type": "string", "pattern": "^[A-Z]{2}-[A-Z0-9]{1,3}$" });
scalar!(Asn, { "type": ["integer", "string"], "minimum": 1, "maximum": u32::MAX, "pattern": "^(AS)?[0-9]{1,10}$" });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_that_there_are() {
        assert!(Continent::from_text("EU").is_ok());
        assert!(Country::from_text("DE").is_ok());
        assert_eq!(COUNTRIES.split_ascii_whitespace().count(), 250);
        let california = Subdivision::from_text("US-CA").unwrap();
        assert_eq!((california.0.as_str(), california.1.as_str()), ("US", "CA"));
        for text in ["US", "US-", "US-CALI", "XX-1", "us-ca"] {
            assert!(Subdivision::from_text(text).is_err(), "{text}");
        }
    }

    #[test]
    fn regions_that_are_meant_otherwise() {
        for (text, help) in [
            ("UK", r#"write "GB""#),
            ("de", r#"write "DE""#),
            ("EU", "`continents`"),
            ("Germany", r#"such as "DE""#),
        ] {
            let error = Country::from_text(text).unwrap_err();
            assert!(error.contains(help), "{error}");
        }
        assert!(Continent::from_text("DE").unwrap_err().contains("`EU`"));
    }

    #[test]
    fn autonomous_systems() {
        assert_eq!(Asn::from_text("AS64500"), Ok(Asn(64_500)));
        assert_eq!(Asn::from_whole(64_500), Ok(Asn(64_500)));
        assert!(Asn::from_whole(0).is_err());
        assert!(Asn::from_whole(1 << 32).is_err());
        assert!(Asn::from_text("ASX").is_err());
    }
}
