ALTER TABLE item ADD COLUMN tag VARCHAR(300) CHARACTER SET ascii NULL;
INSERT INTO item (name, tag)
VALUES ('first; of all', 'a -- b');
