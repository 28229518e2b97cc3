public import GRDB

/// Requests on hot paths, through statements that the connection prepares once: compiling a query costs more than
/// running it, and the query interface compiles at every call.
extension FetchableRecord where Self: TableRecord {
    /// The first row that meets an SQL condition, all columns.
    public static func first(
        _ database: Database, where condition: String, _ arguments: StatementArguments
    ) throws -> Self? {
        try request(condition, arguments).fetchOne(database)
    }

    /// Every row that meets an SQL condition, which may end in an order.
    public static func all(
        _ database: Database, where condition: String, _ arguments: StatementArguments = []
    ) throws -> [Self] {
        try request(condition, arguments).fetchAll(database)
    }

    private static func request(_ condition: String, _ arguments: StatementArguments) -> SQLRequest<Self> {
        SQLRequest(
            sql: "SELECT * FROM \(databaseTableName) WHERE \(condition)", arguments: arguments, cached: true)
    }
}

extension Database {
    /// Runs one statement that the connection keeps prepared.
    public func run(_ sql: String, _ arguments: StatementArguments = []) throws {
        try cachedStatement(sql: sql).execute(arguments: arguments)
    }

    /// The first column of the first row, through a statement that the connection keeps prepared.
    public func value<Value: DatabaseValueConvertible>(
        _ sql: String, _ arguments: StatementArguments = []
    ) throws -> Value? {
        try SQLRequest<Value>(sql: sql, arguments: arguments, cached: true).fetchOne(self)
    }

    /// The first column of every row, through a statement that the connection keeps prepared.
    public func values<Value: DatabaseValueConvertible>(
        _ sql: String, _ arguments: StatementArguments = []
    ) throws -> [Value] {
        try SQLRequest<Value>(sql: sql, arguments: arguments, cached: true).fetchAll(self)
    }

    /// Every row, through a statement that the connection keeps prepared.
    public func rows(_ sql: String, _ arguments: StatementArguments = []) throws -> [Row] {
        try SQLRequest<Row>(sql: sql, arguments: arguments, cached: true).fetchAll(self)
    }
}
