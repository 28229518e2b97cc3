extension Schema {
    /// Alerts, the webhooks that carry them out, the audit's hash chain and settings.
    static let operations = """
        CREATE TABLE alert (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            fingerprint TEXT NOT NULL,
            kind TEXT NOT NULL,
            severity TEXT NOT NULL,
            subject TEXT NOT NULL,
            title TEXT NOT NULL,
            reason TEXT NOT NULL,
            action TEXT NOT NULL,
            occurrences INTEGER NOT NULL DEFAULT 1,
            openedAt INTEGER NOT NULL,
            updatedAt INTEGER NOT NULL,
            closedAt INTEGER,
            acknowledgedAt INTEGER,
            acknowledgedBy TEXT
        ) STRICT;
        CREATE UNIQUE INDEX alert_open ON alert(fingerprint) WHERE closedAt IS NULL;
        CREATE INDEX alert_kind ON alert(kind, closedAt);
        CREATE INDEX alert_subject ON alert(subject);

        CREATE TABLE webhook (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            url TEXT NOT NULL,
            secret TEXT,
            kinds TEXT NOT NULL DEFAULT '[]',
            enabled INTEGER NOT NULL DEFAULT 1,
            createdAt INTEGER NOT NULL,
            createdBy TEXT NOT NULL
        ) STRICT;

        CREATE TABLE webhook_delivery (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            webhook INTEGER NOT NULL REFERENCES webhook(id) ON DELETE CASCADE,
            alert INTEGER NOT NULL REFERENCES alert(id),
            body BLOB NOT NULL,
            state TEXT NOT NULL,
            attempts INTEGER NOT NULL DEFAULT 0,
            nextAt INTEGER NOT NULL,
            lastError TEXT,
            createdAt INTEGER NOT NULL,
            deliveredAt INTEGER
        ) STRICT;
        CREATE INDEX webhook_delivery_due ON webhook_delivery(nextAt) WHERE state = 'pending';
        CREATE INDEX webhook_delivery_webhook ON webhook_delivery(webhook, id);

        CREATE TABLE audit_entry (
            number INTEGER PRIMARY KEY NOT NULL,
            at INTEGER NOT NULL,
            identity TEXT NOT NULL,
            role TEXT NOT NULL,
            command TEXT NOT NULL,
            subject TEXT NOT NULL,
            detail TEXT NOT NULL,
            reason TEXT NOT NULL,
            previous BLOB NOT NULL,
            hash BLOB NOT NULL
        ) STRICT;
        CREATE INDEX audit_entry_subject ON audit_entry(subject);

        CREATE TABLE setting (
            key TEXT PRIMARY KEY NOT NULL,
            value TEXT NOT NULL
        ) STRICT, WITHOUT ROWID;
        """
}
