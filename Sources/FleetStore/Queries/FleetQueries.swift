import GRDB

/// What people and programs ask of the store: reads only, each one consistent snapshot.
public struct FleetQueries: Sendable {
    let database: DatabasePool
}

extension FleetStore {
    /// Questions to the store.
    public var queries: FleetQueries { FleetQueries(database: database) }
}

/// A page of a list with the place where the next one starts.
public struct ListPage<Item: Sendable>: Sendable {
    public var items: [Item]
    /// Nil at the end.
    public var next: String?

    public init(items: [Item], next: String? = nil) {
        self.items = items
        self.next = next
    }

    /// The first `limit` of what was found, which is asked for with one more: that one says whether there is a next page.
    ///
    /// - Parameter cursor: names the place of a page's last item.
    init(cutting found: [Item], to limit: Int, cursor: (Item) -> String?) {
        items = Array(found.prefix(limit))
        next = found.count > limit ? items.last.flatMap(cursor) : nil
    }
}
