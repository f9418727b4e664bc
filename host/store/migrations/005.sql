DROP TABLE audit;

-- FAIL and not ABORT: the triggers come before any change, and ABORT would keep a journal
-- for each row. The first of each pair also stops INSERT OR REPLACE, which fires no
-- delete trigger.
CREATE TRIGGER audit_only_grows BEFORE INSERT ON audit_pages
WHEN new.first <> (SELECT number + 1 FROM audit_head) BEGIN
    SELECT RAISE(FAIL, 'audit rows are only added at the end');
END;
CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit_pages BEGIN
    SELECT RAISE(FAIL, 'audit rows are never changed');
END;
CREATE TRIGGER audit_is_never_deleted BEFORE DELETE ON audit_pages BEGIN
    SELECT RAISE(FAIL, 'audit rows are never deleted');
END;
CREATE TRIGGER checkpoints_only_grow BEFORE INSERT ON audit_checkpoints
WHEN new.size <= (SELECT coalesce(max(size), 0) FROM audit_checkpoints) BEGIN
    SELECT RAISE(FAIL, 'audit checkpoints are only added at the end');
END;
CREATE TRIGGER checkpoints_are_never_changed BEFORE UPDATE ON audit_checkpoints BEGIN
    SELECT RAISE(FAIL, 'audit checkpoints are never changed');
END;
CREATE TRIGGER checkpoints_are_never_deleted BEFORE DELETE ON audit_checkpoints BEGIN
    SELECT RAISE(FAIL, 'audit checkpoints are never deleted');
END;
