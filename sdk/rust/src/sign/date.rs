//! Unix time as dates of UTC.

/// "20150830T123600Z".
pub(super) fn basic(seconds: u64) -> String {
    let (year, month, day) = civil(seconds / DAY_SECONDS);
    let time = seconds % DAY_SECONDS;
    format!("{year:04}{month:02}{day:02}T{:02}{:02}{:02}Z", time / 3600, time / 60 % 60, time % 60)
}

/// "2015-08-30".
pub(super) fn day(seconds: u64) -> String {
    let (year, month, day) = civil(seconds / DAY_SECONDS);
    format!("{year:04}-{month:02}-{day:02}")
}

/// Year, month and day, given the days since 1970-01-01. Years begin in March here, so that a leap day comes last.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + DAYS_BEFORE_1970;
    let (era, of_era) = (days / DAYS_OF_400_YEARS, days % DAYS_OF_400_YEARS);
    let year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let calendar_month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(calendar_month <= 2), calendar_month, day)
}

const DAY_SECONDS: u64 = 86400;
const DAYS_OF_400_YEARS: u64 = 146_097;
/// Since 0000-03-01.
const DAYS_BEFORE_1970: u64 = 719_468;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, date) in [
            (0, "19700101T000000Z"),
            (951_782_399, "20000228T235959Z"),
            (951_782_400, "20000229T000000Z"),
            (1_440_938_160, "20150830T123600Z"),
            (1_709_251_199, "20240229T235959Z"),
            (1_735_689_599, "20241231T235959Z"),
            (4_107_542_400, "21000301T000000Z"),
        ] {
            assert_eq!(basic(seconds), date);
        }
        assert_eq!(day(1_551_113_065), "2019-02-25");
    }
}
