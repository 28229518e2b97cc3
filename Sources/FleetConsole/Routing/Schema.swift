/// What a JSON value must look like. One description serves three: it checks request bodies, it becomes JSON Schema
/// in the OpenAPI document, and tests hold real responses to it. So the document cannot promise anything else.
indirect enum Schema: Hashable, Sendable {
    case string(StringRule = StringRule())
    case integer(minimum: Int64? = nil, maximum: Int64? = nil)
    case number(minimum: Double? = nil, maximum: Double? = nil)
    case boolean
    /// At most `limit` elements.
    case array(of: Schema, limit: Int)
    /// Exactly these fields: any other is refused.
    case object([Field])
    /// Any keys, all values of one kind, at most `limit` of them.
    case map(of: Schema, limit: Int)
    /// One of the named schemas of ``Components``.
    case component(Component)
    case nullable(Schema)
    /// A document that the endpoint itself reads and checks.
    case anything

    /// A field of an object.
    struct Field: Hashable, Sendable {
        var name: String
        var schema: Schema
        var isRequired: Bool
        var summary: String
    }

    /// What a text must be.
    struct StringRule: Hashable, Sendable {
        /// JSON Schema's `format`, such as `date-time`.
        var format: String?
        /// The values allowed; empty means any.
        var choices: [String] = []
        var minimumLength = 0
        var maximumLength = Schema.textLimit
        /// Must be a name as `CheckedName` has it.
        var isName = false
    }

    /// The longest text in a request unless a field says otherwise, in characters.
    static let textLimit = 4096
    /// The most elements of a list in a reply.
    static let listLimit = 100_000

    /// A name as it travels: `[A-Za-z0-9_-]{1,64}`.
    static let name = Schema.string(StringRule(minimumLength: 1, maximumLength: 64, isName: true))
    /// A point in time, ISO 8601 with milliseconds, UTC.
    static let time = Schema.string(StringRule(format: "date-time", maximumLength: 40))
    /// 64 hexadecimal characters.
    static let digest = Schema.string(StringRule(format: "sha256", minimumLength: 64, maximumLength: 64))
    /// A share, 0...1.
    static let share = Schema.number(minimum: 0, maximum: 1)
    /// A count, 0 or more.
    static let count = Schema.integer(minimum: 0)
    /// Any text of at most ``textLimit`` characters.
    static let text = Schema.string()
    /// Tags of a device.
    static let tags = Schema.map(of: .string(StringRule(maximumLength: 128)), limit: 64)

    /// Whether an empty object matches: then the body may be left out.
    var isOptional: Bool {
        guard case .object(let fields) = self else { return false }
        return !fields.contains(where: \.isRequired)
    }

    /// One of a few words.
    static func choice(_ words: [String]) -> Schema { .string(StringRule(choices: words)) }

    /// A page of a list: `{"items": […], "next": cursor?}`.
    static func list(of item: Schema) -> Schema {
        .object([
            .required("items", .array(of: item, limit: listLimit)),
            .optional("next", .text, "Cursor of the next page; absent at the end"),
        ])
    }
}

extension Schema.Field {
    /// A field that must be there.
    static func required(_ name: String, _ schema: Schema, _ summary: String = "") -> Schema.Field {
        Schema.Field(name: name, schema: schema, isRequired: true, summary: summary)
    }

    /// A field that may be left out.
    static func optional(_ name: String, _ schema: Schema, _ summary: String = "") -> Schema.Field {
        Schema.Field(name: name, schema: schema, isRequired: false, summary: summary)
    }
}
