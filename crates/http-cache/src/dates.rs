//! HTTP dates (RFC 9110 section 5.6.7).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::noted::{Line, Noted};

/// The first second of the year 10000, which no HTTP date can name.
const YEAR_10000: u64 = 253_402_300_800;

const SECONDS_PER_DAY: i64 = 86_400;

/// The mean year of the Gregorian calendar.
const SECONDS_PER_YEAR: u64 = 31_556_952;

const WEEKDAYS: [&[u8]; 7] = [
    b"Monday",
    b"Tuesday",
    b"Wednesday",
    b"Thursday",
    b"Friday",
    b"Saturday",
    b"Sunday",
];

const MONTHS: [&[u8; 3]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

/// A date field that holds one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DateField {
    Absent,
    /// Not a date, or several lines that differ.
    Invalid,
    At(SystemTime),
}

impl DateField {
    /// Reads a field; `now` tells the century of a year of two digits.
    pub(crate) fn of(headers: &HeaderMap, name: &HeaderName, now: SystemTime) -> DateField {
        let mut lines = headers.get_all(name).iter();
        let Some(first) = lines.next() else {
            return DateField::Absent;
        };
        if lines.any(|other| other != first) {
            return DateField::Invalid;
        }
        parse(first.as_bytes(), now).map_or(DateField::Invalid, DateField::At)
    }

    /// The same, of what was noted of it.
    pub(crate) fn noted(
        noted: &Noted<'_>,
        (name, line): (&HeaderName, Line<'_>),
        now: SystemTime,
    ) -> DateField {
        match line {
            Line::No => DateField::Absent,
            Line::Once(line) => parse(line, now).map_or(DateField::Invalid, DateField::At),
            Line::Often => DateField::of(noted.headers, name, now),
        }
    }

    pub(crate) fn valid(self) -> Option<SystemTime> {
        match self {
            DateField::At(date) => Some(date),
            DateField::Absent | DateField::Invalid => None,
        }
    }
}

/// Reads the three forms of a date: IMF-fixdate, RFC 850 and asctime. Letter case does not
/// matter to a cache (RFC 9111 section 4.2), and neither does which weekday it was, as long as it
/// is one: the date is told without it. Everything else does, the GMT included.
pub(crate) fn parse(value: &[u8], now: SystemTime) -> Option<SystemTime> {
    match preferred(value) {
        Some(date) => date.moment(),
        None => parse_any(value, now),
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`, as nearly all write it: each response has such a date or two, and
/// all parts of one stand at fixed places. None if it is any other text, which may be a date, too.
fn preferred(value: &[u8]) -> Option<Civil> {
    let text: &[u8; 29] = value.try_into().ok()?;
    let [
        w1,
        w2,
        w3,
        b',',
        b' ',
        d1,
        d2,
        b' ',
        m1,
        m2,
        m3,
        b' ',
        y1,
        y2,
        y3,
        y4,
        b' ',
        time @ ..,
    ] = *text
    else {
        return None;
    };
    let [h1, h2, b':', n1, n2, b':', s1, s2, b' ', b'G', b'M', b'T'] = time else {
        return None;
    };
    let is_weekday = matches!(
        &[w1, w2, w3],
        b"Mon" | b"Tue" | b"Wed" | b"Thu" | b"Fri" | b"Sat" | b"Sun"
    );
    let (hour, minute, second) = (two(h1, h2)?, two(n1, n2)?, two(s1, s2)?);
    let is_time = hour < 24 && minute < 60 && second <= 60;
    (is_weekday && is_time).then_some(())?;
    Some(Civil {
        year: two(y1, y2)? * 100 + two(y3, y4)?,
        month: month(&[m1, m2, m3])?,
        day: two(d1, d2)?,
        time: (hour * 60 + minute) * 60 + second,
    })
}

/// Two digits.
fn two(tens: u8, ones: u8) -> Option<i64> {
    let digit = |byte: u8| byte.is_ascii_digit().then(|| i64::from(byte - b'0'));
    Some(digit(tens)? * 10 + digit(ones)?)
}

/// A month from 1 on, as its name is written.
fn month(name: &[u8; 3]) -> Option<i64> {
    Some(match name {
        b"Jan" => 1,
        b"Feb" => 2,
        b"Mar" => 3,
        b"Apr" => 4,
        b"May" => 5,
        b"Jun" => 6,
        b"Jul" => 7,
        b"Aug" => 8,
        b"Sep" => 9,
        b"Oct" => 10,
        b"Nov" => 11,
        b"Dec" => 12,
        _ => return None,
    })
}

/// Any of the three forms.
fn parse_any(value: &[u8], now: SystemTime) -> Option<SystemTime> {
    let mut text = Text(value);
    let date = match text.take_until(b", ") {
        Some(weekday) if is_weekday(weekday, 3) => text.imf_fixdate(),
        Some(weekday) if is_weekday(weekday, usize::MAX) => text.rfc850_date(now),
        Some(_) => None,
        None => {
            let weekday = text.take(3)?;
            is_weekday(weekday, 3).then(|| text.asctime_date())?
        }
    }?;
    text.0.is_empty().then_some(())?;
    date.moment()
}

/// A weekday, of which so many letters are written.
fn is_weekday(text: &[u8], letters: usize) -> bool {
    let is = |name: &&[u8]| text.eq_ignore_ascii_case(name.get(..letters).unwrap_or(name));
    WEEKDAYS.iter().any(is)
}

/// What is left of a text to read. Each method takes from its front, or answers `None`.
struct Text<'a>(&'a [u8]);

impl<'a> Text<'a> {
    /// `06 Nov 1994 08:49:37 GMT`
    fn imf_fixdate(&mut self) -> Option<Civil> {
        let day = self.digits(2)?;
        self.literal(b" ")?;
        let month = self.month()?;
        self.literal(b" ")?;
        let year = self.digits(4)?;
        self.literal(b" ")?;
        let time = self.time()?;
        self.literal(b" GMT")?;
        Some(Civil {
            year,
            month,
            day,
            time,
        })
    }

    /// `06-Nov-94 08:49:37 GMT`
    fn rfc850_date(&mut self, now: SystemTime) -> Option<Civil> {
        let day = self.digits(2)?;
        self.literal(b"-")?;
        let month = self.month()?;
        self.literal(b"-")?;
        let year = self.digits(2)?;
        self.literal(b" ")?;
        let time = self.time()?;
        self.literal(b" GMT")?;
        Civil {
            year,
            month,
            day,
            time,
        }
        .in_century(now)
    }

    /// ` Nov  6 08:49:37 1994`
    fn asctime_date(&mut self) -> Option<Civil> {
        self.literal(b" ")?;
        let month = self.month()?;
        self.literal(b" ")?;
        let day = match self.literal(b" ") {
            Some(()) => self.digits(1)?,
            None => self.digits(2)?,
        };
        self.literal(b" ")?;
        let time = self.time()?;
        self.literal(b" ")?;
        let year = self.digits(4)?;
        Some(Civil {
            year,
            month,
            day,
            time,
        })
    }

    /// `08:49:37`, as seconds of the day. The 60th second of a minute is a leap second.
    fn time(&mut self) -> Option<i64> {
        let hour = self.digits(2).filter(|hour| *hour < 24)?;
        self.literal(b":")?;
        let minute = self.digits(2).filter(|minute| *minute < 60)?;
        self.literal(b":")?;
        let second = self.digits(2).filter(|second| *second <= 60)?;
        Some((hour * 60 + minute) * 60 + second)
    }

    /// The month, from 1 on.
    fn month(&mut self) -> Option<i64> {
        let name = self.take(3)?;
        let at = MONTHS
            .iter()
            .position(|month| name.eq_ignore_ascii_case(*month))?;
        i64::try_from(at + 1).ok()
    }

    fn digits(&mut self, count: usize) -> Option<i64> {
        self.take(count)?.iter().try_fold(0, |sum, byte| {
            byte.is_ascii_digit()
                .then(|| sum * 10 + i64::from(byte - b'0'))
        })
    }

    fn literal(&mut self, expected: &[u8]) -> Option<()> {
        let (found, rest) = self.0.split_at_checked(expected.len())?;
        found.eq_ignore_ascii_case(expected).then(|| self.0 = rest)
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// What is before the mark, which is taken with it.
    fn take_until(&mut self, mark: &[u8]) -> Option<&'a [u8]> {
        let at = self
            .0
            .windows(mark.len())
            .position(|window| window == mark)?;
        let taken = self.take(at)?;
        self.take(mark.len())?;
        Some(taken)
    }
}

/// A day of the calendar and the second in it.
#[derive(Clone, Copy)]
struct Civil {
    year: i64,
    month: i64,
    day: i64,
    time: i64,
}

impl Civil {
    /// A year of two digits in the century that makes it no more than 50 years later than now
    /// (RFC 9110 section 5.6.7), which is the latest of those that do.
    fn in_century(self, now: SystemTime) -> Option<Civil> {
        let since_1970 = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let years = i64::try_from(since_1970.as_secs() / SECONDS_PER_YEAR).ok()?;
        let this_century = (1970 + years) / 100 * 100;
        let limit = now.checked_add(Duration::from_secs(50 * SECONDS_PER_YEAR))?;
        let in_century = |century| Civil {
            year: century + self.year,
            ..self
        };
        let centuries = [this_century + 100, this_century, this_century - 100];
        let mut dates = centuries.into_iter().map(in_century);
        dates.find(|date| date.moment().is_some_and(|moment| moment <= limit))
    }

    fn moment(self) -> Option<SystemTime> {
        if !(1..=days_in_month(self.year, self.month)).contains(&self.day) {
            return None;
        }
        let days = days_since_1970(self.year, self.month, self.day);
        let seconds = days * SECONDS_PER_DAY + self.time;
        let distance = Duration::from_secs(seconds.unsigned_abs());
        match seconds {
            0.. => UNIX_EPOCH.checked_add(distance),
            _ => UNIX_EPOCH.checked_sub(distance),
        }
    }
}

fn days_in_month(year: i64, month: i64) -> i64 {
    let is_leap = || year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if is_leap() => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Counts years from March on, so that the leap day is the last of its year. None is before the year 0.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    const FROM_YEAR_0_TO_1970: i64 = 719_468;
    /// Of 400 years.
    const LEAP_DAYS: i64 = 97;
    let (year, month_from_march) = match month {
        1 | 2 => (year - 1, month + 9),
        _ => (year, month - 3),
    };
    // Months of 31, 30, 31, 30, 31 days, again and again: 153 in five.
    let days_before = (153 * month_from_march as u32 + 2) / 5;
    // Where the calendar is the same, and January of the year 0 is in a year that is no less.
    let later = (year + 400) as u32;
    let leap_days = i64::from(later / 4 - later / 100 + later / 400) - LEAP_DAYS;
    year * 365 + leap_days + i64::from(days_before) + day - 1 - FROM_YEAR_0_TO_1970
}

/// Writes a date as IMF-fixdate, if it is one that the form can name.
pub(crate) fn format(date: SystemTime) -> Option<HeaderValue> {
    let seconds = date.duration_since(UNIX_EPOCH).ok()?.as_secs();
    if seconds >= YEAR_10000 {
        return None;
    }
    HeaderValue::from_str(&httpdate::fmt_http_date(date)).ok()
}

#[cfg(test)]
mod tests {
    use http::header;
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> Option<SystemTime> {
        Some(UNIX_EPOCH + Duration::from_secs(seconds))
    }

    /// In 2026.
    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_790_000_000)
    }

    fn parse(value: &[u8]) -> Option<SystemTime> {
        super::parse(value, now())
    }

    #[test]
    fn reads_the_three_forms() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "SUN, 06 NOV 1994 08:49:37 gmt",
            "sunday, 06-nov-94 08:49:37 GMT",
            // Any weekday will do.
            "Mon, 06 Nov 1994 08:49:37 GMT",
            "Friday, 06-Nov-94 08:49:37 GMT",
            "Thu Nov 06 08:49:37 1994",
        ] {
            assert_eq!(parse(text.as_bytes()), at(784_111_777), "{text}");
        }
    }

    #[test]
    fn reads_dates_at_the_edges_of_the_calendar() {
        for (text, seconds) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Tue, 29 Feb 2000 23:59:59 GMT", 951_868_799),
            ("Sat, 31 Dec 2016 23:59:60 GMT", 1_483_228_800),
            ("Fri, 31 Dec 9999 23:59:59 GMT", YEAR_10000 - 1),
        ] {
            assert_eq!(parse(text.as_bytes()), at(seconds), "{text}");
        }
        let before = UNIX_EPOCH - Duration::from_secs(1);
        assert_eq!(parse(b"Wed, 31 Dec 1969 23:59:59 GMT"), Some(before));
    }

    #[test]
    fn two_digits_are_the_latest_year_not_more_than_fifty_years_ahead() {
        let year = |text: &str, now| super::parse(text.as_bytes(), now);
        let in_2026 = |text| year(text, now());
        let full = |text: &str| parse(text.as_bytes());
        assert_eq!(
            in_2026("Friday, 01-Jan-76 00:00:00 GMT"),
            full("Wed, 01 Jan 2076 00:00:00 GMT")
        );
        assert_eq!(
            in_2026("Friday, 01-Jan-77 00:00:00 GMT"),
            full("Sat, 01 Jan 1977 00:00:00 GMT")
        );
        // In 1994, 44 was ahead, and 45 long ago; in 2090, 05 is ahead.
        let in_1994 = at(784_111_777).unwrap();
        assert_eq!(
            year("Sunday, 05-Nov-44 08:00:00 GMT", in_1994),
            full("Sat, 05 Nov 2044 08:00:00 GMT")
        );
        assert_eq!(
            year("Sunday, 06-Nov-45 08:00:00 GMT", in_1994),
            full("Tue, 06 Nov 1945 08:00:00 GMT")
        );
        let in_2090 = full("Sun, 01 Jan 2090 00:00:00 GMT").unwrap();
        assert_eq!(
            year("Sunday, 06-Nov-05 08:00:00 GMT", in_2090),
            full("Fri, 06 Nov 2105 08:00:00 GMT")
        );
    }

    #[test]
    fn refuses_what_only_looks_like_a_date() {
        for text in [
            "",
            "0",
            "-1",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 08:49:37 +0000",
            "Sun, 06 Nov 1994 8:49:37 GMT",
            "Sun, 06 Nov 94 08:49:37 GMT",
            "Sun 06 Nov 1994 08:49:37 GMT",
            "Sun, 06  Nov  1994 08:49:37 GMT",
            "Sun, 06-Nov-1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08.49.37 GMT",
            "Sun, 31 Feb 1994 08:49:37 GMT",
            "Wed, 29 Feb 1900 08:49:37 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:49:37 GMT",
            "Sun, 06 Nov 1994 08:60:37 GMT",
            "Sun, 06 Nov 1994 08:49:61 GMT",
            "Sun, 06 Nov 1994 08:49:37",
            "Xyz, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06-Nov-94 08:49:37 GMT",
            "Sun, Nov  6 08:49:37 1994",
            "Sunday Nov  6 08:49:37 1994",
            "Sun Nov  6 08:49:37 1994 GMT",
            "Sun Nov 6 08:49:37 1994",
            ", 06 Nov 1994 08:49:37 GMT",
            "06 Nov 1994 08:49:37 GMT",
            "Wednesday, 06-Nov-94 08:49:37 GMT and more",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn several_lines_count_only_if_they_agree() {
        let date = HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT");
        let mut headers = HeaderMap::new();
        assert_eq!(
            DateField::of(&headers, &header::DATE, now()),
            DateField::Absent
        );
        headers.append(header::DATE, date.clone());
        headers.append(header::DATE, date);
        assert_eq!(
            DateField::of(&headers, &header::DATE, now()).valid(),
            at(784_111_777)
        );
        headers.append(header::DATE, HeaderValue::from_static("0"));
        assert_eq!(
            DateField::of(&headers, &header::DATE, now()),
            DateField::Invalid
        );
    }

    #[test]
    fn writes_no_date_that_has_no_form() {
        assert_eq!(format(UNIX_EPOCH - Duration::from_secs(1)), None);
        assert_eq!(format(UNIX_EPOCH + Duration::from_secs(YEAR_10000)), None);
        assert!(format(UNIX_EPOCH + Duration::from_secs(YEAR_10000 - 1)).is_some());
    }

    proptest! {
        #[test]
        fn reads_what_it_writes(seconds in 0..YEAR_10000) {
            let date = UNIX_EPOCH + Duration::from_secs(seconds);
            prop_assert_eq!(parse(format(date).unwrap().as_bytes()), Some(date));
        }

        /// Of what both read, both say the same. It knows the weekday, and 1970 as a limit.
        #[test]
        fn another_reader_agrees(
            weekday in "(Mon|Sunday|Wednesday|Thu|Fri)", day in 0..33, month in 0..12_usize,
            year in 1900..2200, hour in 0..25, minute in 0..61, second in 0..62, form in 0..3,
        ) {
            let month = std::str::from_utf8(MONTHS[month]).unwrap();
            let time = format!("{hour:02}:{minute:02}:{second:02}");
            let text = match form {
                0 => format!("{weekday}, {day:02} {month} {year} {time} GMT"),
                1 => format!("{weekday}, {day:02}-{month}-{:02} {time} GMT", year % 100),
                _ => format!("{weekday} {month} {day:2} {time} {year}"),
            };
            // It takes 70 to 76 for the last century, whenever it is asked.
            if let Ok(theirs) = httpdate::parse_http_date(&text)
                && (form != 1 || !(70..=76).contains(&(year % 100)))
            {
                prop_assert_eq!(parse(text.as_bytes()), Some(theirs), "{}", text);
            }
        }

        /// What the usual form says, its own reader and the one of all forms read alike.
        #[test]
        fn the_usual_form_is_one_of_all(
            text in "[SMTWF][uoeaie][nuedirt], [0-3][0-9] (Jan|Feb|Nov|Dec|nov|Xyz) [0-9]{4} \
                     [0-2][0-9]:[0-6][0-9]:[0-6][0-9] (GMT|gmt|UTC)",
        ) {
            prop_assert_eq!(super::parse(text.as_bytes(), now()), parse_any(text.as_bytes(), now()));
        }

        #[test]
        fn never_panics(value in "[A-Za-z]{0,9}[, ]{0,2}[0-9]{0,3}[- A-Z]{0,5}[ -~]{0,24}") {
            let _ = parse(value.as_bytes());
        }
    }
}
