extension Schema {
    /// Releases that an automation key signed within a delegation.
    static let automation = """
        ALTER TABLE release ADD COLUMN automationKey TEXT;
        """

    /// Releases: what they hold, whose signatures they carry, what they came from.
    static let releases = """
        CREATE TABLE release (
            name TEXT PRIMARY KEY NOT NULL,
            counter INTEGER NOT NULL UNIQUE,
            stage TEXT NOT NULL,
            manifest BLOB NOT NULL,
            digest BLOB UNIQUE,
            signed BLOB,
            note TEXT NOT NULL DEFAULT '',
            createdAt INTEGER NOT NULL,
            createdBy TEXT NOT NULL,
            expiresAt INTEGER NOT NULL,
            approvedAt INTEGER,
            retiredAt INTEGER
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX release_stage ON release(stage);

        CREATE TABLE release_part (
            release TEXT NOT NULL REFERENCES release(name) ON DELETE CASCADE,
            slot TEXT NOT NULL,
            model TEXT NOT NULL,
            number INTEGER NOT NULL,
            image BLOB NOT NULL REFERENCES image(digest),
            thresholdsModel TEXT NOT NULL,
            thresholdsNumber INTEGER NOT NULL,
            PRIMARY KEY (release, slot),
            FOREIGN KEY (model, number) REFERENCES version(model, number)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX release_part_version ON release_part(model, number);
        CREATE INDEX release_part_image ON release_part(image);

        CREATE TABLE release_dataset (
            release TEXT NOT NULL REFERENCES release(name) ON DELETE CASCADE,
            dataset TEXT NOT NULL,
            number INTEGER NOT NULL,
            PRIMARY KEY (release, dataset, number)
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE release_return (
            release TEXT NOT NULL REFERENCES release(name) ON DELETE CASCADE,
            digest BLOB NOT NULL,
            PRIMARY KEY (release, digest)
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE release_signature (
            release TEXT NOT NULL REFERENCES release(name) ON DELETE CASCADE,
            key TEXT NOT NULL REFERENCES trusted_key(id),
            identity TEXT NOT NULL,
            signature BLOB NOT NULL,
            createdAt INTEGER NOT NULL,
            PRIMARY KEY (release, key),
            UNIQUE (release, identity)
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE approval (
            id INTEGER PRIMARY KEY,
            subject TEXT NOT NULL,
            name TEXT NOT NULL,
            identity TEXT NOT NULL,
            verdict TEXT NOT NULL,
            reason TEXT NOT NULL DEFAULT '',
            createdAt INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX approval_subject ON approval(subject, name);
        """
}
