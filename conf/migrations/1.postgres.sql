-- Seeds have revision 1.
CREATE SEQUENCE nn5g_revision START 2;

CREATE FUNCTION nn5g_revise() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
	NEW.revision := nextval('nn5g_revision');
	NEW.changed_at := $NOW;
	PERFORM pg_notify('nn5g', TG_TABLE_NAME || ':' || NEW.id);
	RETURN NEW;
END $$;
CREATE FUNCTION nn5g_removed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_notify('nn5g', TG_TABLE_NAME || ':' || OLD.id);
	RETURN NULL;
END $$;
CREATE FUNCTION nn5g_tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_notify('nn5g', TG_TABLE_NAME);
	RETURN NULL;
END $$;

CREATE TRIGGER tenants_revise BEFORE INSERT OR UPDATE ON tenants
	FOR EACH ROW EXECUTE FUNCTION nn5g_revise();
CREATE TRIGGER tenants_removed AFTER DELETE ON tenants
	FOR EACH ROW EXECUTE FUNCTION nn5g_removed();
CREATE TRIGGER slices_revise BEFORE INSERT OR UPDATE ON slices
	FOR EACH ROW EXECUTE FUNCTION nn5g_revise();
CREATE TRIGGER slices_removed AFTER DELETE ON slices
	FOR EACH ROW EXECUTE FUNCTION nn5g_removed();

-- An update that changes nothing fires the tenant's own trigger.
CREATE FUNCTION nn5g_touch_tenant() RETURNS trigger LANGUAGE plpgsql
	SET search_path FROM CURRENT AS $$
BEGIN
	IF TG_OP <> 'INSERT' THEN
		UPDATE tenants SET revision = revision WHERE id = OLD.tenant;
	END IF;
	IF TG_OP <> 'DELETE' THEN
		UPDATE tenants SET revision = revision WHERE id = NEW.tenant;
	END IF;
	RETURN NULL;
END $$;
CREATE FUNCTION nn5g_touch_plan() RETURNS trigger LANGUAGE plpgsql
	SET search_path FROM CURRENT AS $$
BEGIN
	UPDATE tenants SET revision = revision WHERE plan = NEW.id;
	RETURN NULL;
END $$;
CREATE TRIGGER keys_touch AFTER INSERT OR UPDATE OR DELETE ON keys
	FOR EACH ROW EXECUTE FUNCTION nn5g_touch_tenant();
CREATE TRIGGER top_ups_touch AFTER INSERT OR UPDATE OR DELETE ON top_ups
	FOR EACH ROW EXECUTE FUNCTION nn5g_touch_tenant();
CREATE TRIGGER plans_touch AFTER UPDATE ON plans
	FOR EACH ROW EXECUTE FUNCTION nn5g_touch_plan();

CREATE TRIGGER sessions_tell AFTER UPDATE OF wanted ON sessions
	FOR EACH ROW WHEN (NEW.wanted IS NOT NULL) EXECUTE FUNCTION nn5g_tell();
CREATE TRIGGER nodes_tell AFTER UPDATE OF is_draining ON nodes
	FOR EACH ROW EXECUTE FUNCTION nn5g_tell();
