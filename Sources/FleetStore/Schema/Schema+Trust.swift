extension Schema {
    /// Who may do what: identities with their tokens, release keys, and the documents that the root signed.
    static let trust = """
        CREATE TABLE identity (
            name TEXT PRIMARY KEY NOT NULL,
            createdAt INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE token (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            identity TEXT NOT NULL REFERENCES identity(name),
            role TEXT NOT NULL,
            hash BLOB NOT NULL UNIQUE,
            note TEXT NOT NULL DEFAULT '',
            createdAt INTEGER NOT NULL,
            expiresAt INTEGER,
            lastUsedAt INTEGER,
            revokedAt INTEGER
        ) STRICT;
        CREATE INDEX token_identity ON token(identity);

        CREATE TABLE trusted_key (
            id TEXT PRIMARY KEY NOT NULL,
            publicKey BLOB NOT NULL UNIQUE,
            holder TEXT NOT NULL,
            use TEXT NOT NULL,
            createdAt INTEGER NOT NULL,
            revokedAt INTEGER
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE trust_document (
            number INTEGER PRIMARY KEY NOT NULL,
            message BLOB NOT NULL,
            threshold INTEGER NOT NULL,
            expiresAt INTEGER NOT NULL,
            createdAt INTEGER NOT NULL
        ) STRICT;
        """
}
