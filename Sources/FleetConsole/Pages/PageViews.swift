import FleetModel

/// A state in colour, icon and words: never in colour alone.
struct StatusView: Hashable {
    /// `ok`, `warn`, `bad`, `busy` or empty.
    var tone: String
    var icon: String
    var text: String

    static func ok(_ text: String) -> StatusView { StatusView(tone: "ok", icon: "check", text: text) }
    static func warn(_ text: String, icon: String = "warn") -> StatusView {
        StatusView(tone: "warn", icon: icon, text: text)
    }
    static func bad(_ text: String, icon: String = "cross") -> StatusView {
        StatusView(tone: "bad", icon: icon, text: text)
    }
    static func busy(_ text: String) -> StatusView { StatusView(tone: "busy", icon: "spin", text: text) }
    static func plain(_ text: String, icon: String = "dot") -> StatusView {
        StatusView(tone: "", icon: icon, text: text)
    }
}

/// A moment: relative for the eye, absolute on hovering.
struct TimeView: Hashable {
    var iso: String
    var readable: String
    var relative: String

    init(_ instant: Instant, now: Instant) {
        iso = ISO8601.text(instant)
        readable = ISO8601.readable(instant)
        relative = Format.relative(instant, to: now)
    }
}

/// What stands where there is nothing yet, with what to do about it.
struct EmptyView: Hashable {
    var icon: String
    var heading: String
    var text: String
    var command: String?
}

/// One large number.
struct StatView: Hashable {
    var label: String
    var value: String
    var unit: String?
    var note: String = ""
    var status: StatusView?
}

/// A choice of a select element.
struct ChoiceView: Hashable {
    var value: String
    var name: String
    var isChosen: Bool
}

/// A name with a value; with a path the value is a link.
struct FactView: Hashable {
    var name: String
    var value: String
    var path: String?
    var isCode = false
}

/// A step of a sequence such as a release's stages.
struct StepView: Hashable {
    var name: String
    /// `done`, `now` or empty.
    var tone: String
    var isNow: Bool

    /// Steps up to the one that is reached.
    static func sequence(_ names: [String], reached: Int) -> [StepView] {
        names.enumerated().map { index, name in
            StepView(
                name: name, tone: index < reached ? "done" : index == reached ? "now" : "", isNow: index == reached)
        }
    }
}

/// A chart with its legend.
struct ChartView: Hashable {
    struct Entry: Hashable {
        var name: String
        var style: Int
        var value: String?
        var isOver: Bool
    }

    var svg: String
    var legend: [Entry]
}

/// A message above a page.
struct NoticeView: Hashable {
    var tone: String
    var icon: String
    var text: String
}
