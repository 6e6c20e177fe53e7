CREATE TRIGGER audit_logs_no_update BEFORE UPDATE ON audit_logs BEGIN
	SELECT RAISE(ABORT, 'audit_logs is append-only');
END;
CREATE TRIGGER audit_logs_no_delete BEFORE DELETE ON audit_logs BEGIN
	SELECT RAISE(ABORT, 'audit_logs is append-only');
END;
CREATE TRIGGER ledger_heads_no_update BEFORE UPDATE ON ledger_heads BEGIN
	SELECT RAISE(ABORT, 'ledger_heads is append-only');
END;
CREATE TRIGGER ledger_heads_no_delete BEFORE DELETE ON ledger_heads BEGIN
	SELECT RAISE(ABORT, 'ledger_heads is append-only');
END;

-- INSERT OR REPLACE deletes without asking a trigger: it is stopped before.
CREATE TRIGGER audit_logs_no_replace BEFORE INSERT ON audit_logs
	WHEN EXISTS (SELECT 1 FROM audit_logs
		WHERE id = NEW.id OR (tenant = NEW.tenant AND sequence = NEW.sequence)) BEGIN
	SELECT RAISE(ABORT, 'audit_logs is append-only');
END;
CREATE TRIGGER ledger_heads_no_replace BEFORE INSERT ON ledger_heads
	WHEN EXISTS (SELECT 1 FROM ledger_heads
		WHERE tenant = NEW.tenant AND size = NEW.size) BEGIN
	SELECT RAISE(ABORT, 'ledger_heads is append-only');
END;
