-- Rows of one transaction are chained first and the end of the chain is noted once, after
-- them: a row may follow the last row, or the noted end. FAIL and not ABORT: the trigger
-- comes before any change, and ABORT would keep a journal for each row.
DROP TRIGGER audit_only_grows;
CREATE TRIGGER audit_only_grows BEFORE INSERT ON audit
WHEN new.number <> (SELECT coalesce(max(number), 0) + 1 FROM audit) AND new.number <> (SELECT number + 1 FROM audit_head) BEGIN
    SELECT RAISE(FAIL, 'audit rows are only added at the end');
END;
