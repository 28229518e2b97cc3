import FleetController
import FleetModel
import FleetStore
import Foundation
import Testing

@testable import FleetConsole

@Suite("Times, numbers and schemas")
struct TextTests {
    @Test(
        "times survive the way through text",
        arguments: [0, 951_782_400_123, 1_795_302_882_000, 4_102_444_799_999, -86_400_000] as [Int64])
    func times(milliseconds: Int64) {
        let instant = Instant(milliseconds: milliseconds)
        #expect(ISO8601.instant(ISO8601.text(instant)) == instant)
    }

    @Test("times are what the calendar says")
    func calendar() {
        #expect(ISO8601.text(Instant(milliseconds: 951_782_400_123)) == "2000-02-29T00:00:00.123Z")
        #expect(ISO8601.instant("2026-11-21T23:14:42Z") == Instant(milliseconds: 1_795_302_882_000))
        #expect(ISO8601.instant("2026-11-21T23:14:42.5Z") == Instant(milliseconds: 1_795_302_882_500))
    }

    @Test(
        "what is no time is refused",
        arguments: [
            "", "2026-11-21", "2026-13-01T00:00:00Z", "2026-11-21T24:00:00Z", "2026-11-21T23:14:42+01:00", "yesterday",
        ])
    func wrongTimes(text: String) { #expect(ISO8601.instant(text) == nil) }

    @Test("numbers are written as people read them")
    func numbers() {
        #expect(Format.count(1_234_567) == "1,234,567")
        #expect(Format.count(-999) == "−999")
        #expect(Format.count(1, "device") == "1 device")
        #expect(Format.count(0, "entry", "entries") == "0 entries")
        #expect(Format.percent(0.9236) == "92.4 %")
        #expect(Format.bytes(182_272) == "178.0 KiB")
        #expect(Format.microseconds(412) == "412 µs")
        #expect(Format.microseconds(1250) == "1.25 ms")
        #expect(Format.decimal(-0.04, 1) == "0.0")
        #expect(Format.interval(.minutes(190)) == "3 h 10 min")
        #expect(Format.words("proofFailed") == "proof failed")
        let now = Instant(milliseconds: 1_000_000_000)
        #expect(Format.relative(now, to: now) == "just now")
        #expect(Format.relative(Instant(milliseconds: 1_000_000_000 - 200_000), to: now) == "3 min ago")
        #expect(Format.relative(now.advanced(by: .minutes(120)), to: now) == "in 2 h")
    }

    @Test("a form is read as browsers write it")
    func forms() {
        let fields = FormReader.parse("a=1+2&b=%C3%A4%26&c&a=other")
        #expect(fields == ["a": "1 2", "b": "ä&", "c": ""])
    }

    @Test("a tar is one that others read: names, sizes and checksum")
    func tar() throws {
        let bytes = TarWriter.entry("00000001.cls", Array("12".utf8))
        #expect(bytes.count == 1024)
        let header = bytes[0..<512]
        #expect(String(decoding: header.prefix(12), as: UTF8.self) == "00000001.cls")
        #expect(String(decoding: header[124..<135], as: UTF8.self) == "00000000002")
        var blank = Array(header)
        blank.replaceSubrange(148..<156, with: [UInt8](repeating: 32, count: 8))
        let sum = blank.reduce(0) { $0 + Int($1) }
        #expect(Int(String(decoding: header[148..<154], as: UTF8.self), radix: 8) == sum)
        let array = TarWriter.numPy([1, 2], rows: 1, columns: 2)
        #expect((array.count - 8).isMultiple(of: 64))
        #expect(String(decoding: array, as: UTF8.self).contains("'shape': (1, 2)"))
    }

    @Test("an address waits after its failures and forgets them in time")
    func limiter() {
        var limiter = FailureLimiter.logins
        let now = Instant(milliseconds: 1_000_000)
        for _ in 0..<ConsoleLimits.loginFailures { limiter.failed("a", at: now) }
        #expect(limiter.wait(for: "a", at: now) == 300)
        #expect(limiter.wait(for: "b", at: now) == nil)
        #expect(limiter.wait(for: "a", at: now.advanced(by: .minutes(ConsoleLimits.loginMinutes))) == nil)
        for index in 0..<ConsoleLimits.failedAddresses + 5 {
            limiter.failed("x\(index)", at: now.advanced(by: .seconds(1)))
        }
        #expect(limiter.wait(for: "a", at: now) == nil, "the oldest address makes room")
    }

    @Test("sessions idle out and the oldest makes room")
    func sessions() {
        var book = SessionBook()
        let identity = Identity(name: "a", role: .viewer)
        for index in 0...ConsoleLimits.sessions {
            book.begin(
                Session(
                    secret: "s\(index)", formToken: "f", identity: identity, token: "t",
                    lastUsed: Instant(milliseconds: Int64(index))))
        }
        let now = Instant(milliseconds: 5000)
        #expect(book.count == ConsoleLimits.sessions)
        #expect(book.use("s0", at: now) == nil)
        #expect(book.use("s1", at: now)?.secret == "s1")
        #expect(book.use("s1", at: now.advanced(by: .minutes(60 * ConsoleLimits.sessionHours))) == nil)
    }
}

@Suite("Charts")
struct ChartTests {
    @Test(
        "ticks are round and cover the values",
        arguments: [(0.0, 1.93), (-2.1, 4.4), (0.0, 0.0), (3.0, 3.0001), (0.0, 1e7)])
    func ticks(low: Double, high: Double) {
        let axis = Axis(covering: low, high)
        let slack = 1e-9 * max(1, high)
        #expect(axis.minimum <= low + slack && axis.maximum >= high - slack)
        #expect((2...12).contains(axis.ticks.count))
        #expect(zip(axis.ticks, axis.ticks.dropFirst()).allSatisfy { $0 < $1 })
    }

    @Test("time ticks are round, inside the span and not too many", arguments: [60, 3600, 86_400, 604_800] as [Int64])
    func timeTicks(seconds: Int64) {
        let start = Instant(milliseconds: 1_795_302_882_000)
        let axis = TimeAxis(start, start.advanced(by: .seconds(seconds)), count: 6)
        #expect((1...7).contains(axis.ticks.count))
        #expect(axis.ticks.allSatisfy { $0 >= axis.start && $0 <= axis.end })
    }

    @Test("a line chart has axis, unit, limit and a title for every point")
    func lineChart() {
        let start = Instant(milliseconds: 1_795_302_882_000)
        let points = (0..<5).map { LineChart.Point(at: start.advanced(by: .minutes(Int64($0))), value: Double($0) / 4) }
        let chart = LineChart(
            summary: "A <chart>", unit: "PSI ÷ threshold",
            series: [LineChart.Series(name: "ax", points: points, style: 9)],
            marks: [LineChart.Mark(value: 1, label: "drift above 1", isLimit: true)], range: 0...1.2)
        let svg = chart.html
        #expect(svg.components(of: "<svg ") == 3)
        #expect(svg.components(of: "<title>ax: ") == 15)
        #expect(svg.contains("PSI ÷ threshold") && svg.contains("drift above 1") && svg.contains("class=\"limit\""))
        #expect(svg.contains("aria-label=\"A &lt;chart&gt;\""))
        #expect(svg.contains("class=\"s1\""), "styles repeat after eight")
        #expect(!svg.contains("nan") && !svg.contains("style="))
    }

    @Test("a time series is drawn in one panel for each unit, an image as its pixels, thinned when large")
    func frames() {
        let channels = [
            Channel(name: "a", unit: "g"), Channel(name: "b", unit: "rad/s"), Channel(name: "c", unit: "g"),
        ]
        let series = FrameDescription(kind: .timeseries, steps: 4, width: 3, channels: channels)
        let svg = FramePlot.timeSeries((0..<12).map { $0 == 5 ? .nan : Float($0) }, series)
        #expect(svg.contains("a, c in g") && svg.contains("b in rad/s"))
        #expect(svg.components(of: "class=\"line\"") == 9)
        let pixel = [Channel(name: "grey", unit: "")]
        let image = FrameDescription(kind: .image, steps: 8, width: 8, channels: pixel)
        #expect(FramePlot.image((0..<64).map(Float.init), image).components(of: "<rect ") == 64)
        let large = FrameDescription(kind: .image, steps: 200, width: 200, channels: pixel)
        let cells = FramePlot.image([Float](repeating: 1, count: 40_000), large).components(of: "<rect ")
        #expect(cells <= FramePlot.imageSide * FramePlot.imageSide)
    }

    @Test("metrics are escaped as the format asks")
    func prometheus() {
        var text = PrometheusText()
        text.add("a_total", .counter, "Help.", [PrometheusText.Sample(labels: [("l", "a\"b\\c\nd")], value: 1.5)])
        text.add("b", .gauge, "Help.", [])
        #expect(text.text == "# HELP a_total Help.\n# TYPE a_total counter\na_total{l=\"a\\\"b\\\\c\\nd\"} 1.5\n")
    }
}
