import DeviceCore
import FleetModel
import Foundation
import Sketches
import Testing

/// A POSIX rule and the name under which Foundation knows the same zone.
private struct Zone: Sendable, CustomTestStringConvertible {
    var rule: String
    var name: String
    var testDescription: String { name }
}

private let zones = [
    Zone(rule: "UTC0", name: "UTC"),
    Zone(rule: "CET-1CEST,M3.5.0,M10.5.0/3", name: "Europe/Berlin"),
    Zone(rule: "GMT0BST,M3.5.0/1,M10.5.0", name: "Europe/London"),
    Zone(rule: "IST-1GMT0,M10.5.0,M3.5.0/1", name: "Europe/Dublin"),
    Zone(rule: "EST5EDT,M3.2.0,M11.1.0", name: "America/New_York"),
    Zone(rule: "PST8PDT", name: "America/Los_Angeles"),
    Zone(rule: "NST3:30NDT,M3.2.0,M11.1.0", name: "America/St_Johns"),
    Zone(rule: "IST-5:30", name: "Asia/Kolkata"),
    Zone(rule: "<+0545>-5:45", name: "Asia/Kathmandu"),
    Zone(rule: "AEST-10AEDT,M10.1.0,M4.1.0/3", name: "Australia/Sydney"),
    Zone(rule: "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", name: "Australia/Lord_Howe"),
    Zone(rule: "<-02>2<-01>,M3.5.0/-1,M10.5.0/0", name: "America/Nuuk"),
]

@Suite("The clock of a device's site")
struct SiteZoneTests {
    /// Between 2025 and 2060.
    private static func instants(_ count: Int, seed: UInt64 = 11) -> [Instant] {
        var random = SeededGenerator(seed: seed)
        return (0..<count).map { _ in
            Instant(milliseconds: 1_735_689_600_000 + Int64(random.next() % 1_104_537_600_000))
        }
    }

    @Test("agrees with Foundation at two thousand instants of 35 years", arguments: zones)
    fileprivate func agrees(zone: Zone) throws {
        let rule = try #require(SiteZone(posix: zone.rule))
        let known = try #require(TimeZone(identifier: zone.name))
        for instant in Self.instants(2000) {
            let date = Date(timeIntervalSince1970: Double(instant.milliseconds) / 1000)
            #expect(rule.offset(at: instant) == known.secondsFromGMT(for: date), "\(zone.name) at \(date)")
        }
    }

    @Test("changes at the very second at which clocks do")
    func change() throws {
        let berlin = try #require(SiteZone(posix: "CET-1CEST,M3.5.0,M10.5.0/3"))
        // 2026-03-29T01:00:00Z and 2026-10-25T01:00:00Z.
        for (second, before, after) in [(1_774_746_000, 3600, 7200), (1_792_890_000, 7200, 3600)] {
            #expect(berlin.offset(at: Instant(milliseconds: Int64(second) * 1000 - 1)) == before)
            #expect(berlin.offset(at: Instant(milliseconds: Int64(second) * 1000)) == after)
        }
    }

    @Test("days by number: J counts no leap day, n does")
    func dayNumbers() throws {
        let julian = try #require(SiteZone(posix: "AAA0BBB,J60/0,J300/0"))
        let ordinal = try #require(SiteZone(posix: "AAA0BBB,59/0,300/0"))
        // March 1 of the leap year 2028 at midnight, and February 29.
        let march = Instant(milliseconds: 1_835_481_600_000)
        let leapDay = march.advanced(by: Interval(milliseconds: -86_400_000))
        #expect(julian.offset(at: march) == 3600)
        #expect(julian.offset(at: leapDay) == 0)
        #expect(ordinal.offset(at: leapDay) == 3600)
    }

    @Test(
        "what is no rule is refused",
        arguments: [
            "", "CET", "CE-1", "CET-25", "CET-1CEST,", "CET-1CEST,M3.5.0", "CET-1CEST,M13.1.0,M10.5.0", "CET-1:60",
            "CET-1CEST,M3.6.0,M10.5.0", "CET-1CEST,M3.5.7,M10.5.0", "CET-1CEST,J366,J1", "CET-1CEST,366,1", "<CET-1",
            "CET-1CEST,M3.5.0,M10.5.0 ", "CET-1CEST,M3.5.0/168,M10.5.0", "Europe/Berlin", "ÄÖÜ-1",
            "CET-1CEST,M99999999999999999999.5.0,M10.5.0", String(repeating: "A", count: 200) + "0",
        ])
    func refuses(text: String) { #expect(SiteZone(posix: text) == nil) }

    @Test("extreme clocks do not overflow")
    func extremes() throws {
        let berlin = try #require(SiteZone(posix: "CET-1CEST,M3.5.0,M10.5.0/3"))
        let window = ActivationCondition.window(startMinute: 120, endMinute: 180)
        for milliseconds in [Int64.min, Int64.min / 2, -1, 0, Int64.max / 2, Int64.max] {
            let instant = Instant(milliseconds: milliseconds)
            #expect([3600, 7200].contains(berlin.offset(at: instant)))
            _ = window.isOpen(at: instant, in: berlin)
        }
    }

    @Test(
        "no opening of a window is slept through, and the search comes to one",
        arguments: zones, [(120, 180), (1380, 60), (0, 1), (150, 155)])
    fileprivate func openings(zone: Zone, window: (Int, Int)) throws {
        let rule = try #require(SiteZone(posix: zone.rule))
        let condition = ActivationCondition.window(startMinute: window.0, endMinute: window.1)
        // Around changes of clocks above all: the end of March and of October 2026, and any time.
        let days: [Int64] = [1_774_656_000_000, 1_774_742_400_000, 1_792_800_000_000, 1_792_886_400_000]
        let starts = days.map { Instant(milliseconds: $0) } + Self.instants(6, seed: 5)
        for start in starts {
            var time = start
            var steps = 0
            while !condition.isOpen(at: time, in: rule) {
                let next = try #require(condition.nextOpening(after: time, in: rule))
                #expect(next > time)
                var minute = time
                while minute < next {
                    #expect(!condition.isOpen(at: minute, in: rule), "slept through \(minute) in \(zone.name)")
                    minute = minute.advanced(by: .minutes(1))
                }
                time = next
                steps += 1
                try #require(steps < 200)
            }
        }
    }

    @Test("a release that waits for the window at night becomes active by the site's clock, not by UTC")
    func activation() throws {
        var limits = Fixture.limits
        limits.zone = try #require(SiteZone(posix: "EST5EDT,M3.2.0,M11.1.0"))
        var world = SlotWorld(limits: limits)
        // 2026-07-01T04:30:00Z is half past midnight in New York; the window opens at two there.
        world.now = Instant(milliseconds: 1_782_880_200_000)
        let deadline = Int64(2_000_000_000_000)
        let night = ActivationCondition.window(startMinute: 120, endMinute: 240)
        world.feed(.desired(Fixture.target(2, activation: night, deadline: deadline)))
        #expect(world.machine.state.phase == .waiting)
        let opening = try #require(world.machine.wakeAt(world.now))
        #expect(opening == Instant(milliseconds: 1_782_885_600_000))
        world.now = opening
        world.feed(.tick)
        #expect(world.machine.state.phase == .probation)
    }
}
