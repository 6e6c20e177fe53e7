CREATE FUNCTION nn5g_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END $$;
CREATE TRIGGER audit_logs_append_only BEFORE UPDATE OR DELETE ON audit_logs
	FOR EACH ROW EXECUTE FUNCTION nn5g_append_only();
CREATE TRIGGER audit_logs_no_truncate BEFORE TRUNCATE ON audit_logs
	FOR EACH STATEMENT EXECUTE FUNCTION nn5g_append_only();
CREATE TRIGGER ledger_heads_append_only BEFORE UPDATE OR DELETE ON ledger_heads
	FOR EACH ROW EXECUTE FUNCTION nn5g_append_only();
CREATE TRIGGER ledger_heads_no_truncate BEFORE TRUNCATE ON ledger_heads
	FOR EACH STATEMENT EXECUTE FUNCTION nn5g_append_only();

CREATE TRIGGER recalls_tell AFTER INSERT OR UPDATE ON recalls
	FOR EACH ROW EXECUTE FUNCTION nn5g_tell();
CREATE TRIGGER grants_tell AFTER UPDATE OF returned ON grants
	FOR EACH ROW EXECUTE FUNCTION nn5g_tell();
