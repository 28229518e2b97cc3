extension Schema {
    /// Models, their immutable versions, the images compiled from them and the files behind both.
    static let models = """
        CREATE TABLE model (
            name TEXT PRIMARY KEY NOT NULL,
            description TEXT NOT NULL DEFAULT '',
            createdAt INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE blob (
            digest BLOB PRIMARY KEY NOT NULL,
            bytes INTEGER NOT NULL,
            kind TEXT NOT NULL,
            createdAt INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE version (
            model TEXT NOT NULL REFERENCES model(name),
            number INTEGER NOT NULL,
            onnx BLOB NOT NULL REFERENCES blob(digest),
            description TEXT NOT NULL DEFAULT '',
            dataset TEXT,
            datasetVersion INTEGER,
            trainingRun INTEGER,
            trainer TEXT,
            parameters TEXT NOT NULL DEFAULT '{}',
            metrics TEXT NOT NULL DEFAULT '{}',
            input TEXT,
            classes TEXT NOT NULL DEFAULT '[]',
            material BLOB,
            createdAt INTEGER NOT NULL,
            createdBy TEXT NOT NULL,
            PRIMARY KEY (model, number)
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE version_dependency (
            model TEXT NOT NULL,
            number INTEGER NOT NULL,
            requiredModel TEXT NOT NULL,
            requiredNumber INTEGER NOT NULL,
            PRIMARY KEY (model, number, requiredModel),
            FOREIGN KEY (model, number) REFERENCES version(model, number),
            FOREIGN KEY (requiredModel, requiredNumber) REFERENCES version(model, number)
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE image (
            digest BLOB PRIMARY KEY NOT NULL REFERENCES blob(digest),
            model TEXT NOT NULL,
            number INTEGER NOT NULL,
            bytes INTEGER NOT NULL,
            arenaBytes INTEGER NOT NULL,
            compiler TEXT NOT NULL DEFAULT '',
            createdAt INTEGER NOT NULL,
            FOREIGN KEY (model, number) REFERENCES version(model, number)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX image_version ON image(model, number);

        CREATE TABLE delivery (
            blob BLOB PRIMARY KEY NOT NULL,
            image BLOB NOT NULL REFERENCES image(digest),
            codec TEXT NOT NULL,
            file BLOB NOT NULL REFERENCES blob(digest),
            bytes INTEGER NOT NULL,
            map BLOB NOT NULL,
            publishedAt INTEGER,
            createdAt INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX delivery_image ON delivery(image);
        """

    /// Differences between images: which pairs were tried, and what came of them.
    static let deltas = """
        ALTER TABLE delivery ADD COLUMN base BLOB;

        CREATE TABLE delta (
            image BLOB NOT NULL REFERENCES image(digest),
            base BLOB NOT NULL,
            blob BLOB,
            bytes INTEGER NOT NULL,
            createdAt INTEGER NOT NULL,
            PRIMARY KEY (image, base)
        ) STRICT, WITHOUT ROWID;
        """

    /// Models whose images are encrypted on their way, and the images' keys.
    static let sealing = """
        ALTER TABLE model ADD COLUMN sealed INTEGER NOT NULL DEFAULT 0;
        CREATE TABLE image_key (
            image BLOB PRIMARY KEY NOT NULL,
            key BLOB NOT NULL
        ) STRICT, WITHOUT ROWID;
        """
}
