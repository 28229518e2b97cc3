public import FleetModel

/// The time zone of the place where a device stands, as a rule (POSIX.1-2017, `TZ`; RFC 9636 extends its hours): an
/// offset from UTC and, where clocks change, when they do. Pure arithmetic: no time zone of the process, no file.
public struct SiteZone: Hashable, Sendable {
    /// Seconds east of UTC in winter; all year without `summer`.
    let standardOffset: Int
    let summer: Summer?

    /// When clocks are set forward, and back.
    struct Summer: Hashable, Sendable {
        var offset: Int
        var start: Change
        var end: Change
    }

    /// A moment of every year, in seconds after a day's midnight by the clock that was valid until then.
    struct Change: Hashable, Sendable {
        var day: Day
        var seconds: Int
    }

    enum Day: Hashable, Sendable {
        /// `Jn`: 1...365, February 29 is never counted.
        case julian(Int)
        /// `n`: 0...365, February 29 is counted.
        case ordinal(Int)
        /// `Mm.w.d`: the w-th weekday d of month m; week 5 is the last.
        case weekday(month: Int, week: Int, day: Int)
    }

    /// Coordinated Universal Time.
    public static let utc = SiteZone(standardOffset: 0, summer: nil)

    /// Seconds east of UTC at an instant.
    public func offset(at instant: Instant) -> Int {
        guard let summer else { return standardOffset }
        let (seconds, remainder) = instant.milliseconds.quotientAndRemainder(dividingBy: 1000)
        // A clock that is set absurdly must not overflow the calendar.
        let now = min(max(Int(remainder < 0 ? seconds - 1 : seconds), -Calendar.limit), Calendar.limit)
        let year = Calendar.year(ofDay: Calendar.floorDivide(now + standardOffset, Calendar.daySeconds))
        let start = summer.start.second(of: year) - standardOffset
        let end = summer.end.second(of: year) - summer.offset
        let isSummer = start < end ? (start..<end).contains(now) : now >= start || now < end
        return isSummer ? summer.offset : standardOffset
    }

    /// Milliseconds since local midnight, 0..<86,400,000.
    func timeOfDay(_ instant: Instant) -> Int64 {
        let day = ActivationCondition.dayMilliseconds
        // The day first: sums of extreme instants must not overflow.
        let time = (instant.milliseconds % day + Int64(offset(at: instant)) * 1000) % day
        return time < 0 ? time + day : time
    }
}

extension SiteZone.Change {
    /// The moment in a year, as local seconds since 1970.
    func second(of year: Int) -> Int { day.number(in: year) * Calendar.daySeconds + seconds }
}

extension SiteZone.Day {
    /// Days since 1970-01-01.
    func number(in year: Int) -> Int {
        let newYear = Calendar.day(year: year, month: 1, day: 1)
        switch self {
        case .julian(let day): return newYear + day - 1 + (day >= 60 && Calendar.isLeap(year) ? 1 : 0)
        case .ordinal(let day): return newYear + day
        case .weekday(let month, let week, let weekday):
            let first = Calendar.day(year: year, month: month, day: 1)
            let wait = (weekday - Calendar.weekday(ofDay: first) + 7) % 7
            let next =
                month == 12
                ? Calendar.day(year: year + 1, month: 1, day: 1)
                : Calendar.day(year: year, month: month + 1, day: 1)
            var day = first + wait + 7 * (week - 1)
            while day >= next { day -= 7 }
            return day
        }
    }
}

/// The Gregorian calendar in days since 1970-01-01 (H. Hinnant, "chrono-compatible low-level date algorithms").
enum Calendar {
    static let daySeconds = 86_400
    /// Seconds from 1970 that are computed with: about 30,000 years.
    static let limit = 1_000_000_000_000

    static func floorDivide(_ a: Int, _ b: Int) -> Int { a >= 0 ? a / b : -((b - 1 - a) / b) }

    static func isLeap(_ year: Int) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }

    /// Sunday is 0; 1970-01-01 was a Thursday.
    static func weekday(ofDay day: Int) -> Int { ((day + 4) % 7 + 7) % 7 }

    static func day(year: Int, month: Int, day: Int) -> Int {
        // Years begin in March, so that a leap day is their last.
        let year = month <= 2 ? year - 1 : year
        let era = floorDivide(year, 400)
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    static func year(ofDay day: Int) -> Int {
        let shifted = day + 719_468
        let era = floorDivide(shifted, 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        return yearOfEra + era * 400 + (dayOfYear >= 306 ? 1 : 0)
    }
}
