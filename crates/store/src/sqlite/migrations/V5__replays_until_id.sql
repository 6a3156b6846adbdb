-- The highest id of the project's events when a replay was made: where its walk ends. Of those that are under way it is the highest
-- there is now; what came meanwhile they pass over by its position.
ALTER TABLE replays ADD COLUMN until_id BLOB CHECK (length(until_id) = 16);
UPDATE replays SET until_id = (SELECT id FROM events WHERE project_id = replays.project_id ORDER BY id DESC LIMIT 1)
WHERE state = 'running';
